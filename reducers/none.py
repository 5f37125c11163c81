"""No reduction: clusters are sought in the codes themselves."""

from __future__ import annotations

from typing import ClassVar

from reducers import reducers
from reducers.reducer import Array, Reducer, as_float32


@reducers.register("none", "no reduction: clusters are sought in the codes themselves")
class NoReduction(Reducer):
    """The identity."""

    deterministic: ClassVar[bool] = True
    libraries: ClassVar[tuple[str, ...]] = ()

    def fit_transform(self, X: Array, y: None = None) -> Array:
        """Return ``X``."""
        return as_float32(X)

    def transform(self, X: Array) -> Array:
        """Return ``X``."""
        return as_float32(X)
