"""The centroid ratio: how far an image is from its cluster's center, and how ambiguous it is.

It needs points and their clusters alone, and so is the same for every clusterer.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bench.clusterers.clusterer import NOISE
from bench.stages.metrics.clustering import Integers

Array = NDArray[Any]

PIECE = 4096  # points whose distances are held at a time


@dataclass(frozen=True)
class Centers:
    """The mean of each cluster's images."""

    numbers: Integers  # (c,), of the clusters that have images, sorted, without noise
    points: Array  # (c, k), float64


def centers(points: Array, clusters: Integers) -> Centers:
    """Return the mean of each cluster's points, (n, k); ``clusters`` (n,) is -1 for noise."""
    numbers = np.unique(clusters[clusters != NOISE])
    means = [points[clusters == number].mean(axis=0, dtype=np.float64) for number in numbers]
    return Centers(numbers, np.array(means).reshape(len(numbers), points.shape[1]))


def ambiguities(points: Array, clusters: Integers, middle: Centers) -> tuple[Array, Array]:
    """Measure how far points are from their clusters' centers, and how ambiguous that makes them.

    Of points (n, k) the clusters (n,) are each one of ``middle.numbers``, or -1 for noise.

    Returns
    -------
    distance : ndarray, shape (n,), float64
        From the center of the point's cluster, in the units of the points; from the nearest center
        for noise; NaN where there is no cluster at all.
    ambiguity : ndarray, shape (n,), float64
        0 to 1: that distance divided by the distance from the nearest other center. 0 at the
        center, 1 for points as near to another center and for noise; 0 where there is one cluster.
    """
    distance, ambiguity = np.full(len(points), np.nan), np.ones(len(points))
    if not len(middle.numbers):
        return distance, ambiguity
    for start in range(0, len(points), PIECE):
        piece = slice(start, start + PIECE)
        distance[piece], ambiguity[piece] = _of_piece(points[piece], clusters[piece], middle)
    return distance, ambiguity


def _of_piece(points: Array, clusters: Integers, middle: Centers) -> tuple[Array, Array]:
    from scipy.spatial.distance import cdist

    between = cdist(points.astype(np.float64), middle.points)
    rows, assigned = np.arange(len(points)), clusters != NOISE
    own = np.where(assigned, np.searchsorted(middle.numbers, clusters), between.argmin(axis=1))
    distance = between[rows, own]
    others = between.copy()
    others[rows, own] = np.inf
    nearest = others.min(axis=1)
    share = np.divide(distance, nearest, out=np.ones_like(distance), where=nearest > 0)
    return distance, np.where(assigned, share.clip(0, 1), 1.0)
