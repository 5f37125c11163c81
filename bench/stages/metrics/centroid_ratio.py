"""How far an image is from its cluster's center, and how doubtful it is that it belongs there.

The rule is the same for every clusterer, so that cells can be compared by it: it asks for points
and their clusters alone.
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
    """The middle of each cluster.

    Attributes
    ----------
    numbers : ndarray, shape (c,), int64
        Of the clusters that have images, sorted; noise is none of them.
    points : ndarray, shape (c, k), float64
        The mean of each cluster's images.
    """

    numbers: Integers
    points: Array


def centers(points: Array, clusters: Integers) -> Centers:
    """Find the middle of each cluster.

    Parameters
    ----------
    points : ndarray, shape (n, k)
        What was clustered.
    clusters : ndarray, shape (n,), int64
        -1 for images in none.
    """
    numbers = np.unique(clusters[clusters != NOISE])
    means = [points[clusters == number].mean(axis=0, dtype=np.float64) for number in numbers]
    return Centers(numbers, np.array(means).reshape(len(numbers), points.shape[1]))


def ambiguities(points: Array, clusters: Integers, middle: Centers) -> tuple[Array, Array]:
    """Measure how far points are from their clusters' centers, and how doubtful that makes them.

    Parameters
    ----------
    points : ndarray, shape (n, k)
    clusters : ndarray, shape (n,), int64
        Each one of ``middle.numbers``, or -1.
    middle : Centers

    Returns
    -------
    distance : ndarray, shape (n,), float64
        From the center of the point's cluster, in the units of the points; from the nearest
        center for a point in none; NaN where there is no cluster at all.
    doubt : ndarray, shape (n,), float64
        0 to 1: that distance as a share of the one from the nearest other center. 0 at the
        center, 1 for points that another center is as near to, and for points in no cluster; 0
        where there is one cluster only.
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
    rows, placed = np.arange(len(points)), clusters != NOISE
    own = np.where(placed, np.searchsorted(middle.numbers, clusters), between.argmin(axis=1))
    distance = between[rows, own]
    others = between.copy()
    others[rows, own] = np.inf
    nearest = others.min(axis=1)
    share = np.divide(distance, nearest, out=np.ones_like(distance), where=nearest > 0)
    return distance, np.where(placed, share.clip(0, 1), 1.0)
