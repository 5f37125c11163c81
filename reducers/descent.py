"""The gradient descent of t-SNE in single precision, compiled by numba.

Its steps follow openTSNE's rules. Of the gradient, attraction is summed over the neighbors, and
repulsion over all pairs of points: one by one, or on a grid.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
from scipy import fft

from reducers.reducer import Array

# Does the same for several arguments, as `map` does, perhaps by several threads.
Share = Callable[..., Any]

# The rules of openTSNE 1.0.
MOMENTUM, LONGEST_STEP = np.float32(0.8), np.float32(5)
FASTER, SLOWER, LEAST_GAIN = np.float32(0.2), np.float32(0.8), np.float32(0.01)

# Width of a grid's cells, where the kernel 1 / (1 + r²) has fallen to its half at r = 1. At the end
# of a fit, the root mean square error of forces is 0.7 % (Barnes-Hut trees at openTSNE's angle
# 1.9 %, openTSNE's interpolation 4.2 %); at 0.4 it is 1.7 %.
WIDTH = 1 / 3
# Cells along an axis. Points that spread further get wider cells.
MOST_CELLS = 4096
# Grids grow by so many cells at once, so that the kernels are rarely transformed again.
GROWTH = 16
# Columns of a grid that are transformed together: few enough for a processor's cache, and shares
# of the threads.
COLUMNS = 64

# Numbers that leave single precision single where numba compiles.
ZERO, ONE, TWO, THREE, FOUR, SIX = (np.float32(number) for number in (0, 1, 2, 3, 4, 6))


class Descent:
    """Points in one or two dimensions, and the descent that moves them.

    The result is the same to the bit for the same number of threads: each thread has a fixed share
    of the work, and what they sum is added up in a fixed order.

    Parameters
    ----------
    start : numpy.ndarray
        Shape (n, 1) or (n, 2): where the points are at first.
    affinities : scipy.sparse.csr_matrix
        Shape (n, n), symmetric, of sum 1.
    exact : bool
        True: repulsion pair by pair, in time n². False: interpolated on a grid, in time n and
        that of Fourier transforms of the grid.
    threads : int

    References
    ----------
    Linderman et al. (2019), Fast interpolation-based t-SNE; here with the cubic B-splines of
    Essmann et al. (1995), A smooth particle mesh Ewald method. Forces are interpolated with odd
    kernels and not derived from a potential, because a point then has no force on itself.
    """

    def __init__(self, start: Array, affinities: Any, exact: bool, threads: int) -> None:
        count, self.dimensions = start.shape
        self.points = np.zeros((2, count), np.float32)  # on a line, the second axis stays 0
        self.points[: self.dimensions] = start.T
        self.speed, self.gains = np.zeros_like(self.points), np.ones_like(self.points)
        self.neighbors = affinities.indptr, affinities.indices, affinities.data.astype(np.float32)
        self.repel = self._repel_by_pairs if exact else self._repel_on_grid
        self.threads = threads
        self.kernels: tuple[Any, list[Array]] = (None, [])

    def run(self, steps: int, exaggeration: float = 1.0) -> Array:
        """Take steps with attraction multiplied by ``exaggeration``; return the points, (n, d)."""
        rate = np.float32(self.points.shape[1] / exaggeration)
        with ThreadPoolExecutor(self.threads) as pool:
            share: Share = map if self.threads == 1 else pool.map
            for _ in range(steps):
                attraction = self._attract(share)
                repulsion, total = self.repel(share)
                self._step(np.float32(exaggeration) * attraction - repulsion / total, rate)
        return self.points[: self.dimensions].T

    def _step(self, gradient: Array, rate: np.float32) -> None:
        downhill = np.sign(self.speed) != np.sign(gradient)
        self.gains = np.where(downhill, self.gains + FASTER, self.gains * SLOWER + LEAST_GAIN)
        self.speed = MOMENTUM * self.speed - rate * self.gains * gradient
        self.speed *= LONGEST_STEP / np.maximum(np.hypot(*self.speed), LONGEST_STEP)
        self.points += self.speed
        self.points -= self.points.mean(axis=1, keepdims=True)

    def _attract(self, share: Share) -> Array:
        forces = np.empty_like(self.points)
        attract = functools.partial(compiled(_attract), *self.neighbors, *self.points, *forces)
        list(share(attract, *self._shares()))
        return forces

    def _repel_by_pairs(self, share: Share) -> tuple[Array, np.float32]:
        forces = np.zeros((2, self.threads, self.points.shape[1]), np.float32)
        repel = functools.partial(compiled(_repel), *self.points)
        # A pair is met at its later point, so that later points have more to do.
        total = 2 * sum(share(repel, *self._shares(power=0.5), *forces))
        return forces.sum(axis=1), np.float32(total)

    def _repel_on_grid(self, share: Share) -> tuple[Array, np.float32]:
        count = self.points.shape[1]
        at, cells, width = self._lay_grid()
        left, weights = np.empty((2, count), np.int32), np.empty((2, count, 4), np.float32)
        for axis in zip(at, left, weights, strict=True):
            list(share(functools.partial(compiled(_weigh), *axis), *self._shares()))
        grid = np.zeros(cells, np.float32)
        compiled(_spread)(*left, *weights, grid)
        fields, total = self._convolve(share, grid, width)
        forces = np.empty_like(self.points)
        gather = functools.partial(compiled(_gather), *left, *weights, *fields, *forces)
        list(share(gather, *self._shares()))
        return forces, np.float32(total - count)  # without each point's pair with itself

    def _lay_grid(self) -> tuple[Array, Array, float]:
        """Return the points in cells from a grid's first node, its cells by axis, their width."""
        low, high = self.points.min(axis=1), self.points.max(axis=1)
        wider = np.log2(max((high - low).max() / (WIDTH * MOST_CELLS), 1))
        width = WIDTH * 2.0 ** np.ceil(wider)
        # The origin, around which all points are at first, lies on a node: forces are most exact
        # between points at the same place in a cell, and most of all on a node.
        first = np.floor(low / width)
        cells = np.floor(high / width) - first + 4
        at = self.points / np.float32(width) - first[:, None].astype(np.float32)
        return at, (np.ceil(cells / GROWTH) * GROWTH).astype(int), width

    def _convolve(self, share: Share, grid: Array, width: float) -> tuple[Array, float]:
        """Return both axes' forces at a grid's nodes, and the kernel's sum over all pairs."""
        rows, columns = (fft.next_fast_len(2 * int(cells), real=True) for cells in grid.shape)
        if self.kernels[0] != (rows, columns, width):
            self.kernels = (rows, columns, width), _kernels(rows, columns, width)
        # The kernels of forces are odd: their transforms are imaginary.
        waves = fft.rfft(grid, columns, axis=1, workers=self.threads) * np.complex64(1j)
        fields = np.empty((2, *waves.shape), np.complex64)

        def convolve(first: int) -> float:
            block = np.s_[:, first : first + COLUMNS]
            to_sum, *slopes = (kernel[block] for kernel in self.kernels[1])
            wave = fft.fft(waves[block], rows, axis=0)
            for field, slope in zip(fields, slopes, strict=True):
                field[block] = fft.ifft(wave * slope, axis=0, overwrite_x=True)[: len(grid)]
            return float((to_sum * (wave.real**2 + wave.imag**2)).sum())

        total = sum(share(convolve, range(0, waves.shape[1], COLUMNS)))
        forces = fft.irfft(fields, columns, axis=2, workers=self.threads, overwrite_x=True)
        return np.asarray(forces), total

    def _shares(self, power: float = 1.0) -> tuple[list[int], list[int]]:
        """Return where each thread's points begin and end, as powers of equal shares."""
        bounds = np.linspace(0, 1, self.threads + 1) ** power * self.points.shape[1]
        ends = [round(bound) for bound in bounds]
        return ends[:-1], ends[1:]


def _kernels(rows: int, columns: int, width: float) -> list[Array]:
    """Return transforms of q = 1 / (1 + r²), for its sum, and of q² times either difference.

    They are divided by those of the splines, which then interpolate between the nodes.
    """
    x, y = (fft.fftfreq(size, 1 / size) * width for size in (rows, columns))
    x = x[:, None]
    q = 1 / (1 + x**2 + y**2)
    kernels = [fft.rfft2(q).real, fft.rfft2(q**2 * x).imag, fft.rfft2(q**2 * y).imag]
    # The frequencies that a transform of real numbers leaves out are in the sum, too.
    twice = np.full(columns // 2 + 1, 2 / (rows * columns))
    twice[:: columns // 2 if columns % 2 == 0 else columns] /= 2
    kernels[0] *= twice
    splines = [(2 + np.cos(2 * np.pi * fft.fftfreq(size))) / 3 for size in (rows, columns)]
    both = splines[0][:, None] * splines[1][: columns // 2 + 1]
    return [(kernel / both**2).astype(np.float32) for kernel in kernels]


@functools.cache
def compiled(function: Callable[..., Any]) -> Callable[..., Any]:
    """Return a function of this file compiled, from numba's cache where that has it."""
    import numba

    made: Callable[..., Any] = numba.njit(
        fastmath=True, error_model="numpy", nogil=True, cache=True
    )(function)
    return made


def _attract(
    indptr: Array, indices: Array, data: Array, x: Array, y: Array, to_x: Array, to_y: Array,
    start: int, stop: int,
) -> None:  # fmt: skip
    for i in range(start, stop):
        sum_x = sum_y = ZERO
        for k in range(indptr[i], indptr[i + 1]):
            j = indices[k]
            dx, dy = x[i] - x[j], y[i] - y[j]
            force = data[k] / (ONE + dx * dx + dy * dy)
            sum_x += force * dx
            sum_y += force * dy
        to_x[i], to_y[i] = sum_x, sum_y


def _repel(x: Array, y: Array, start: int, stop: int, to_x: Array, to_y: Array) -> float:
    total = 0.0
    for i in range(start, stop):
        here_x, here_y = x[i], y[i]
        sum_q = sum_x = sum_y = ZERO
        for j in range(i):
            dx, dy = here_x - x[j], here_y - y[j]
            q = ONE / (ONE + dx * dx + dy * dy)
            sum_q += q
            q *= q
            sum_x += q * dx
            sum_y += q * dy
            to_x[j] -= q * dx
            to_y[j] -= q * dy
        to_x[i] += sum_x
        to_y[i] += sum_y
        total += float(sum_q)
    return total


def _weigh(at: Array, left: Array, weights: Array, start: int, stop: int) -> None:
    """Weigh the four nodes around each point along an axis by cubic B-splines."""
    for k in range(start, stop):
        left[k] = int(at[k])
        t = at[k] - np.float32(left[k])
        s = ONE - t
        weights[k, 0] = s * s * s / SIX
        weights[k, 1] = (FOUR - THREE * t * t * (TWO - t)) / SIX
        weights[k, 2] = (FOUR - THREE * s * s * (TWO - s)) / SIX
        weights[k, 3] = t * t * t / SIX


def _spread(left_x: Array, left_y: Array, weights_x: Array, weights_y: Array, grid: Array) -> None:
    for k in range(len(left_x)):
        for a in range(4):
            for b in range(4):
                grid[left_x[k] + a, left_y[k] + b] += weights_x[k, a] * weights_y[k, b]


def _gather(
    left_x: Array, left_y: Array, weights_x: Array, weights_y: Array, field_x: Array,
    field_y: Array, to_x: Array, to_y: Array, start: int, stop: int,
) -> None:  # fmt: skip
    for k in range(start, stop):
        sum_x = sum_y = ZERO
        for a in range(4):
            for b in range(4):
                weight = weights_x[k, a] * weights_y[k, b]
                sum_x += weight * field_x[left_x[k] + a, left_y[k] + b]
                sum_y += weight * field_y[left_x[k] + a, left_y[k] + b]
        to_x[k], to_y[k] = sum_x, sum_y
