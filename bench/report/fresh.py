"""Whether a page or picture is current: a key of everything that shapes it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pandas as pd

from bench.base import keys
from bench.datasets.dataset import Dataset

# An edit of any file in these packages draws pages and pictures again.
PACKAGES: tuple[str | Path, ...] = (
    "bench.report",
    "bench.analysis",
    "bench.stages.metrics",
    "reducers",
)
LIBRARIES = ("jinja2", "matplotlib", "pillow", "scikit-learn", "seaborn")


def key(records: pd.DataFrame, dataset: Dataset | None = None, **more: Any) -> str:
    """Return the key of what is drawn from these records.

    Parameters
    ----------
    records : DataFrame
    dataset : Dataset or None
        Its images and labels stand in the records by their fingerprints.
    **more
        Anything else that is drawn; JSON.
    """
    named = None if dataset is None else [dataset.files, dataset.class_names, dataset.notes]
    return keys.key(
        more
        | {
            "records": [list(records), *records.map(_canonical).to_numpy().tolist()],
            "dataset": named,
            "sources": keys.sources(*PACKAGES),
            "versions": keys.versions(*LIBRARIES),
        }
    )


def _canonical(value: Any) -> str:
    """Write a value so that records in memory and read from results.csv have the same key."""
    if pd.isna(value):
        return ""
    if isinstance(value, str) and len(value) > 20:  # a hash may consist of digits
        return value
    try:
        return f"{float(value):.9g}"
    except (TypeError, ValueError):
        return str(value)
