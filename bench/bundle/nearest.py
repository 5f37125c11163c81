"""Places unseen points by the training images nearest to them, where a method cannot."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from bench.stages.metrics.clustering import Integers

Array = NDArray[Any]

NEAREST = 5


class Nearest:
    """The training images nearest to a point, in a space that unseen points can be put into.

    Parameters
    ----------
    points : ndarray, shape (n, d), float32
        The training images there.
    """

    def __init__(self, points: Array) -> None:
        from sklearn.neighbors import NearestNeighbors

        self.search = NearestNeighbors(n_neighbors=min(NEAREST, len(points))).fit(points)

    def find(self, points: Array) -> tuple[Array, Integers]:
        """Return distances and positions of the nearest, (m, k) each, the nearest first."""
        far, which = self.search.kneighbors(points)
        return far, which


def mean_place(embedding: Array, far: Array, which: Integers) -> Array:
    """Return the mean of neighbors' places, weighted by one over their distance, (m, k) float32.

    A point that lies on neighbors is where those are.
    """
    on_it = far == 0
    weights = np.where(on_it, 1.0, 0.0)
    apart = ~on_it.any(axis=1)
    weights[apart] = 1 / far[apart]
    weights /= weights.sum(axis=1, keepdims=True)
    return np.einsum("mk,mkd->md", weights, embedding[which]).astype(np.float32)


def majority(clusters: Integers, which: Integers) -> Integers:
    """Return the cluster that most neighbors are in, (m,) int64; of two the nearer one's."""
    numbers = np.unique(clusters)
    of_neighbors = clusters[which]
    # Less than a vote all together, and each more than those behind it.
    nearer = 0.4 * 0.5 ** np.arange(which.shape[1])
    votes = [((of_neighbors == number) * (1 + nearer)).sum(axis=1) for number in numbers]
    return np.asarray(numbers[np.argmax(votes, axis=0)], dtype=np.int64)
