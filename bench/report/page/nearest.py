"""The nearest neighbors of points, found exactly."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from bench.base.processors import available_threads, pool_of

Array = NDArray[Any]

BLOCK = 2**23  # distances that a thread has in memory
GROUP = 32  # distances of which only the least is compared at first
MOST = 256  # candidates of a point
AT_ONCE = 2**20  # numbers that are compared in double precision
FAR = np.float32(1e38)


def nearest(points: Array, count: int) -> tuple[Array, Array]:
    """Find the nearest neighbors of each point, by Euclidean distance.

    Products of matrices in single precision leave candidates: all that may be among the nearest,
    given how far such products are rounded. Their distances are compared in double precision. Of
    points at the same distance the first comes first. The result does not depend on threads.

    Parameters
    ----------
    points : ndarray, shape (n, d), float32
    count : int
        Neighbors, fewer than n. A point is no neighbor of its own, but one at the same place is.

    Returns
    -------
    neighbors : ndarray, shape (n, count), int64
        Positions, the nearest first.
    distances : ndarray, shape (n, count), float32
    """
    from threadpoolctl import threadpool_limits

    total, dimensions = points.shape
    group = max(1, min(GROUP, total // (4 * count)))
    centered = np.asarray(points - points.mean(axis=0, dtype=np.float64), np.float32)
    squares = np.einsum("ij,ij->i", centered, centered)
    # (x, 1) · (-2y, y²) is the square of the distance of x and y, less x².
    left = np.hstack([centered, np.ones((total, 1), np.float32)])
    right = np.zeros((dimensions + 1, -(-total // group) * group), np.float32)
    right[-1] = FAR
    right[:-1, :total], right[-1, :total] = -2 * centered.T, squares
    neighbors = np.empty((total, count), np.int64)
    distances = np.empty((total, count), np.float32)

    def find(start: int) -> None:
        some = slice(start, min(start + step, total))
        between = left[some] @ right
        own = np.arange(some.start, some.stop)
        between[own - start, own] = FAR
        rows, columns = _candidates(between, squares[some], count, group, dimensions)
        apart = _squares(points, start + rows, columns)
        order = np.lexsort((columns, apart, rows))
        firsts = np.searchsorted(rows, np.arange(len(own)))
        chosen = order[firsts[:, None] + np.arange(count)]
        neighbors[some], distances[some] = columns[chosen], np.sqrt(apart[chosen])

    step = max(1, BLOCK // total)
    with threadpool_limits(1, user_api="blas"), pool_of(available_threads()) as pool:
        list(pool.map(find, range(0, total, step)))
    return neighbors, distances


def _candidates(
    between: Array, squares: Array, count: int, group: int, dimensions: int
) -> tuple[Array, Array]:
    """Return rows and columns of a block of distances in which the nearest points are.

    Rows are in order, and so are the columns of each.
    """
    # The points that are nearest in their groups are no nearer than the nearest of all.
    least = between.reshape(len(between), group, -1).min(axis=1)
    bound = np.partition(least, count - 1, axis=1)[:, count - 1]
    # Rounding of a sum of d products grows as the root of d.
    scale = 4 * np.finfo(np.float32).eps * np.sqrt(dimensions)
    error = (scale * (2 * squares + abs(bound))).astype(np.float32)
    rows, columns = np.divmod(
        np.flatnonzero(between <= (bound + 2 * error)[:, None]), between.shape[1]
    )
    crowded = np.flatnonzero(np.bincount(rows, minlength=len(between)) > MOST)
    if not len(crowded):
        return rows, columns
    fewer = [_of_crowded(between[row], error[row], count) for row in crowded]
    kept = ~np.isin(rows, crowded)
    rows = np.concatenate([rows[kept], np.repeat(crowded, list(map(len, fewer)))])
    columns = np.concatenate([columns[kept], *fewer])
    order = np.argsort(rows, kind="stable")
    return rows[order], columns[order]


def _of_crowded(row: Array, error: np.float32, count: int) -> Array:
    """Return fewer candidates of a point with many: of those as near as the last, the first."""
    last = np.partition(row, count - 1)[count - 1]
    nearer = np.flatnonzero(row < last - 2 * error)
    level = np.flatnonzero(abs(row - last) <= 2 * error)
    return np.concatenate([nearer, level[:MOST]])


def _squares(points: Array, rows: Array, columns: Array) -> Array:
    """Return squares of the distances of pairs of points, in double precision."""
    found = np.empty(len(rows))
    step = max(1, AT_ONCE // points.shape[1])
    for start in range(0, len(rows), step):
        some = slice(start, start + step)
        apart = points[columns[some]].astype(np.float64) - points[rows[some]]
        found[some] = np.einsum("ij,ij->i", apart, apart)
    return found
