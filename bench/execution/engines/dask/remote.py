"""A Dask worker's end: a batch of tasks, done in processes of their own.

This module is all that a scheduler has to load; what is heavy is imported where it is used.
"""

from __future__ import annotations

import functools
import pickle
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from bench.execution.engines.dask.doing import Job, Report


def work(job: bytes, orders: bytes, *parents: Report) -> Report:
    """Do tasks on a Dask worker, one after the other, in one of its threads.

    Parameters
    ----------
    job, orders : bytes
        A pickled `bench.execution.engines.dask.doing.Job` and list of
        `bench.execution.worker.messages.Order`. As bytes, so that the scheduler, which looks into
        all that passes, loads nothing of them.
    *parents : Report
        What became of the batches that these tasks read from.
    """
    from distributed import get_worker

    from bench.execution.engines.dask.doing import Behind, Doing, Report
    from bench.execution.worker.messages import Done

    worker = get_worker()
    read: Job = _load(job)
    doing = Doing(worker, read)
    known = {key: what for parent in parents for key, what in parent.whats.items()}
    whats = {}
    for order in pickle.loads(orders):
        task = order.task
        behind = not all(isinstance(known.get(k, Done(False)), Done) for _, k in task.parents)
        known[task.key] = whats[task.key] = Behind() if behind else doing.do(order)
    return Report(read.run, worker.address, whats)


@functools.lru_cache(maxsize=16)
def _load(pickled: bytes) -> Any:
    return pickle.loads(pickled)


async def prove(pickled: bytes) -> str:
    """Say why a worker cannot work for a grid; empty where it can. Leaves the worker responsive."""
    import asyncio

    from bench.execution.engines.dask.proof import misfit

    return await asyncio.to_thread(misfit, _load(pickled))
