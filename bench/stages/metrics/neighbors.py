"""Neighbors of images in codes and embeddings, found once, and every metric made from them.

On more than 2,000 images all of it is measured on a sample, always the same: distances grow with
the square. Neighbors are then those within the sample.
"""

from __future__ import annotations

import functools
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bench.base.seeds import derive
from bench.stages.metrics.clustering import Integers

MOST = 2000
NEIGHBORS = 10

Distances = NDArray[np.float64]
Ranks = NDArray[np.uint16]


@functools.cache
def sample(count: int) -> NDArray[np.int64]:
    """Return the images that distances are measured between: all, or 2,000, in order."""
    if count <= MOST:
        return np.arange(count)
    random = np.random.default_rng(derive(0, 0, "neighbours"))
    return np.sort(random.choice(count, MOST, replace=False))


def neighborhood(count: int) -> int:
    """Return how many neighbors count as near among ``count`` points: 10, or fewer.

    Fewer than half of the points, without which trustworthiness has no scale; 0 for fewer than
    three points.
    """
    return min(NEIGHBORS, (count - 1) // 2)


def distances(points: NDArray[Any]) -> Distances:
    """Return Euclidean distances between all points, (n, n), 0 on the diagonal."""
    from sklearn.metrics import pairwise_distances

    return np.asarray(pairwise_distances(points), dtype=np.float64)


def ranks(between: Distances) -> Ranks:
    """Rank each point's neighbors by distance.

    Parameters
    ----------
    between : ndarray, shape (n, n)
        Distances.

    Returns
    -------
    ndarray, shape (n, n), uint16
        At (i, j): 1 for j the nearest of i, up to n - 1; 0 for i itself. Of equals the first
        comes first.
    """
    count = len(between)
    alone = between.copy()
    np.fill_diagonal(alone, -1.0)  # each is nearest to itself, whoever else is in the same place
    order = np.argsort(alone, axis=1, kind="stable")
    found = np.empty((count, count), np.uint16)
    np.put_along_axis(found, order, np.arange(count, dtype=np.uint16)[None], axis=1)
    return found


def nearest(of: Ranks, count: int) -> NDArray[np.int64]:
    """Return the nearest neighbors of each point, (n, count), by rank."""
    return np.asarray(np.argsort(of, axis=1, kind="stable")[:, 1 : count + 1])


def trustworthiness(codes: Ranks, embedding: Ranks, count: int) -> float:
    """Say how far an embedding's neighbors were near among the codes.

    1 − 2 / (n k (2n − 3k − 1)) · Σ (r − k) over points and those of their k neighbors in the
    embedding that have a rank r > k among the codes.

    Parameters
    ----------
    codes, embedding : ndarray, shape (n, n)
        Ranks.
    count : int
        k, fewer than n / 2.

    Returns
    -------
    float
        0 to 1; 1: no neighbor is new.

    References
    ----------
    Venna, Kaski (2001), Neighborhood preservation in nonlinear projection methods.
    """
    points = len(codes)
    near = (embedding > 0) & (embedding <= count)
    excess = np.maximum(codes.astype(np.int64) - count, 0)[near].sum()
    return float(1 - excess * 2 / (points * count * (2 * points - 3 * count - 1)))


def continuity(codes: Ranks, embedding: Ranks, count: int) -> float:
    """Say how far neighbors among the codes are still near: trustworthiness turned round."""
    return trustworthiness(embedding, codes, count)


def kept(codes: Ranks, embedding: Ranks, count: int) -> float:
    """Return the share of each point's nearest among the codes that are still its nearest.

    References
    ----------
    Lee, Verleysen (2009), Quality assessment of dimensionality reduction: Rank-based criteria,
    Q_NX at k.
    """
    both = (codes > 0) & (codes <= count) & (embedding <= count)
    return float(both.sum() / (len(codes) * count))


def knn_label_purity(near: Integers, labels: Integers) -> float:
    """Return the share of nearest neighbors that have the point's own label.

    Parameters
    ----------
    near : ndarray, shape (n, k)
        Positions of neighbors.
    labels : ndarray, shape (n,)
    """
    return float(np.mean(labels[near] == labels[:, None]))


def silhouette(between: Distances, clusters: Integers) -> float:
    """Return the silhouette coefficient, -1 to 1 (scikit-learn's); NaN for a single cluster.

    Parameters
    ----------
    between : ndarray, shape (n, n)
        Distances.
    clusters : ndarray, shape (n,)

    References
    ----------
    Rousseeuw (1987), Silhouettes: a graphical aid to the interpretation of cluster analysis.
    """
    from sklearn.metrics import silhouette_score

    if not 2 <= len(np.unique(clusters)) < len(clusters):
        return float("nan")
    return float(silhouette_score(between, clusters, metric="precomputed"))
