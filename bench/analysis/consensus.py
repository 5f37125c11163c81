"""Consensus: how far each pipeline's clusters agree with those of the others, without labels.

Where images fall into groups, different methods find them in the same codes, and other encoders
find some of them too. The score is the mean adjusted mutual information (AMI) of a pipeline's
clusters with those of the other pipelines: half of the weight is on the pipelines of its own
encoder, half on all others, of which each encoder counts once. docs/unlabeled.md says why.
"""

from __future__ import annotations

import functools
from collections.abc import Sequence

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from bench.stages.metrics import neighbors
from bench.stages.metrics.clustering import Integers
from bench.store import Store

NAME = "consensus"
FEWEST = 3  # pipelines: two agree with each other alike
Floats = NDArray[np.float64]
Key = tuple[str, str, str, int]  # a run: model, chain, clusterer, seed


class Clustering:
    """The clusters of images, numbered from 0, with their sizes and entropy."""

    def __init__(self, clusters: Integers) -> None:
        self.numbers, self.sizes = np.unique(clusters, return_inverse=True, return_counts=True)[1:]
        share = self.sizes / len(clusters)
        self.entropy = float(-(share * np.log(share)).sum())


def ami_by_image(one: Clustering, other: Clustering) -> Floats:
    """Return each image's part in the AMI of two clusterings, (n,); the mean is the AMI.

    The mutual information of two clusterings is a mean over images: of the logarithm of how much
    more often the image's two clusters meet than by chance. It is adjusted for what is expected of
    clusters of these sizes and divided by its most, both the same for all images. 1 for equal
    clusterings; 0 where one of them has a single cluster.

    References
    ----------
    Vinh, Epps, Bailey (2010), Information theoretic measures for clusterings comparison.
    """
    from sklearn.metrics.cluster import expected_mutual_information

    count, shape = len(one.numbers), (len(one.sizes), len(other.sizes))
    if 1 in shape:
        return np.zeros(count)
    cells = one.numbers * shape[1] + other.numbers
    table = np.bincount(cells, minlength=shape[0] * shape[1]).reshape(shape)
    expected = expected_mutual_information(table, count)
    room = (one.entropy + other.entropy) / 2 - expected
    if room < 1e-12:  # every image is a cluster
        return np.zeros(count)
    by_chance = one.sizes[:, None] * other.sizes / count
    meet = np.log(np.maximum(table, 1) / by_chance).ravel()[cells]
    return np.asarray((meet - expected) / room)


def weights(models: Sequence[str]) -> Floats:
    """Return how much each pipeline counts in the consensus of each other, (P, P); rows sum to 1.

    Half is for the pipelines of the same encoder, half for all others, of which each encoder counts
    once; all is for the one where the other has none. A row is 0 where there is no other pipeline.
    """
    names = np.array(models)
    same = names[:, None] == names
    sizes = same.sum(axis=1)
    own = (same & ~np.eye(len(names), dtype=bool)).astype(np.float64)
    others = ~same / sizes
    both = np.zeros_like(own)
    for part in (own, others):
        total = part.sum(axis=1, keepdims=True)
        both += np.divide(part, total, out=np.zeros_like(part), where=total > 0)
    total = both.sum(axis=1, keepdims=True)
    return np.divide(both, total, out=both, where=total > 0)


def by_image(clusters: Sequence[Integers], models: Sequence[str]) -> Floats:
    """Return each image's part in the consensus of each clustering, (P, n).

    Parameters
    ----------
    clusters : list of ndarray, shape (n,)
        Of the same images, by pipeline.
    models : list of str
        The encoder of each pipeline.
    """
    found, weight = [Clustering(each) for each in clusters], weights(models)
    scores = np.zeros((len(clusters), len(clusters[0])))
    for i in range(len(clusters)):
        for j in range(i):
            part = ami_by_image(found[i], found[j])
            scores[i] += weight[i, j] * part
            scores[j] += weight[j, i] * part
    return scores


def collect(done: pd.DataFrame, store: Store) -> dict[Key, Floats]:
    """Return each image's part in the consensus of finished runs, by run.

    Runs are compared with those of the same seed. Of more than 2,000 images, those of
    `bench.stages.metrics.neighbors.sample` are compared.
    """
    found: dict[Key, Floats] = {}
    for seed, rows in done.groupby("seed_index", sort=False):
        if len(rows) < FEWEST:
            continue
        keys = tuple(rows["cluster_artifacts"].astype(str))
        scores = _of_artifacts(store, keys, tuple(rows["model"]))
        names = rows[["model", "chain", "clusterer"]].itertuples(index=False, name=None)
        for (model, chain, clusterer), score in zip(names, scores, strict=True):
            found[model, chain, clusterer, int(str(seed))] = score
    return found


@functools.lru_cache(maxsize=64)  # the records, their verdicts and the report ask for the same
def _of_artifacts(store: Store, keys: tuple[str, ...], models: tuple[str, ...]) -> Floats:
    clusters = [store.load("cluster", key).require("train") for key in keys]
    return by_image([each[neighbors.sample(len(each))] for each in clusters], models)


def add_consensus(records: pd.DataFrame, store: Store) -> pd.DataFrame:
    """Return records with the column ``consensus``, the mean over images of each finished run."""
    found = collect(records[records["status"] == "ok"], store)
    names = records[["model", "chain", "clusterer", "seed_index"]]
    keys = names.itertuples(index=False, name=None)
    means = [float(found[key].mean()) if key in found else None for key in keys]
    return records.assign(**{NAME: pd.Series(means, index=records.index, dtype=float)})
