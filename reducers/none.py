"""No reduction: clusters are sought in the codes themselves."""

from __future__ import annotations

from typing import ClassVar

from reducers import reducers
from reducers.reducer import Array, Reducer, State, as_float32


@reducers.register("none", "no reduction: clusters are sought in the codes themselves")
class NoReduction(Reducer):
    """The identity."""

    deterministic: ClassVar[bool] = True
    libraries: ClassVar[tuple[str, ...]] = ()
    needs_points: ClassVar[bool] = False

    def fit_transform(self, X: Array, y: None = None) -> Array:
        """Return ``X``."""
        return as_float32(X)

    def transform(self, X: Array) -> Array:
        """Return ``X``."""
        return as_float32(X)

    def restore(self, state: State, X: Array | None, embedding: Array | None) -> NoReduction:
        """Become the fitted reducer: there is nothing to find out."""
        return self
