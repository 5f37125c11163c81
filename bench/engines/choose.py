"""Finds an engine by its name."""

from __future__ import annotations

from bench.engines.engine import Engine
from bench.engines.local import Local
from bench.engines.names import LOCAL, require, scheduler_of
from bench.spec import GridSpec


def choose(spec: GridSpec) -> Engine:
    """Return the engine that settings ask for; nothing is started.

    Raises
    ------
    bench.errors.UsageError
        If what it needs is not installed.
    """
    require(spec.engine)
    if spec.engine == LOCAL:
        return Local()
    from bench.engines.cluster import Cluster

    return Cluster(scheduler_of(spec.engine), spec.workers)
