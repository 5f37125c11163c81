"""Finds an engine by its name."""

from __future__ import annotations

from bench.execution.engines.engine import Engine
from bench.execution.engines.inline import Inline
from bench.execution.engines.local import Local
from bench.planning.engines import INLINE, LOCAL, require, scheduler_of
from bench.planning.settings import GridSettings


def choose(spec: GridSettings) -> Engine:
    """Return the engine that settings ask for; nothing is started.

    Raises
    ------
    bench.base.errors.UsageError
        If what it needs is not installed.
    """
    require(spec.engine)
    if spec.engine == LOCAL:
        return Local(spec.workers)
    if spec.engine == INLINE:
        return Inline()
    from bench.execution.engines.dask.cluster import Cluster

    return Cluster(scheduler_of(spec.engine), spec.workers)
