"""The gate: results compared with thresholds, as a table, JSON and JUnit XML."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from xml.etree.ElementTree import Element, SubElement, indent, tostring

import pandas as pd

from bench.analysis import failures
from bench.analysis.results import Results, key_of
from bench.analysis.thresholds import LOSS, Threshold, identity
from bench.base.errors import UsageError, one_line
from bench.base.naming import chain_name

HOLDS, SHORT, FEW, NONE = "holds", "falls short", "too few seeds", "no threshold"
ORDER = [SHORT, FEW, NONE, HOLDS]


@dataclass(frozen=True)
class Verdict:
    """Whether one number of one pipeline holds."""

    # The pipeline; of a threshold that matches none, its patterns; * where there is no threshold.
    model: str
    chain: str
    clusterer: str
    metric: str  # accuracy or loss; empty where there is no threshold
    mean: float | None  # None where the pipeline is missing or failed
    spread: float | None  # standard deviation over seeds
    limit: float | None  # the least accuracy or greatest loss
    room: float | None  # by how much it holds; negative: by how much it falls short
    seeds: int
    verdict: str  # one of ORDER
    reason: str  # why it falls short without a number, or is not compared
    dataset: str


def judge(thresholds: list[Threshold], results: Results) -> list[Verdict]:
    """Compare results with the thresholds of their preset and data sets.

    A pipeline that a threshold names falls short if it is missing, failed or skipped. Some of
    several data sets may have no thresholds.

    Raises
    ------
    UsageError
        If no threshold applies to this preset and any of the data sets.
    """
    sets = results.by_dataset()
    own = {name: [t for t in thresholds if t.applies_to(sets[name])] for name in sets}
    if not any(own.values()):
        preset, _ = identity(results)
        raise UsageError(
            f"no threshold applies to preset {preset} on {' or '.join(sets)}: "
            "python -m bench.check --update sets them from these results"
        )
    return [v for name, of_set in sets.items() for v in _judge_set(own[name], of_set)]


def _judge_set(thresholds: list[Threshold], results: Results) -> list[Verdict]:
    preset, dataset = identity(results)
    if not thresholds:
        reason = f"none applies to preset {preset} on this data set; --update sets them"
        return [Verdict("*", "*", "*", "", None, None, None, None, 0, NONE, reason, dataset)]
    accuracy = results.metric if results.labeled else "accuracy"
    verdicts: list[Verdict] = []
    for threshold in thresholds:
        rows: list[pd.Series | None] = [*threshold.matching(results)]
        for row in rows or [None]:
            if threshold.min_accuracy is not None:
                limit = threshold.min_accuracy
                verdicts.append(_judge(threshold, row, dataset, "accuracy", accuracy, limit))
            if threshold.max_loss is not None and not _has_no_loss(threshold, row):
                limit = threshold.max_loss
                verdicts.append(_judge(threshold, row, dataset, "loss", LOSS, limit))
    return verdicts


def _has_no_loss(threshold: Threshold, row: pd.Series | None) -> bool:
    """Return whether a finished pipeline that a wild card matches has no loss, as hand-crafted.

    A pipeline that a threshold names must have what it is compared by.
    """
    if row is None or threshold.model == row["model"]:
        return False
    return failures.state(row) == "ok" and bool(pd.isna(row[LOSS]))


def _judge(
    threshold: Threshold, row: pd.Series | None, dataset: str, name: str, column: str, limit: float
) -> Verdict:
    if row is None:
        key = threshold.pipeline
        return Verdict(*key, name, None, None, limit, None, 0, SHORT, "missing", dataset)
    undone = int(row["failed"] + row["skipped"])
    seeds = int(row["seeds"]) - undone
    mean, spread = (
        None if pd.isna(value) else float(value) for value in (row[column], row[f"{column}_std"])
    )
    sign = 1 if name == "accuracy" else -1
    room = None if mean is None else sign * (mean - limit) + 0.0  # no -0
    verdict, reason = HOLDS, _other_size(threshold, row, name)
    if undone:
        verdict, reason = SHORT, failures.undone_seeds(row)
    elif reason:
        verdict, room = NONE, None
    elif room is None:
        verdict, reason = SHORT, f"has no {name}"
    elif seeds < threshold.seeds:
        verdict, reason = FEW, f"{seeds} of the {threshold.seeds} seeds it was set with"
    elif room < 0:
        verdict = SHORT
    return Verdict(*key_of(row), name, mean, spread, limit, room, seeds, verdict, reason, dataset)


def _other_size(threshold: Threshold, row: pd.Series, name: str) -> str:
    """Say that a loss is of images of another size than its limit; empty where it is not."""
    sizes = threshold.image_size, row["image_size"]
    if name != "loss" or any(map(pd.isna, sizes)) or sizes[0] == sizes[1]:
        return ""
    return f"of images of {sizes[1]:.0f}×{sizes[1]:.0f}; the threshold is of {sizes[0]}×{sizes[0]}"


def exit_code(verdicts: list[Verdict]) -> int:
    """Return 1 if something fell short, else 3 if something was not compared, else 0."""
    found = {verdict.verdict for verdict in verdicts}
    return 1 if SHORT in found else 3 if found & {FEW, NONE} else 0


def junit(verdicts: list[Verdict]) -> str:
    """Write verdicts in the XML that build servers read: one test case a number.

    Several data sets have a test suite each, with the data set's name.
    """
    root = Element("testsuites")
    names = list(dict.fromkeys(v.dataset for v in verdicts))
    for name in names:
        title = one_line(f"latentgrid {name}") if len(names) > 1 else "latentgrid"
        root.append(_suite(title, [v for v in verdicts if v.dataset == name]))
    indent(root)
    return '<?xml version="1.0" encoding="UTF-8"?>\n' + tostring(root, encoding="unicode") + "\n"


# The element of a test case; build servers let what is skipped pass.
ELEMENTS = {SHORT: "failure", FEW: "skipped", NONE: "error"}


def _suite(title: str, verdicts: list[Verdict]) -> Element:
    count = {what: str(sum(v.verdict == what for v in verdicts)) for what in ELEMENTS}
    counts = {"failures": count[SHORT], "errors": count[NONE], "skipped": count[FEW]}
    suite = Element("testsuite", {"name": title, "tests": str(len(verdicts))} | counts)
    for v in verdicts:
        name = one_line(f"{chain_name(v.chain, v.clusterer)} {v.metric}")
        case = SubElement(suite, "testcase", classname=one_line(v.model), name=name)
        if v.verdict in ELEMENTS:
            text = one_line(f"{v.verdict}: {v.reason or f'{v.mean} against {v.limit}'}")
            SubElement(case, ELEMENTS[v.verdict], message=text)
    return suite


def as_json(verdicts: list[Verdict]) -> str:
    """Write verdicts as JSON."""
    found = {"exit_code": exit_code(verdicts), "verdicts": [asdict(v) for v in verdicts]}
    return json.dumps(found, indent=1) + "\n"
