"""What a page holds of each image in each pipeline: position, cluster, ambiguity."""

from __future__ import annotations

import base64
import json
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from bench.analysis.results import PIPELINE
from bench.base.naming import pipeline_name
from bench.base.progress import Progress, silent
from bench.datasets.dataset import Dataset
from bench.report.inputs import Inputs
from bench.report.page.sheets import TILE, per_row, sheets
from bench.report.tables import mean_and_spread
from bench.report.templates import paragraphs
from bench.stages.encode import PICTURED
from bench.stages.metrics.centroid_ratio import ambiguities, centers
from bench.stages.metrics.majority import cluster_names
from bench.store import Store

MOST_PIPELINES = 40
# What a page may weigh: together with its script and tables less than 15 MB.
PIPELINE_BYTES, PICTURE_BYTES = 5_000_000, 8_000_000
BYTES_A_POINT = 10 * 4 / 3  # of a pipeline, as base64
FINE = 2**16 - 1  # to which numbers are rounded, of their range
FITTED = 5000  # points that principal components are fitted on, at most

Array = NDArray[Any]


@dataclass(frozen=True)
class Embeddings:
    """The images of a page, and their embeddings."""

    seed_index: int  # that all pipelines are shown at
    pictured: NDArray[np.int64]  # which training images: all of them, or evenly spaced ones
    data: dict[str, Any]  # for the page's script; JSON, arrays as base64, little-endian
    left_out: list[str]  # what there was no room for, in words


def collect(inputs: Inputs, progress: Progress = silent, most: int = PICTURED) -> Embeddings | None:
    """Collect the embeddings of a run, best first, all at the same seed, of ``most`` images.

    Return None where no run was finished.
    """
    results, store = inputs.results, inputs.store
    done = results.done
    if done.empty:
        return None
    seed = int(done["seed_index"].min()) if results.best is None else results.best.seed_index
    dataset = inputs.dataset.of_seed(seed)
    pictured = np.linspace(0, len(dataset) - 1, min(most, len(dataset))).astype(np.int64)
    at_seed = done[done["seed_index"] == seed].set_index(PIPELINE, drop=False)
    there = [
        (at_seed.loc[tuple(row[PIPELINE])], row)
        for _, row in results.summary.iterrows()
        if tuple(row[PIPELINE]) in at_seed.index
    ]
    shown = there[: _room(len(pictured))]
    pictures, without = _pictures([record for record, _ in shown], dataset, store, pictured)
    pipelines = []
    for record, row in shown:
        score = mean_and_spread(row, results.metric) if results.has_scores else ""
        pipelines.append(_pipeline(record, score, dataset, store, pictured))
        progress("making the page", len(pipelines), len(shown))
    data = {
        "count": len(pictured),
        "tile": tile_of(dataset),
        "perRow": per_row(tile_of(dataset)),
        "names": _names(dataset, pictured),
        "classes": list(dataset.class_names),
        "labels": None if dataset.labels is None else packed(dataset.labels[pictured], "<i2"),
        "pipelines": pipelines,
        **pictures,
    }
    counts = {
        "images": len(dataset),
        "pictured": len(pictured),
        "pipelines": len(results.summary),
        "there": len(there),
        "shown": len(shown),
    }
    return Embeddings(
        seed, pictured, data, paragraphs("page_room.md", "page_room", counts, without)
    )


def _room(images: int) -> int:
    """Return how many pipelines there is room for; two at least, to compare."""
    return max(2, min(MOST_PIPELINES, int(PIPELINE_BYTES / (images * BYTES_A_POINT))))


def _pipeline(
    record: pd.Series, score: str, dataset: Dataset, store: Store, pictured: NDArray[np.int64]
) -> dict[str, Any]:
    embedding = store.load("reduce", record["reduce_artifacts"].split()[-1]).require("train")
    clusters = store.load("cluster", record["cluster_artifacts"]).require("train")
    middle = centers(embedding, clusters)
    distance, ambiguity = ambiguities(embedding[pictured], clusters[pictured], middle)
    points, kind = flat(embedding[pictured])
    scaled = _fit(points)
    assignment = record["assignment"]
    names = cluster_names(clusters, dataset.labels, dataset.class_names)
    return {
        **{column: record[column] for column in PIPELINE},
        "name": pipeline_name(*record[PIPELINE]),
        "score": score,
        "kind": kind,
        "x": packed(scaled[:, 0], "<u2"),
        "y": packed(scaled[:, 1], "<u2"),
        "clusters": packed(clusters[pictured], "<i2"),
        "numbers": [int(n) for n in np.union1d(middle.numbers, np.arange(dataset.clusters))],
        "distance": packed(_rounded(distance, np.nanmax(distance, initial=0.0)), "<u2"),
        "ambiguity": packed(_rounded(ambiguity, 1.0), "<u2"),
        "clusterNames": [[cluster, str(name)] for cluster, name in names.items()],
        "assignment": [] if pd.isna(assignment) else json.loads(assignment),
    }


def flat(embedding: Array) -> tuple[Array, str]:
    """Return an embedding, (n, d), in two dimensions, and in words how it was made so.

    Its points, (n, 2), are as they are where d is 2; else the first principal components, of up to
    5,000 points, which are enough for a picture.
    """
    if embedding.shape[1] == 2:
        return embedding, "as embedded"
    if min(embedding.shape) < 2:
        padded = np.zeros((len(embedding), 2), np.float32)
        padded[:, 0] = embedding[:, 0]
        return padded, "one dimension"
    from sklearn.decomposition import PCA

    some = embedding[:: -(-len(embedding) // FITTED)]
    points = PCA(2, svd_solver="randomized", random_state=0).fit(some).transform(embedding)
    return points, f"first two principal components of {embedding.shape[1]} dimensions"


def _fit(points: Array) -> Array:
    """Bring points to whole numbers from 0 on, both axes by the same scale, in the middle."""
    low, high = points.min(axis=0), points.max(axis=0)
    size = float((high - low).max()) or 1.0
    centered = (points - (low + high) / 2) / size + 0.5
    return np.rint(centered * FINE).clip(0, FINE)


def _rounded(values: Array, most: float) -> Array:
    return np.rint(np.nan_to_num(values, nan=most) / (most or 1.0) * FINE)


def _names(dataset: Dataset, pictured: NDArray[np.int64]) -> list[str]:
    """Return the images' names: their files, or their positions in the source."""
    if dataset.files is None:
        return [f"image {i}" for i in dataset.indices[pictured]]
    return [dataset.files[i] for i in pictured]


def _pictures(
    shown: list[pd.Series], dataset: Dataset, store: Store, pictured: NDArray[np.int64]
) -> tuple[dict[str, Any], list[str]]:
    """Return sheets of the originals, and each model's sheets and errors while there is room.

    Models come in the order of their best pipelines. One that reconstructs every image without
    error has no sheet of its own.
    """
    tile = tile_of(dataset)
    originals = sheets(dataset.images[pictured], tile)
    room = PICTURE_BYTES - sum(map(len, originals))
    rebuilt: dict[str, list[str]] = {}
    errors: dict[str, str] = {}
    without = []
    encoded = {record["model"]: record["encode_artifacts"] for record in shown}
    for name, key in encoded.items():
        artifact = store.load("encode", key)
        found = artifact.array("errors")
        if found is None:  # the model has no decoder
            continue
        errors[name] = packed(found[pictured], "<f4")
        if not found.any():  # the originals themselves
            rebuilt[name] = []
            continue
        kept = artifact.require("pictured")
        made = sheets(artifact.require("reconstructions")[np.searchsorted(kept, pictured)], tile)
        if sum(map(len, made)) > room:
            without.append(name)
            continue
        room -= sum(map(len, made))
        rebuilt[name] = made
    return {"originals": originals, "reconstructions": rebuilt, "errors": errors}, without


def tile_of(dataset: Dataset) -> int:
    """Return the side of images on the page, in pixels."""
    return min(dataset.form.size, TILE)


def packed(values: Array, dtype: str) -> str:
    """Return an array as base64 of its bytes."""
    return base64.b64encode(np.ascontiguousarray(values).astype(dtype).tobytes()).decode()
