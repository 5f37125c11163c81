"""Finds the run that a user means, among the records of a grid."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from bench.analysis import failures
from bench.analysis.results import PIPELINE, Key, Results
from bench.base.errors import UsageError
from bench.base.grammar import split
from bench.base.naming import pipeline_name
from bench.base.registry import did_you_mean
from bench.clusterers.named import DEFAULT
from bench.clusterers.named import Named as Clusterer
from models.named import Named
from reducers.chain import Chain


@dataclass(frozen=True)
class Choice:
    """A run of a pipeline: its row of the records, and why it is this seed."""

    record: pd.Series
    why: str


def choose(
    records: pd.DataFrame,
    cell: str | None,
    seed_index: int | None = None,
    out: Path = Path("results"),
) -> Choice:
    """Find the record of a pipeline and seed; raise `UsageError` if it was not finished.

    Parameters
    ----------
    records : DataFrame
        Of one data set; ``out``, the results folder, is what messages name.
    cell : str or None
        As tables write it, ``MODEL, CHAIN``, and ``-> CLUSTERER`` unless it is k-means. None: the
        best one, by the report's rule.
    seed_index : int or None
        None: the pipeline's median seed by the metric that the report ranks by.
    """
    results = Results(records)
    pipeline = _best(results, out) if cell is None else _named(records, cell)
    name, rows = pipeline_name(*pipeline), results.rows(pipeline)
    done = rows[rows["status"] == "ok"]
    if done.empty:
        raise UsageError(f"{name}: {failures.advice(rows.iloc[0])}")
    if seed_index is None:
        chosen = results.median_seed(pipeline)
        why = f"seed {chosen}, the median of {len(done)}" if len(done) > 1 else f"seed {chosen}"
    else:
        chosen, why = seed_index, f"seed {seed_index}"
    of_seed = rows[rows["seed_index"] == chosen]
    if of_seed.empty:
        seeds = ", ".join(str(seed) for seed in rows["seed_index"])
        raise UsageError(f"{name} has no seed {chosen}: it has {seeds}")
    record = of_seed.iloc[0]
    if record["status"] != "ok":
        raise UsageError(f"{name}, seed {chosen}: {failures.advice(record)}")
    return Choice(record, why)


def _best(results: Results, out: Path) -> Key:
    if results.best is not None:
        return results.best.pipeline
    lacking, hint = ("has a score", "; name one") if len(results.done) else ("was finished", "")
    raise UsageError(
        f"this grid has no best pipeline, because none {lacking}: see {out / 'results.md'}{hint}"
    )


def _named(records: pd.DataFrame, text: str) -> Key:
    """Return the pipeline that a user names, as the records write it."""
    known = list(records[PIPELINE].drop_duplicates().itertuples(index=False, name=None))
    written = _canonical(text)
    if written in known:
        return written
    cells = [pipeline_name(*each) for each in known]
    some = "; ".join(cells[:12]) + (f"; and {len(cells) - 12} more" if len(cells) > 12 else "")
    raise UsageError(
        f"no pipeline {text!r}: {did_you_mean(pipeline_name(*written), cells)}there are {some}"
    )


def _canonical(text: str) -> Key:
    """Write a pipeline as records do; what cannot be read stays as it is."""
    whole = text.replace("->", "→")
    parts = split(whole, ",")
    model, *rest = parts if len(parts) > 1 else whole.split(" with ", 1)
    chain, arrow, by = ",".join(rest).partition("→")
    by = by if arrow else DEFAULT
    try:
        return str(Named.parse(model.strip())), str(Chain.parse(chain)), str(Clusterer.parse(by))
    except ValueError:
        return model.strip(), chain.strip(), by.strip()
