"""docs/metrics.md: every metric, from its declaration."""

from __future__ import annotations

from bench.report.columns import Table, words
from bench.report.templates import markdown
from bench.stages.metrics.table import METRICS


def page() -> str:
    """Return docs/metrics.md."""
    return f"{markdown('metrics.md', metrics=table())}\n"


def table() -> Table:
    """Return all metrics as a table, in the order of their columns in results.csv."""
    columns = [
        words("heading", "title"),
        words("column of results.csv", "name"),
        words("better", lambda metric: "higher" if metric.higher_is_better else "lower"),
        words("range", "range"),
        words("meaning", "meaning"),
    ]
    return Table.of(columns, METRICS.values())
