"""Truncated singular value decomposition."""

from __future__ import annotations

import numpy as np

from reducers import reducers
from reducers.linear import LinearReducer, leading_axes
from reducers.reducer import Array, as_float32


@reducers.register("svd", "truncated singular values, exact, not centered: svd64")
class SVD(LinearReducer):
    """Exact truncated singular value decomposition; no seed.

    Principal components without the centering: the first one is near the mean, and what is 0 (no
    ink) stays 0. Products are made in float64: the mean dwarfs the rest, and in float32 its
    rounding would be as large as the later components.

    Parameters
    ----------
    n_components : int
        Dimensions to keep, 1 to min(images, dimensions).

    References
    ----------
    Eckart, Young (1936), The approximation of one matrix by another of lower rank; Halko,
    Martinsson, Tropp (2011), Finding structure with randomness (scikit-learn's default, which
    this is not).
    """

    def seconds(self, n_samples: int, n_features: int) -> float:
        """Estimate from the floating-point operations of the solver, in float64."""
        return 2 * super().seconds(n_samples, n_features)

    def fit_transform(self, X: Array, y: None = None) -> Array:
        """Fit to ``X``, shape (n_samples, n_features); return (n_samples, n_components)."""
        X = np.asarray(X, dtype=np.float64)
        self.components_ = leading_axes(X, self.n_components)
        return as_float32(X @ self.components_.T)
