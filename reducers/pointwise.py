"""Reducers that learn nothing from the data."""

from __future__ import annotations

from typing import ClassVar, Self

import numpy as np

from reducers import reducers
from reducers.reducer import Array, Reducer, State, as_float32


class Pointwise(Reducer):
    """Base class of reducers that learn nothing from the data: they define `transform`."""

    deterministic: ClassVar[bool] = True
    libraries: ClassVar[tuple[str, ...]] = ("numpy",)
    needs_points: ClassVar[bool] = False

    def fit_transform(self, X: Array, y: None = None) -> Array:
        return self.transform(X)

    def transform(self, X: Array) -> Array:
        raise NotImplementedError

    def restore(self, state: State, X: Array | None, embedding: Array | None) -> Self:
        return self


@reducers.register("none", "no reduction: the codes themselves are clustered")
class NoReduction(Pointwise):
    """The identity."""

    libraries: ClassVar[tuple[str, ...]] = ()

    def transform(self, X: Array) -> Array:
        return as_float32(X)


@reducers.register("normalize", "every code divided by its length: normalize+pca16(whiten=true)")
class Normalize(Pointwise):
    """Each code divided by its Euclidean length; what is compared is then its direction.

    Codes that were trained by cosines, as those of contrastive models, have no meaning in their
    length. A code of zeros stays as it is.

    References
    ----------
    scikit-learn's Normalizer.
    """

    title: ClassVar[str] = "normalization"

    def transform(self, X: Array) -> Array:
        """Return codes of length 1, shape (n, n_features)."""
        lengths = np.linalg.norm(X, axis=1, keepdims=True)
        return as_float32(X / np.where(lengths > 0, lengths, 1))
