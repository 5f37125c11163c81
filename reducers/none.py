"""No reduction: clusters are sought in the codes themselves."""

from __future__ import annotations

from typing import ClassVar

from reducers import reducers
from reducers.reducer import Array, Pointwise, as_float32


@reducers.register("none", "no reduction: clusters are sought in the codes themselves")
class NoReduction(Pointwise):
    """The identity."""

    libraries: ClassVar[tuple[str, ...]] = ()

    def transform(self, X: Array) -> Array:
        """Return ``X``."""
        return as_float32(X)
