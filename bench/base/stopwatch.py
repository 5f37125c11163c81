"""A stage's wall clock and peak memory."""

from __future__ import annotations

import time
from pathlib import Path

_STATUS = Path("/proc/self/status")
_CLEAR = Path("/proc/self/clear_refs")


def synchronize(device: str) -> None:
    """Wait until a device has done what it was given."""
    if device == "cpu":
        return
    import torch

    getattr(torch, device).synchronize()


class Stopwatch:
    """Context manager that measures what happens inside it.

    Parameters
    ----------
    device : str
        Waited for at both ends, so that its work is counted.

    Attributes
    ----------
    seconds : float
        Wall clock.
    peak_memory_mb : float or None
        Most resident memory of this process meanwhile, in MiB; None where the system cannot
        measure a stretch of time (it can on Linux).
    """

    def __init__(self, device: str) -> None:
        self.device = device
        self.seconds = 0.0
        self.peak_memory_mb: float | None = None

    def __enter__(self) -> Stopwatch:
        """Start."""
        self._reset = _reset_peak()
        synchronize(self.device)
        self._start = time.perf_counter()
        return self

    def __exit__(self, *raised: object) -> None:
        """Stop."""
        if raised[0] is None:
            synchronize(self.device)
        self.seconds = time.perf_counter() - self._start
        self.peak_memory_mb = _peak() if self._reset else None


def _reset_peak() -> bool:
    try:
        _CLEAR.write_text("5")
    except OSError:
        return False
    return True


def _peak() -> float | None:
    for line in _STATUS.read_text().splitlines():
        if line.startswith("VmHWM:"):
            return int(line.split()[1]) / 1024
    return None
