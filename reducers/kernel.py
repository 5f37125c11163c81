"""What reducers share that lay points out by the principal components of a kernel."""

from __future__ import annotations

import numpy as np

from reducers.reducer import Array, Reducer


class KernelReducer(Reducer):
    """Base class of reducers whose embedding is a kernel's eigenvectors times their roots.

    The fitted points' places say all of that: a column's eigenvalue is its squared length.
    """

    means_: Array  # (n,) float64, each fitted point's mean kernel with all of them
    axes_: Array  # (n, k) float64, times a centered kernel; a column without variance is 0

    def _lay_axes(self, embedding: Array) -> None:
        """Find the axes of fitted points that lie at ``embedding``, (n, k)."""
        columns = embedding.astype(np.float64)
        values = np.square(columns).sum(axis=0)
        self.axes_ = np.divide(columns, values, out=np.zeros_like(columns), where=values > 0)

    def _project(self, kernel: Array) -> Array:
        """Place points by their kernel with the fitted ones, (m, n) float64; (m, k) float64."""
        centered = kernel - kernel.mean(axis=1, keepdims=True) - self.means_ + self.means_.mean()
        return np.asarray(centered @ self.axes_)
