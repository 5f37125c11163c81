"""Distances and neighbors of images in codes and embeddings, and the metrics made from them.

Of more than 2,000 images a sample is measured, always the same, since distances grow with the
square. Neighbors are then those within the sample.
"""

from __future__ import annotations

import functools
import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bench.base.seeds import derive
from bench.stages.metrics.clustering import Integers
from bench.stages.metrics.metric import Metric

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
    """Rank each point's neighbors by the distances between them, (n, n).

    At (i, j) stands 1 for j the nearest of i, up to n - 1; 0 for i itself. Of equals the first
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


def trustworthiness(codes: Ranks, embedding: Ranks, neighbors: int) -> float:
    """Return how far an embedding's neighbors were near among the codes.

    1 − 2 / (n k (2n − 3k − 1)) · Σ (r − k) over points and those of their k neighbors in the
    embedding that have a rank r > k among the codes. k, ``neighbors``, is less than n / 2; ranks
    are (n, n). 0 to 1; 1: no neighbor is new.

    References
    ----------
    Venna, Kaski (2001), Neighborhood preservation in nonlinear projection methods.
    """
    points = len(codes)
    near = (embedding > 0) & (embedding <= neighbors)
    excess = np.maximum(codes.astype(np.int64) - neighbors, 0)[near].sum()
    return float(1 - excess * 2 / (points * neighbors * (2 * points - 3 * neighbors - 1)))


def continuity(codes: Ranks, embedding: Ranks, neighbors: int) -> float:
    """Return how far neighbors among the codes are still near: trustworthiness turned round."""
    return trustworthiness(embedding, codes, neighbors)


def knn_preservation(codes: Ranks, embedding: Ranks, neighbors: int) -> float:
    """Return the share of each point's nearest among the codes that are still its nearest.

    References
    ----------
    Lee, Verleysen (2009), Quality assessment of dimensionality reduction: Rank-based criteria,
    Q_NX at k.
    """
    both = (codes > 0) & (codes <= neighbors) & (embedding <= neighbors)
    return float(both.sum() / (len(codes) * neighbors))


def knn_label_purity(near: Integers, labels: Integers) -> float:
    """Return the share of neighbors, positions (n, k), that have the point's own label, (n,)."""
    return float(np.mean(labels[near] == labels[:, None]))


def silhouette(between: Distances, clusters: Integers) -> float | None:
    """Return the silhouette coefficient, -1 to 1 (scikit-learn's); None for a single cluster.

    It is made from distances, (n, n), and clusters, (n,).

    References
    ----------
    Rousseeuw (1987), Silhouettes: a graphical aid to the interpretation of cluster analysis.
    """
    from sklearn.metrics import silhouette_score

    if not 2 <= len(np.unique(clusters)) < len(clusters):
        return None
    found = float(silhouette_score(between, clusters, metric="precomputed"))
    return found if math.isfinite(found) else None


METRICS = (
    Metric(
        name="silhouette",
        title="silhouette",
        meaning="how much nearer images are to their own cluster than to the next, in the space "
        "that was clustered, on up to 2,000 images (Rousseeuw 1987); comparable with its null "
        "reference, but not across pipelines, because their spaces differ",
        stage="measure",
        formula=silhouette,
        range="-1 to 1",
        tables=("selection",),
    ),
    Metric(
        name="trustworthiness",
        title="trustworthiness",
        meaning="whether the 10 nearest neighbors in the space that was clustered are also near "
        "among the codes, by rank, on up to 2,000 images (Venna and Kaski 2001)",
        stage="measure",
        formula=trustworthiness,
        tables=("embedding",),
    ),
    Metric(
        name="continuity",
        title="continuity",
        meaning="whether the 10 nearest neighbors among the codes are also near in the space that "
        "was clustered: the reverse of trustworthiness (Venna and Kaski 2001)",
        stage="measure",
        formula=continuity,
        tables=("embedding",),
    ),
    Metric(
        name="knn_preservation",
        title="kNN preservation",
        meaning="share of the 10 nearest neighbors among the codes that are among the 10 nearest "
        "in the space that was clustered (Lee and Verleysen 2009)",
        stage="measure",
        formula=knn_preservation,
        tables=("embedding",),
    ),
    Metric(
        name="knn_label_purity",
        title="kNN label purity",
        meaning="share of the 10 nearest neighbors, in the space that was clustered, that have the "
        "image's own label; it does not depend on the clusters",
        stage="score",
        needs=("near", "near_labels"),
        formula=knn_label_purity,
        tables=("embedding",),
    ),
)
