"""The null reference: whether a pipeline finds clearer groups than in data without clusters.

References
----------
Davison and Hinkley (1997), Bootstrap methods and their application, section 4.2: the Monte Carlo
test.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pandas as pd

# What a record says: the silhouette of each draw of its seed, in one text; their mean; how many
# images a draw has.
OF_RECORDS = ("null_silhouettes", "null_silhouette", "null_images")
# What `pooled` says of a pipeline.
OF_PIPELINES = ("null_silhouette", "null_silhouette_std", "null_draws", "null_below", "null_images")


def columns(silhouettes: list[float], images: int | None) -> dict[str, Any]:
    """Return the columns `OF_RECORDS`."""
    return {
        "null_silhouettes": " ".join(f"{value:.6f}" for value in silhouettes),
        "null_silhouette": float(np.mean(silhouettes)) if silhouettes else None,
        "null_images": images,
    }


def pooled(rows: pd.DataFrame) -> dict[str, float]:
    """Put the draws of all seeds of a pipeline together, whose records are given.

    If the codes were one Gaussian, the silhouettes of pipeline and draws would be alike, and that
    of the pipeline above all N draws with probability 1 / (N + 1). The mean over seeds is compared,
    which varies less than a single seed, and so is above all of them less often.

    Returns
    -------
    dict
        ``null_silhouette`` and ``null_silhouette_std``, mean and sample standard deviation over
        draws; ``null_draws``, how many; ``null_below``, how many have a lower silhouette than the
        pipeline; ``null_images``, of a draw. NaN where there is no draw.
    """
    if "null_silhouette" not in rows or not rows["null_silhouette"].notna().any():
        return dict(zip(OF_PIPELINES, (math.nan, math.nan, 0, math.nan, math.nan), strict=True))
    # In the release before, all seeds shared one draw.
    names = ("null_artifacts", *OF_RECORDS)
    apart = rows.reindex(columns=names).drop_duplicates("null_artifacts")
    draws = np.array([value for _, row in apart.iterrows() for value in _silhouettes(row)])
    own = pd.to_numeric(rows["silhouette"]).mean()
    found = (
        float(draws.mean()),
        float(draws.std(ddof=1)) if len(draws) > 1 else math.nan,
        len(draws),
        float((draws < own).sum()) if pd.notna(own) else math.nan,
        pd.to_numeric(apart["null_images"]).min(),
    )
    return dict(zip(OF_PIPELINES, found, strict=True))


def _silhouettes(row: pd.Series) -> list[float]:
    """Return the silhouettes of a record's draws; records of the release before have one."""
    every = row["null_silhouettes"]
    found = row["null_silhouette"] if pd.isna(every) else every
    return [] if pd.isna(found) else [float(value) for value in str(found).split()]
