"""The nearest neighbors of points, found exactly."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from bench.base.processors import available_threads, pool_of

Array = NDArray[Any]

BLOCK = 2**23  # distances that a thread has in memory
MORE = 4  # candidates beside the neighbors
MOST = 256  # candidates where many are as near as the last neighbor
AT_ONCE = 2**22  # numbers that are compared in double precision


def nearest(points: Array, count: int) -> tuple[Array, Array]:
    """Find the nearest neighbors of each point, by Euclidean distance.

    Candidates are found by products of matrices in single precision, whose errors are known, and
    compared by their distances in double precision. Of points at the same distance the first comes
    first. The result does not depend on threads.

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

    centered = np.asarray(points - points.mean(axis=0, dtype=np.float64), np.float32)
    squares = np.einsum("ij,ij->i", centered, centered)[:, None]
    # (x, 1) · (-2y, y²) is the square of the distance of x and y, less x².
    left = np.hstack([centered, np.ones_like(squares)])
    right = np.hstack([-2 * centered, squares]).T
    neighbors = np.empty((len(points), count), np.int64)
    distances = np.empty((len(points), count), np.float32)

    def find(start: int) -> None:
        some = slice(start, min(start + step, len(points)))
        between = left[some] @ right
        own = np.arange(some.start, some.stop)
        between[own - start, own] = np.inf
        candidates = _candidates(between, squares[some], count, points.shape[1])
        for rows, found in candidates:
            neighbors[start + rows], distances[start + rows] = _sorted(
                points, start + rows, found, count
            )

    step = max(1, BLOCK // len(points))
    with threadpool_limits(1, user_api="blas"), pool_of(available_threads()) as pool:
        list(pool.map(find, range(0, len(points), step)))
    return neighbors, distances


def _candidates(
    between: Array, squares: Array, count: int, dimensions: int
) -> list[tuple[Array, Array]]:
    """Return rows of a block, and their candidates, of whom there are as many in each row."""
    width = min(count + MORE, between.shape[1] - 1)
    found = np.argpartition(between, width - 1, axis=1)[:, :width]
    values = np.take_along_axis(between, found, axis=1)
    values.sort(axis=1)
    last = values[:, count - 1 : count]
    # Rounding of a sum of d products grows as the root of d.
    error = 4 * np.finfo(np.float32).eps * np.sqrt(dimensions) * (2 * squares + abs(last))
    clear = values[:, -1] > (last + 2 * error)[:, 0]
    clear |= width == between.shape[1] - 1
    rows = np.flatnonzero(clear)
    parts = [(rows, found[rows])] if len(rows) else []
    for row in np.flatnonzero(~clear):
        nearer = np.flatnonzero(between[row] < last[row] - 2 * error[row])
        level = np.flatnonzero(abs(between[row] - last[row]) <= 2 * error[row])
        # The nearer ones are fewer than count; of the others the first are as good as any.
        parts.append((np.array([row]), np.concatenate([nearer, level[:MOST]])[None]))
    return parts


def _sorted(points: Array, rows: Array, candidates: Array, count: int) -> tuple[Array, Array]:
    """Return the nearest of the candidates of some points, (k, count), and their distances."""
    squares = np.empty(candidates.shape)
    step = max(1, AT_ONCE // (candidates.shape[1] * points.shape[1]))
    for start in range(0, len(rows), step):
        some = slice(start, start + step)
        apart = points[candidates[some]].astype(np.float64) - points[rows[some], None]
        squares[some] = np.einsum("ijk,ijk->ij", apart, apart)
    order = np.lexsort((candidates, squares))[:, :count]
    chosen = np.take_along_axis(candidates, order, axis=1)
    return chosen, np.sqrt(np.take_along_axis(squares, order, axis=1))
