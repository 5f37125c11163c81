"""Codes brought to one length."""

from __future__ import annotations

from typing import ClassVar

import numpy as np

from reducers import reducers
from reducers.reducer import Array, Pointwise, as_float32


@reducers.register("normalize", "every code divided by its length: normalize+pca16(whiten=true)")
class Normalize(Pointwise):
    """Each code divided by its Euclidean length; what is compared is then its direction.

    Codes that were trained by cosines, as those of contrastive models, have no meaning in their
    length. A code of zeros stays as it is.

    References
    ----------
    scikit-learn's Normalizer.
    """

    libraries: ClassVar[tuple[str, ...]] = ("numpy",)

    def transform(self, X: Array) -> Array:
        """Return codes of length 1, shape (n, n_features)."""
        lengths = np.linalg.norm(X, axis=1, keepdims=True)
        return as_float32(X / np.where(lengths > 0, lengths, 1))
