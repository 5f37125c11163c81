"""What a page holds of each image in each run of a pipeline: position, cluster, ambiguity."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from bench.analysis.results import Key, key_of
from bench.report.page.assets import Assets
from bench.report.page.flat import FINE, fit, flat
from bench.report.page.models import spread
from bench.report.page.shown import Shown
from bench.stages.metrics.centroid_ratio import ambiguities, centers
from bench.stages.metrics.majority import cluster_names
from bench.store import Store

BYTES = 10  # of an image in a run
ABSENT = -(2**15)  # the cluster of an image that is not in the run

Array = NDArray[Any]
Runs = dict[Key, dict[str, Any]]


def collect(records: pd.DataFrame, shown: Shown, store: Store, assets: Assets) -> Runs:
    """Return what the script reads of each run at one seed, and its kind, by pipeline.

    Each embedding is read once, for all clusterers of it.
    """
    found: Runs = {}
    for chain, some in records.groupby("reduce_artifacts", sort=False):
        embedding = store.load("reduce", str(chain).split()[-1]).require("train")
        rows = shown.rows(int(some["seed_index"].iloc[0]))
        here = embedding if len(rows) == len(embedding) else embedding[rows[rows >= 0]]
        points, kind = flat(here)
        for _, record in some.iterrows():
            clusters = store.load("cluster", record["cluster_artifacts"]).require("train")
            made = _run(record, embedding, here, fit(points), clusters, rows, shown, assets)
            found[key_of(record)] = made | {"kind": kind}
    return found


def _run(
    record: pd.Series,
    embedding: Array,
    here: Array,
    points: Array,
    clusters: Array,
    rows: NDArray[np.int64],
    shown: Shown,
    assets: Assets,
) -> dict[str, Any]:
    dataset = shown.dataset.of_seed(int(record["seed_index"]))
    middle = centers(embedding, clusters)
    there = rows >= 0
    distance, ambiguity = ambiguities(here, clusters[rows[there]], middle)
    names = cluster_names(clusters, dataset.labels, dataset.class_names)
    assignment = record["assignment"]
    where = np.where(there, np.cumsum(there) - 1, -1)  # in the arrays of the images that are here

    def placed(values: Array) -> tuple[Array, str]:
        return spread(values, where, 0), "<u2"

    asset = assets.array(
        placed(points[:, 0]),
        placed(points[:, 1]),
        (spread(clusters, rows, ABSENT), "<i2"),
        placed(_rounded(distance, np.nanmax(distance, initial=0.0))),
        placed(_rounded(ambiguity, 1.0)),
    )
    return {
        "asset": asset,
        "numbers": [int(n) for n in np.union1d(middle.numbers, np.arange(dataset.clusters))],
        "assignment": [] if pd.isna(assignment) else json.loads(assignment),
        "clusterNames": [[cluster, str(name)] for cluster, name in names.items()],
    }


def _rounded(values: Array, most: float) -> Array:
    return np.rint(np.nan_to_num(values, nan=most) / (most or 1.0) * FINE)
