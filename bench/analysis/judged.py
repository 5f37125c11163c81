"""Cells by what they are judged by, and losses by epoch: what pictures and pages draw."""

from __future__ import annotations

import numpy as np
import pandas as pd

from bench.analysis.summary import judged_by, summary
from bench.store import Store


def judge(records: pd.DataFrame) -> str:
    """Return in a word what cells are judged by: accuracy or kNN modularity."""
    return "knn_modularity" if judged_by(records) == "knn_modularity" else "accuracy"


def judged_cells(records: pd.DataFrame) -> pd.DataFrame:
    """Return the cells that can be judged, best first.

    Returns
    -------
    DataFrame
        ``name``, ``mean``, ``low``, ``high`` (limits may be missing), ``verdict``, ``seconds``, and
        ``front``: no other cell is ahead in both mean and seconds. Empty where nothing can be
        judged.
    """
    metric = judged_by(records)
    if metric is None:
        return pd.DataFrame()
    cells = summary(records).dropna(subset=metric)
    means, seconds = cells[metric].to_numpy(float), cells["seconds"].to_numpy(float)
    ahead = [
        bool((((means > m) & (seconds <= s)) | ((means >= m) & (seconds < s))).any())
        for m, s in zip(means, seconds, strict=True)
    ]
    return pd.DataFrame(
        {
            "name": cells["model"] + ", " + cells["chain"],
            "mean": means,
            "low": cells["interval_low"].astype(float),
            "high": cells["interval_high"].astype(float),
            "verdict": cells["verdict"],
            "seconds": seconds,
            "front": ~np.array(ahead, dtype=bool),
        }
    )


def trained(records: pd.DataFrame) -> pd.DataFrame:
    """Return a record for each training whose loss can be compared."""
    return records[records["summed_batch_mse"].notna()].drop_duplicates("train_artifacts")


def losses(records: pd.DataFrame, store: Store) -> pd.DataFrame:
    """Return the loss of each model by epoch: ``model``, ``epoch``, ``loss``, a row a seed."""
    lines = [
        {"model": row["model"], "epoch": epoch, "loss": loss}
        for _, row in trained(records).iterrows()
        for epoch, loss in enumerate(
            store.load("train", row["train_artifacts"]).values["history"], start=1
        )
    ]
    return pd.DataFrame(lines, columns=["model", "epoch", "loss"])
