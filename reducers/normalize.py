"""Codes brought to one length."""

from __future__ import annotations

from typing import ClassVar

import numpy as np

from reducers import reducers
from reducers.reducer import Array, Reducer, State, as_float32


@reducers.register("normalize", "every code divided by its length: normalize+pca16(whiten=true)")
class Normalize(Reducer):
    """Each code divided by its Euclidean length; what is compared is then its direction.

    Codes that were trained by cosines, as those of contrastive models, have no meaning in their
    length. A code of zeros stays as it is.

    References
    ----------
    scikit-learn's Normalizer.
    """

    deterministic: ClassVar[bool] = True
    libraries: ClassVar[tuple[str, ...]] = ("numpy",)
    needs_points: ClassVar[bool] = False

    def fit_transform(self, X: Array, y: None = None) -> Array:
        """Return codes of length 1, shape (n_samples, n_features)."""
        return self.transform(X)

    def transform(self, X: Array) -> Array:
        """Return codes of length 1, shape (n, n_features)."""
        lengths = np.linalg.norm(X, axis=1, keepdims=True)
        return as_float32(X / np.where(lengths > 0, lengths, 1))

    def restore(self, state: State, X: Array | None, embedding: Array | None) -> Normalize:
        """Become the fitted reducer: there is nothing to find out."""
        return self
