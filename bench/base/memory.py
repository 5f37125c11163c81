"""The memory that there is."""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path

# What a container may use, where the system is one; the word max where that is not limited.
_LIMIT = Path("/sys/fs/cgroup/memory.max")
ASSUMED = 16_000_000_000  # bytes, where the system does not say


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
