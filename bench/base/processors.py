"""The processors that there are, and the threads that libraries use of them."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, contextmanager
from typing import Any

from bench.base.errors import UsageError

MOST_THREADS = 1024  # of a task: with tens of thousands, libraries end the process


def available_threads() -> int:
    """Return the number of processors that this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


@contextmanager
def pool_of(count: int) -> Iterator[ThreadPoolExecutor]:
    """Have threads, which begin nothing more once an error or a stop has left them."""
    pool = ThreadPoolExecutor(count)
    try:
        yield pool
    finally:
        pool.shutdown(cancel_futures=True)


def limited(count: int, kind: str | None = None) -> AbstractContextManager[Any]:
    """Have OpenMP and BLAS as loaded, or a ``kind`` of both, use so many threads from now on.

    What is returned, as a context, restores the threads at its end.
    """
    global _libraries
    from threadpoolctl import ThreadpoolController

    # Libraries come with modules. To look for them takes as long as a small task.
    if _libraries is None or _libraries[0] != len(sys.modules):
        _libraries = len(sys.modules), ThreadpoolController()
    found: AbstractContextManager[Any] = _libraries[1].limit(limits=count, user_api=kind)
    return found


_libraries: tuple[int, Any] | None = None  # modules there were, and the libraries then


def limit_threads(count: int) -> None:
    """Have the libraries that are loaded use so many threads: OpenMP, BLAS, torch and numba."""
    import torch

    limited(count)
    torch.set_num_threads(count)
    if "numba" in sys.modules:
        from numba import config, set_num_threads

        set_num_threads(min(count, int(vars(config)["NUMBA_NUM_THREADS"])))


def find_device(name: str = "auto") -> str:
    """Return the best device here, or the one asked for.

    Parameters
    ----------
    name : str
        ``auto``, ``cuda``, ``mps`` or ``cpu``.

    Raises
    ------
    UsageError
        If it is not available here.
    """
    import torch

    there = {"cuda": torch.cuda.is_available(), "mps": torch.backends.mps.is_available()}
    devices = [each for each, found in there.items() if found] + ["cpu"]
    if name not in ("auto", *devices):
        known = ", ".join(sorted(devices))
        raise UsageError(f"no device {name!r} here: allowed are auto, {known}")
    return devices[0] if name == "auto" else name
