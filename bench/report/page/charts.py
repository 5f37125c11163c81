"""What the page's charts show: score against time, and loss by epoch."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from bench.analysis.results import Results
from bench.stages.metrics.table import METRICS


def collect(results: Results, losses: pd.DataFrame) -> dict[str, Any]:
    """Return the numbers of both charts; JSON.

    ``score`` names the mean of ``time``, see `bench.analysis.results.Results.compared`; ``losses``
    are those of `Results.losses`, and ``marks`` those of `Results.loss_marks`.
    """
    return {
        "score": METRICS[results.metric].title,
        "time": _rows(results.compared, ["name", "mean", "seconds", "front"]),
        "losses": _rows(losses, ["images", "model", "epoch", "mean", "low", "high"]),
        "marks": _rows(results.loss_marks, ["images", "name", "loss"]),
    }


def _rows(table: pd.DataFrame, columns: list[str]) -> list[dict[Any, Any]]:
    """Return the rows of a table that have all their numbers, as JSON has numbers."""
    if table.empty:
        return []
    some = table[columns].replace([np.inf, -np.inf], np.nan).dropna()
    return some.to_dict("records")
