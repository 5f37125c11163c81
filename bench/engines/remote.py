"""A Dask worker's end: one task, done in a process of its own.

This module is all that a scheduler has to load; what is heavy is imported where it is used.
"""

from __future__ import annotations

import functools
import pickle
import time
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from bench.engines.children import Children
    from bench.engines.gpus import Gpus
    from bench.engines.messages import Job, Report, What
    from bench.worker.messages import Order

GPU = "GPU"  # the resource that Dask's workers declare: --resources "GPU=1"
PAUSE = 1.0  # seconds between two reports of progress


def work(job: bytes, order: bytes, *parents: Report) -> Report:
    """Do a task on a Dask worker, in one of its threads.

    Parameters
    ----------
    job, order : bytes
        A pickled `bench.engines.messages.Job` and `bench.worker.messages.Order`. As bytes, so that
        the scheduler, which looks into all that passes, loads nothing of them.
    *parents : Report
        What became of the tasks that this one reads.
    """
    from distributed import get_worker

    from bench.engines.messages import Behind, Report
    from bench.worker.messages import Done

    worker = get_worker()
    read: Job = _load(job)
    what: What = Behind()
    if all(isinstance(parent.what, Done) for parent in parents):
        what = _do(worker, read, pickle.loads(order))
    return Report(read.run, worker.address, what)


@functools.lru_cache(maxsize=16)
def _load(pickled: bytes) -> Any:
    return pickle.loads(pickled)


def _do(worker: Any, job: Job, order: Order) -> What:
    from distributed import Reschedule, secede

    from bench.engines.guard import Guard
    from bench.engines.messages import TooSmall, Unfit
    from bench.engines.proof import misfit
    from bench.errors import RunError
    from bench.store import DamagedError, StoreError
    from bench.worker.messages import Damaged, Done, Raised, Stuck
    from bench.worker.process import TaskFailedError

    reason = misfit(job.proof) if job.proof else ""
    if reason:
        return Unfit(reason)
    key = worker.get_current_task()
    last = 0.0

    def wanted() -> bool:
        found = worker.state.tasks.get(key)
        return found is not None and found.state != "cancelled"

    def steps(done: int, total: int) -> None:
        nonlocal last
        if time.monotonic() - last > PAUSE:
            last = time.monotonic()
            worker.log_event(topic(job.run), [order.task.key, done, total])

    limit = worker.memory_manager.memory_limit
    share = limit // worker.state.nthreads if limit else None
    on_gpu = order.task.settings.get("device") == "cuda"
    declared = int(worker.state.total_resources.get(GPU, 0)) if on_gpu else 0
    # Where another grid is at this task, the worker is free for others until that has done it.
    with gpus().lend(declared) as gpu, children().borrow(job.setup, gpu, waiting=secede) as child:
        try:
            with Guard(child, share, wanted) as guard:
                what: What = Done(child.do(order.task, steps, order.force))
        except TaskFailedError as error:
            what = Raised(error.error, error.details)
        except DamagedError as damage:
            what = Damaged(damage.stage, damage.key, damage.reason)
        except StoreError as error:
            what = Stuck(str(error))
        except RunError as error:
            child.__exit__()
            what = Unfit(str(error))
    if guard.unwanted:
        raise Reschedule  # dropped, unless somebody wants it again
    if guard.too_large and share:
        told = f"MemoryError: {worker.address} has {share / 1e9:.1f} GB for a task"
        return TooSmall(share, Raised(told, told))
    return what


def topic(run: str) -> str:
    """Return where a run's tasks tell how far they are."""
    return f"latentgrid-{run}"


@functools.cache
def children() -> Children:
    """Return the processes of this worker."""
    from bench.engines.children import Children

    return Children()


@functools.cache
def gpus() -> Gpus:
    """Return the GPUs of this worker."""
    from bench.engines.gpus import Gpus

    return Gpus()


async def prove(pickled: bytes) -> str:
    """Say why a worker cannot work for a grid; empty where it can. Leaves the worker responsive."""
    import asyncio

    from bench.engines.proof import misfit

    return await asyncio.to_thread(misfit, _load(pickled))


def processors() -> int:
    """Return how many processors a worker may use."""
    from bench.processors import available_threads

    return available_threads()
