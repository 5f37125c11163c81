"""What a Dask worker says that it has; light, since a scheduler has to load it."""

from __future__ import annotations

GPU = "GPU"  # the resource that Dask's workers declare: --resources "GPU=1"


def processors() -> int:
    """Return how many processors a worker may use, by its affinity and its container's limit."""
    from dask.system import CPU_COUNT

    return int(CPU_COUNT)
