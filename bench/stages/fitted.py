"""What a reducer or clusterer keeps of its fit, as arrays of an artifact."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from bench.stages.stage import Array

if TYPE_CHECKING:
    from bench.clusterers.clusterer import Clusterer
    from reducers.reducer import Reducer

FITTED = "fitted."  # before the names of these arrays


def fitted_arrays(item: Reducer | Clusterer) -> dict[str, Array]:
    """Return what an item keeps of its fit, under names that are no other array's."""
    return {f"{FITTED}{name}": np.asarray(array) for name, array in item.fitted().items()}
