"""The processors that there are, and the threads that libraries use of them."""

from __future__ import annotations

import os
import sys


def available_threads() -> int:
    """Return the number of processors that this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def limit_threads(count: int) -> None:
    """Have the libraries that are loaded use so many threads: OpenMP, BLAS, torch and numba."""
    import torch
    from threadpoolctl import threadpool_limits

    threadpool_limits(count)
    torch.set_num_threads(count)
    if "numba" in sys.modules:
        from numba import config, set_num_threads

        set_num_threads(min(count, int(vars(config)["NUMBA_NUM_THREADS"])))


def find_device() -> str:
    """Return the best device here: ``cuda``, ``mps`` or ``cpu``."""
    import torch

    if torch.cuda.is_available():
        return "cuda"
    if torch.backends.mps.is_available():
        return "mps"
    return "cpu"
