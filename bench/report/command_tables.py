"""The tables that the commands check, compare and select print."""

from __future__ import annotations

import pandas as pd

from bench.analysis import compare_runs, gate
from bench.analysis.compare_runs import Change
from bench.analysis.gate import Verdict
from bench.analysis.selection import Selection, leave_one_out
from bench.base.naming import chain_name
from bench.report import tables
from bench.report.columns import MISSING, Column, Table, numbers, to_markdown, to_terminal, words


def check_table(verdicts: list[Verdict]) -> str:
    """Write verdicts for a terminal, what falls short first; with the data set if several."""

    def limit(v: Verdict) -> str:
        bound = "at least" if v.metric == "accuracy" else "at most"
        return MISSING if v.limit is None else f"{bound} {v.limit:.{_digits(v)}f}"

    def found(v: Verdict) -> str:
        spread = "" if v.spread is None else f" ± {v.spread:.{_digits(v)}f}"
        return MISSING if v.mean is None else f"{v.mean:.{_digits(v)}f}{spread}"

    columns = [
        _dataset({v.dataset for v in verdicts}),
        words("model", "model"),
        words("chain", lambda v: chain_name(v.chain, v.clusterer)),
        words("metric", "metric"),
        Column("found", found),
        words("threshold", limit),
        Column("distance", lambda v: "" if v.room is None else f"{v.room:+.{_digits(v)}f}"),
        words("verdict", lambda v: v.verdict + (f": {v.reason}" if v.reason else "")),
    ]
    order = gate.ORDER.index
    return to_terminal(Table.of(columns, sorted(verdicts, key=lambda v: order(v.verdict))))


def _digits(verdict: Verdict) -> int:
    return 3 if verdict.metric == "accuracy" else 4


def _dataset(names: set[str]) -> Column | None:
    return words("data set", "dataset") if len(names) > 1 else None


def compare_table(changes: list[Change]) -> str:
    """Write changes for a terminal, what is worse first; with the data set if several."""

    def limits(change: Change) -> str:
        gain = change.gain
        known = gain is not None and pd.notna(gain.low)
        return f"{gain.low:+.3f} to {gain.high:+.3f}" if gain and known else MISSING

    columns = [
        _dataset({change.dataset for change in changes}),
        words("model", lambda change: change.pipeline[0]),
        words("chain", lambda change: chain_name(*change.pipeline[1:])),
        numbers("before", "before", ".3f"),
        numbers("after", "after", ".3f"),
        numbers("gain", lambda change: change.gain and change.gain.mean, "+.3f"),
        Column("95%", limits),
        numbers("p", "p", ".3f"),
        numbers("seeds", "seeds", "d"),
        words("verdict", "verdict"),
    ]
    order = compare_runs.ORDER.index
    return to_terminal(Table.of(columns, sorted(changes, key=lambda each: order(each.verdict))))


def select_tables(by_set: dict[str, list[Selection]]) -> str:
    """Write a row a data set and score; of several data sets also `leave_one_out`."""
    columns = [
        words("data set", lambda row: row[0]),
        words("score", lambda row: row[1].name),
        *tables.selection_columns(lambda row: row[1]),
    ]
    rows = [(dataset, each) for dataset, found in by_set.items() for each in found]
    text = to_markdown(Table.of(columns, rows))
    if len(by_set) == 1:
        return text
    columns = [
        words("data set left out", "dataset"),
        words("chosen on the others", "chosen"),
        numbers("regret", "regret", ".3f"),
        Column("rank correlation, 95%", lambda row: tables.correlation(row.correlation)),
    ]
    return f"{text}\n\n{to_markdown(Table.of(columns, leave_one_out(by_set)))}"
