"""The page's table of cells and its heat map, as the template lays them out."""

from __future__ import annotations

from dataclasses import dataclass

import pandas as pd

from bench.analysis.results import PIPELINE, Results
from bench.base.naming import chain_name
from bench.report.page.colors import shade
from bench.report.tables import (
    OF_LABELED,
    OF_UNLABELED,
    against_best,
    format_ci,
    mean_and_spread,
    metrics_to_show,
    missing,
)
from bench.stages.metrics.table import METRICS

WIDTH = 180.0  # of a drawn interval, in CSS pixels


@dataclass(frozen=True)
class Value:
    """A number in the table: its text, and what to sort by, empty where there is none."""

    text: str
    order: str


@dataclass(frozen=True)
class Interval:
    """A 95% interval as it is drawn: places from the left, in CSS pixels."""

    low: float | None
    mean: float
    high: float | None
    text: str


@dataclass(frozen=True)
class Row:
    """A cell of the grid.

    Attributes
    ----------
    rank : int
    model, chain : str
    values : list of Value
        In the order of the table's metrics.
    interval : Interval or None
    standing : str
        How it stands to the best.
    seconds : Value
    seeds : str
    status : str
        ``ok``, ``failed`` or ``skipped``; of several seeds the worst.
    reason : str
        Why it failed or was skipped.
    """

    rank: int
    model: str
    chain: str
    values: list[Value]
    interval: Interval | None
    standing: str
    seconds: Value
    seeds: str
    status: str
    reason: str


@dataclass(frozen=True)
class Table:
    """The table: what it is judged by, headings of its metrics, its rows, best first.

    ``how`` says what the intervals are of; empty where there are none.
    """

    judged: str
    how: str
    metrics: list[str]
    meanings: list[str]
    rows: list[Row]
    chance: float | None


@dataclass(frozen=True)
class Shade:
    """A field of the heat map."""

    model: str
    chain: str
    text: str
    color: str
    ink: str


@dataclass(frozen=True)
class HeatMap:
    """Models by chains."""

    title: str
    chains: list[str]
    rows: list[tuple[str, list[Shade]]]


def table_of(records: pd.DataFrame) -> Table:
    """Make the table of all cells."""
    results = Results(records)
    judged = _judged(results)
    names = OF_LABELED if results.labeled else OF_UNLABELED
    columns = metrics_to_show(records, names) or ["accuracy"]
    cells = results.summary
    scale = _scale(cells, judged, records)
    rows = [
        _row(rank, cell, columns, judged, scale, records)
        for rank, (_, cell) in enumerate(cells.iterrows(), start=1)
    ]
    return Table(
        "accuracy" if results.labeled else "kNN modularity",
        _how(records, cells),
        [METRICS[name].title for name in columns],
        [METRICS[name].meaning for name in columns],
        rows,
        _chance(records),
    )


def _judged(results: Results) -> str | None:
    return results.shown if results.has_scores else None


def _how(records: pd.DataFrame, cells: pd.DataFrame) -> str:
    """Say what the intervals are of."""
    if cells["interval_low"].isna().all():
        return ""
    if records.iloc[0]["independent_images"]:
        return (
            "The interval joins the doubt of seeds and of images; whether a cell is worse than the "
            "best is decided by the same seeds and images."
        )
    return (
        "The interval is over seeds alone, by which it is decided whether a cell is worse than the "
        "best: the images are not independent, and nothing is said of others."
    )


def _chance(records: pd.DataFrame) -> float | None:
    largest = records["largest_class"].iloc[0]
    known = pd.notna(largest) and Results(records).labeled
    return float(largest) if known else None


def _row(
    rank: int,
    cell: pd.Series,
    columns: list[str],
    judged: str | None,
    scale: tuple[float, float],
    records: pd.DataFrame,
) -> Row:
    failed, skipped = int(cell["failed"]), int(cell["skipped"])
    done = int(cell["seeds"]) - failed - skipped
    return Row(
        rank,
        cell["model"],
        chain_name(cell["chain"], cell["clusterer"]),
        [_value(mean_and_spread(cell, name), cell[name]) for name in columns],
        _interval(cell, judged, scale),
        against_best(cell),
        _value("–" if pd.isna(cell["seconds"]) else f"{cell['seconds']:.2f}", cell["seconds"]),
        f"{done} of {cell['seeds']}" if failed + skipped else f"{done}",
        "failed" if failed else "skipped" if skipped else "ok",
        _reason(cell, records),
    )


def _value(text: str, order: float) -> Value:
    return Value(text, "" if pd.isna(order) else repr(float(order)))


def _reason(cell: pd.Series, records: pd.DataFrame) -> str:
    rows = Results(records).rows(tuple(cell[PIPELINE]))
    reasons = [
        f"{row['failed_stage']}: {row['error']}"
        if row["status"] == "failed"
        else row["skip_reason"]
        for _, row in rows.iterrows()
        if row["status"] != "ok"
    ]
    return "; ".join(dict.fromkeys(map(str, reasons)))


def _scale(cells: pd.DataFrame, judged: str | None, records: pd.DataFrame) -> tuple[float, float]:
    """Return the least and the greatest value that the drawn intervals reach."""
    if judged is None:
        return 0.0, 1.0
    parts = [cells[judged], cells["interval_low"], cells["interval_high"]]
    found = pd.concat([part.astype(float) for part in parts]).dropna()
    chance = _chance(records)
    low = min([found.min(), *([] if chance is None else [chance])])
    return float(low), float(max(found.max(), low + 1e-9))


def _interval(cell: pd.Series, judged: str | None, scale: tuple[float, float]) -> Interval | None:
    if judged is None or pd.isna(cell[judged]):
        return None
    low, high = cell["interval_low"], cell["interval_high"]
    known = pd.notna(low)
    return Interval(
        place(low, scale) if known else None,
        place(cell[judged], scale),
        place(high, scale) if known else None,
        format_ci(cell),
    )


def place_of_chance(records: pd.DataFrame) -> float | None:
    """Return where always naming the largest class is drawn; None where that means nothing."""
    chance = _chance(records)
    if chance is None:
        return None
    results = Results(records)
    return place(chance, _scale(results.summary, _judged(results), records))


def place(value: float, scale: tuple[float, float]) -> float:
    """Return where a value is drawn, in CSS pixels from the left."""
    low, high = scale
    return round(4 + (WIDTH - 8) * (float(value) - low) / (high - low), 1)


def heat_map_of(records: pd.DataFrame) -> HeatMap | None:
    """Make the heat map of what cells are judged by; None where nothing is."""
    results = Results(records)
    metric = _judged(results)
    if metric is None:
        return None
    cells = {
        (row["model"], chain_name(row["chain"], row["clusterer"])): row
        for _, row in results.summary.iterrows()
    }
    known = [float(row[metric]) for row in cells.values() if pd.notna(row[metric])]
    low, high = min(known), max(known)
    chains = list(dict.fromkeys(map(chain_name, records["chain"], records["clusterer"])))
    rows = [
        (
            model,
            [_shade(model, chain, cells[model, chain], metric, low, high) for chain in chains],
        )
        for model in dict.fromkeys(records["model"])
    ]
    return HeatMap(METRICS[metric].title, chains, rows)


def _shade(model: str, chain: str, row: pd.Series, metric: str, low: float, high: float) -> Shade:
    value = row[metric]
    if pd.isna(value):
        return Shade(model, chain, missing(row), "", "")
    share = 0.5 if high == low else (float(value) - low) / (high - low)
    color, ink = shade(share)
    return Shade(
        model, chain, f"{value:.3f}" + "*" * bool(row["failed"] + row["skipped"]), color, ink
    )
