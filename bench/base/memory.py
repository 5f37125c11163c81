"""The memory that there is."""

from __future__ import annotations

import ctypes
import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

# What a container may use, where the system is one; the word max where that is not limited.
_LIMIT = Path("/sys/fs/cgroup/memory.max")
ASSUMED = 16_000_000_000  # bytes, where the system does not say
PROCESS = 400.0  # MB that a worker's process takes with what it imports
# Parameters of glibc's mallopt, and the most that it sets the two thresholds to by itself.
_TRIM_THRESHOLD, _MMAP_THRESHOLD, _MMAP_MAX = -1, -3, -4
_USUAL = ((_TRIM_THRESHOLD, 64 << 20), (_MMAP_THRESHOLD, 32 << 20), (_MMAP_MAX, 65536))


def memory() -> int:
    """Return the bytes of memory that this machine, or the container that this is in, has."""
    found = ASSUMED
    with suppress(AttributeError, OSError, ValueError):  # Windows has no sysconf
        found = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    with suppress(OSError, ValueError):
        found = min(found, int(_LIMIT.read_text(encoding="ascii")))
    return found


def free_megabytes() -> float:
    """Return the memory that programs can still take here, in MB."""
    import psutil

    free = float(psutil.virtual_memory().available)
    with suppress(OSError, ValueError, StopIteration):
        used = int(_LIMIT.with_name("memory.current").read_text(encoding="ascii"))
        text = _LIMIT.with_name("memory.stat").read_text(encoding="ascii")
        # Of files that were read, which the system drops where programs need the memory.
        cached = next(int(line.split()[1]) for line in text.splitlines() if "inactive_file" in line)
        free = min(free, int(_LIMIT.read_text(encoding="ascii")) - used + cached)
    return free / 1e6


def resident_megabytes(process: int) -> float:
    """Return the memory that a process takes, in MB; 0 where it has ended."""
    import psutil

    with suppress(psutil.Error):
        return float(psutil.Process(process).memory_info().rss) / 1e6
    return 0.0


@contextmanager
def kept_memory() -> Iterator[None]:
    """Have this process keep the memory that arrays leave, for the arrays of the next step.

    Where the C library is glibc. It gives arrays of more than 32 MB back to the system, which
    hands out each page anew and zeroed: that took a quarter of a step of training on images of 96
    pixels. Afterwards all is given back.
    """
    try:
        library = ctypes.CDLL(None)
        library.mallopt, library.malloc_trim  # noqa: B018 - are they there?
    except (AttributeError, OSError, TypeError):
        yield
        return
    library.mallopt(_MMAP_MAX, 0)
    library.mallopt(_TRIM_THRESHOLD, -1)
    try:
        yield
    finally:
        for parameter, value in _USUAL:
            library.mallopt(parameter, value)
        library.malloc_trim(0)
