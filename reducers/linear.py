"""What reducers share that project onto axes of the data."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import ClassVar, Self

import numpy as np
from scipy import linalg

from bench.base.checks import check_components
from reducers.reducer import Array, Reducer, State, as_float32


@dataclass(eq=False, repr=False)
class LinearReducer(Reducer):
    """Base class of exact projections onto the leading axes; no seed.

    Fitting leaves ``components_``, (n_components, n_features), and where points are centered
    ``mean_``, (n_features,).
    """

    deterministic: ClassVar[bool] = True
    libraries: ClassVar[tuple[str, ...]] = ("numpy", "scipy")
    needs_points: ClassVar[bool] = False

    n_components: int
    components_: Array = field(init=False)
    mean_: Array | None = field(init=False, default=None)

    def check(self, n_samples: int, n_features: int) -> None:
        check_components(self.n_components, n_samples, n_features)

    def seconds(self, n_samples: int, n_features: int) -> float:
        if n_features > n_samples:  # all singular vectors, of which most are dropped
            return (8 * n_samples**2 * n_features + 20 * n_samples**3) / 4e10
        return (n_features**2 * n_samples + 4 * n_features**3) / 2e11

    def transform(self, X: Array) -> Array:
        X = np.asarray(X)
        centered = X if self.mean_ is None else X - self.mean_
        return as_float32(centered @ self.components_.T)

    def fitted(self) -> State:
        centering = {} if self.mean_ is None else {"mean": self.mean_}
        return centering | {"components": self.components_}

    def restore(self, state: State, X: Array | None, embedding: Array | None) -> Self:
        self.components_ = state["components"]
        self.mean_ = state.get("mean")
        return self


def leading_axes(X: Array, count: int) -> Array:
    """Return the leading right singular vectors of ``X``, (count, n_features), the first first.

    Those of centered points are their principal axes.
    """
    n_samples, n_features = X.shape
    if n_features <= n_samples:
        # The matrix of products is the smaller problem; symmetric, its upper half is enough.
        products = linalg.get_blas_funcs("syrk", (X,))(1.0, X.T)
        _, vectors = linalg.eigh(
            products,
            lower=False,
            subset_by_index=[n_features - count, n_features - 1],
            driver="evr",
            overwrite_a=True,
        )
        axes = vectors[:, ::-1].T
    else:
        axes = linalg.svd(X, full_matrices=False)[2][:count]
    # An axis has no direction of its own: its largest entry is made positive.
    largest = np.take_along_axis(axes, np.abs(axes).argmax(axis=1)[:, None], axis=1)
    return np.asarray(axes * np.where(largest < 0, -1, 1).astype(axes.dtype))


def whitening_axes(centered: Array, axes: Array) -> Array:
    """Return axes scaled such that the centered points have unit variance along each.

    The variance is the unbiased one, of n − 1 degrees of freedom. An axis along which float32
    points differ by their rounding only becomes zero: divided by its spread, that rounding would
    weigh as much as what the points are made of.
    """
    spread = np.linalg.norm(centered @ axes.T, axis=0) / np.sqrt(max(len(centered) - 1, 1))
    rounding = spread.max() * np.finfo(np.float32).eps * np.sqrt(max(centered.shape))
    scale = np.divide(1.0, spread, out=np.zeros_like(spread), where=spread > rounding)
    return np.asarray(axes * scale[:, None])
