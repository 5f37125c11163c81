"""The gate: ``python -m bench.check`` holds results against thresholds."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from bench.base.command import main_of, new_app
from bench.base.errors import UsageError

if TYPE_CHECKING:
    from xml.etree.ElementTree import Element

    import pandas as pd

    from bench.analysis.thresholds import Threshold

HOLDS, SHORT, FEW, NONE = "holds", "falls short", "too few seeds", "no threshold"

EPILOG = (
    "Exit codes: 0 everything holds, 1 something fell short, 2 misuse, 3 not enough seeds to "
    "tell, or no threshold for one of several data sets.\n\nExamples:\n\n"
    "python -m bench.check   (results/results.csv)\n\n"
    "python -m bench.check --update   (set the thresholds from the present results)\n\n"
    "python -m bench.check out/results.csv --json gate.json --junit gate.xml"
)

app = new_app()


@dataclass(frozen=True)
class Verdict:
    """Whether one number of one cell holds.

    Attributes
    ----------
    model, chain : str
        Of the cell; of a threshold that names no cell of the results, its patterns. ``*`` where a
        data set has no thresholds.
    metric : str
        ``accuracy`` or ``loss``; empty where there is no threshold.
    mean : float or None
        Found; None where the cell is missing or failed.
    spread : float or None
        Standard deviation over seeds.
    limit : float or None
        The least accuracy or greatest loss; None where there is no threshold.
    room : float or None
        By how much it holds; negative: by how much it falls short.
    seeds : int
        Found.
    verdict : str
        ``holds``, ``falls short``, ``too few seeds`` or ``no threshold``.
    reason : str
        Why it falls short without a number, or cannot be told.
    dataset : str
        Of the results.
    """

    model: str
    chain: str
    metric: str
    mean: float | None
    spread: float | None
    limit: float | None
    room: float | None
    seeds: int
    verdict: str
    reason: str
    dataset: str


def judge(thresholds: list[Threshold], records: pd.DataFrame) -> list[Verdict]:
    """Hold results against the thresholds of their preset and data sets.

    A cell that a threshold names and that is missing, failed or skipped falls short. Of several
    data sets, one without thresholds cannot be told while others are judged.

    Raises
    ------
    UsageError
        If no threshold is about this preset and any of the data sets.
    """
    from bench.analysis.summary import by_dataset
    from bench.analysis.thresholds import identity

    sets = by_dataset(records)
    mine = {
        name: [t for t in thresholds if t.is_for(*identity(of_set))]
        for name, of_set in sets.items()
    }
    if not any(mine.values()):
        preset, _ = identity(records)
        raise UsageError(
            f"no threshold is about preset {preset} on {' or '.join(sets)}: python -m bench.check "
            "--update sets them from these results"
        )
    return [v for name, of_set in sets.items() for v in _judge_set(mine[name], of_set)]


def _judge_set(mine: list[Threshold], records: pd.DataFrame) -> list[Verdict]:
    """Hold one data set's results against the thresholds that are about it."""
    from bench.analysis.summary import summary
    from bench.analysis.thresholds import identity

    if not mine:
        preset, dataset = identity(records)
        reason = f"none is about preset {preset} on this data set; --update sets them"
        return [Verdict("*", "*", "", None, None, None, None, 0, NONE, reason, dataset)]
    cells = [row for _, row in summary(records).iterrows()]
    verdicts = []
    for threshold in mine:
        matching = [row for row in cells if threshold.names(row.model, row.chain)]
        for row in matching:
            verdicts += _judge_cell(threshold, row, records)
        if not matching:
            verdicts += _judge_cell(threshold, None, records)
    return verdicts


def _judge_cell(
    threshold: Threshold, row: pd.Series | None, records: pd.DataFrame
) -> list[Verdict]:
    from bench.analysis.summary import leading_accuracy
    from bench.analysis.thresholds import LOSS

    limits = [
        ("accuracy", leading_accuracy(records) or "accuracy", threshold.min_accuracy, 1),
        ("loss", LOSS, threshold.max_loss, -1),
    ]
    dataset = str(records["dataset"].iloc[0])
    return [
        _judge_number(threshold, row, dataset, name, column, limit, sign)
        for name, column, limit, sign in limits
        if limit is not None and not (name == "loss" and _never_had(threshold, row, column))
    ]


def _never_had(threshold: Threshold, row: pd.Series | None, column: str) -> bool:
    """Tell whether a cell that a wild card takes in lacks a number, though it was done.

    Made by hand, a model has no loss. One that a threshold names must have what it is held to.
    """
    import pandas as pd

    if row is None or threshold.model == row["model"]:
        return False
    return row["failed"] + row["skipped"] == 0 and bool(pd.isna(row[column]))


def _judge_number(
    threshold: Threshold,
    row: pd.Series | None,
    dataset: str,
    name: str,
    column: str,
    limit: float,
    sign: int,
) -> Verdict:
    import pandas as pd

    if row is None:
        model, chain = threshold.model, threshold.chain
        return Verdict(model, chain, name, None, None, limit, None, 0, SHORT, "missing", dataset)
    undone = int(row["failed"] + row["skipped"])
    seeds = int(row["seeds"]) - undone
    mean = None if pd.isna(row[column]) else float(row[column])
    spread = None if pd.isna(row[f"{column}_std"]) else float(row[f"{column}_std"])
    room = None if mean is None else sign * (mean - limit) + 0.0  # no -0
    verdict, reason = HOLDS, ""
    if undone:
        words = [f"{int(row[what])} {what}" for what in ("failed", "skipped") if row[what]]
        verdict, reason = SHORT, f"{' and '.join(words)} of {int(row['seeds'])} seeds"
    elif room is None:
        verdict, reason = SHORT, f"has no {name}"
    elif seeds < threshold.seeds:
        verdict, reason = FEW, f"{seeds} of the {threshold.seeds} seeds it was set with"
    elif room < 0:
        verdict = SHORT
    model, chain = row["model"], row["chain"]
    return Verdict(model, chain, name, mean, spread, limit, room, seeds, verdict, reason, dataset)


def exit_code(verdicts: list[Verdict]) -> int:
    """Return 1 if something fell short, else 3 if something cannot be told, else 0."""
    found = {verdict.verdict for verdict in verdicts}
    return 1 if SHORT in found else 3 if found & {FEW, NONE} else 0


def table(verdicts: list[Verdict]) -> str:
    """Lay out verdicts for a terminal, what falls short first; by data set if there are several."""
    from tabulate import tabulate

    order = [SHORT, FEW, NONE, HOLDS]
    several = len({v.dataset for v in verdicts}) > 1
    rows = []
    for v in sorted(verdicts, key=lambda verdict: order.index(verdict.verdict)):
        digits = 3 if v.metric == "accuracy" else 4
        mean = "–" if v.mean is None else f"{v.mean:.{digits}f}"
        spread = "" if v.spread is None else f" ± {v.spread:.{digits}f}"
        bound = "–"
        if v.limit is not None:
            bound = f"{'at least' if v.metric == 'accuracy' else 'at most'} {v.limit:.{digits}f}"
        room = "" if v.room is None else f"{v.room:+.{digits}f}"
        verdict = v.verdict + (f": {v.reason}" if v.reason else "")
        where = [v.dataset] if several else []
        rows.append([*where, v.model, v.chain, v.metric, mean + spread, bound, room, verdict])
    header = ["model", "chain", "of", "found", "threshold", "room", "verdict"]
    return tabulate(rows, ["data set", *header] if several else header, disable_numparse=True)


def junit(verdicts: list[Verdict]) -> str:
    """Write verdicts in the XML that build servers read: one test case a number.

    Several data sets have a test suite each, with the data set's name.
    """
    from xml.etree.ElementTree import Element, indent, tostring

    from bench.base.errors import one_line

    root = Element("testsuites")
    names = list(dict.fromkeys(v.dataset for v in verdicts))
    for name in names:
        title = one_line(f"latentgrid {name}") if len(names) > 1 else "latentgrid"
        root.append(_suite(title, [v for v in verdicts if v.dataset == name]))
    indent(root)
    return '<?xml version="1.0" encoding="UTF-8"?>\n' + tostring(root, encoding="unicode") + "\n"


def _suite(title: str, verdicts: list[Verdict]) -> Element:
    from xml.etree.ElementTree import Element, SubElement

    from bench.base.errors import one_line

    counts = {what: sum(v.verdict == what for v in verdicts) for what in (SHORT, FEW, NONE)}
    suite = Element(
        "testsuite",
        name=title,
        tests=str(len(verdicts)),
        failures=str(counts[SHORT]),
        errors=str(counts[NONE]),  # build servers let what is skipped pass
        skipped=str(counts[FEW]),
    )
    for v in verdicts:
        name = one_line(f"{v.chain} {v.metric}")
        case = SubElement(suite, "testcase", classname=one_line(v.model), name=name)
        text = one_line(f"{v.verdict}: {v.reason or f'{v.mean} against {v.limit}'}")
        if v.verdict == SHORT:
            SubElement(case, "failure", message=text)
        elif v.verdict == FEW:
            SubElement(case, "skipped", message=text)
        elif v.verdict == NONE:
            SubElement(case, "error", message=text)
    return suite


def as_json(verdicts: list[Verdict]) -> str:
    """Write verdicts as JSON."""
    code = exit_code(verdicts)
    return (
        json.dumps({"exit_code": code, "verdicts": [asdict(v) for v in verdicts]}, indent=1) + "\n"
    )


def _option(help_text: str, metavar: str | None = None, *names: str) -> Any:
    return typer.Option(*names, help=help_text, metavar=metavar, show_default=False)


@app.command(epilog=EPILOG)
def check(
    results: Annotated[
        Path, typer.Argument(help="Records of a grid.", metavar="[RESULTS.CSV]", show_default=False)
    ] = Path("results/results.csv"),
    thresholds: Annotated[Path, _option("By default results/thresholds.toml.", "FILE")] = Path(
        "results/thresholds.toml"
    ),
    update: Annotated[
        bool,
        _option(
            "Set the thresholds from these results, with a margin from their seeds' spread.",
            None,
            "--update",
        ),
    ] = False,
    json_file: Annotated[
        Path | None, _option("Write the verdicts as JSON as well.", "FILE", "--json")
    ] = None,
    junit_file: Annotated[
        Path | None, _option("Write them as JUnit XML as well.", "FILE", "--junit")
    ] = None,
) -> int:
    """Hold a grid's results against thresholds, and fail when they fell short.

    For each cell that results/thresholds.toml names: is its mean accuracy at least, its
    reconstruction loss at most what it should be? Of several data sets, each is held against its
    own thresholds; one that has none cannot be told, which is exit code 3 and no pass.
    """
    from bench.analysis import thresholds as gate
    from bench.analysis.records import read
    from bench.analysis.summary import by_dataset

    records = read(results)
    if update:
        if json_file or junit_file:
            raise UsageError("--update judges nothing, so that --json and --junit have no use")
        before = gate.read(thresholds) if thresholds.exists() else []
        after = gate.update(before, records)
        gate.write(thresholds, after)
        for of_set in by_dataset(records).values():
            preset, dataset = gate.identity(of_set)
            count = sum(threshold.is_for(preset, dataset) for threshold in after)
            print(f"{count} thresholds for preset {preset} on {dataset} are in {thresholds}")
        return 0
    verdicts = judge(gate.read(thresholds), records)
    print(table(verdicts))
    for path, text in ((json_file, as_json), (junit_file, junit)):
        if path is not None:
            _write(path, text(verdicts))
    return exit_code(verdicts)


def _write(path: Path, text: str) -> None:
    from bench.base.files import write_text

    try:
        write_text(path, text)
    except OSError as error:
        raise UsageError(f"{path} cannot be written: {error.strerror}") from None


main = main_of(app, "python -m bench.check")


if __name__ == "__main__":
    main()
