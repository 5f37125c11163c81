"""Does tasks on a Dask worker, each in a process that is lent for it."""

from __future__ import annotations

import functools
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from typing import Any

from distributed import Reschedule, secede

from bench.base.errors import RunError
from bench.execution.engines.batches import on_gpu
from bench.execution.engines.children import Children
from bench.execution.engines.gpus import Gpus
from bench.execution.engines.guard import Guard, Watched
from bench.execution.engines.messages import Job, TooSmall, Unfit, What, topic
from bench.execution.engines.permits import Loan, Permits
from bench.execution.engines.proof import misfit
from bench.execution.engines.remote import GPU, processors
from bench.execution.worker.messages import Damaged, Done, Order, Raised, Stuck
from bench.execution.worker.process import TaskFailedError, WorkerProcess
from bench.store import DamagedError, StoreError

PAUSE = 1.0  # seconds between two reports of progress
# Seconds until a worker says that it cannot do a task: one that is quick at this would draw all
# tasks to itself while those who can are at work.
SHAME = 5.0


@dataclass(frozen=True)
class Pool:
    """What a Dask worker has for tasks: processes and who watches them, processors and GPUs."""

    children: Children
    guard: Guard
    permits: Permits
    gpus: Gpus


_lock = threading.Lock()


def pool(count: int) -> Pool:
    """Return what this worker has, with so many processors."""
    with _lock:  # else threads that begin together would have one each
        return _pool(count)


@functools.cache
def _pool(count: int) -> Pool:
    return Pool(children(), Guard(), Permits(count), Gpus())


@functools.cache
def children() -> Children:
    """Return the processes of this worker."""
    return Children()


class Doing:
    """Does tasks in a thread of a Dask worker.

    Parameters
    ----------
    worker : distributed.Worker
    job : Job
    """

    def __init__(self, worker: Any, job: Job) -> None:
        self.worker = worker
        self.job = job
        self.name = worker.get_current_task()
        self.pool = pool(job.processors or max(processors(), worker.state.nthreads))
        limit = worker.memory_manager.memory_limit
        self.memory = limit // worker.state.nthreads if limit else None
        self.seceded = False

    def do(self, order: Order) -> What:
        """Do a task; return what became of it.

        Raises
        ------
        distributed.Reschedule
            If nobody wants it any more; Dask drops it then, unless somebody does.
        """
        reason = misfit(self.job.proof) if self.job.proof else ""
        if reason:
            time.sleep(SHAME)
            return Unfit(reason)
        with self._lent(order) as child:
            watched = Watched(child, self.memory, self._wanted)
            self.pool.guard.begin(watched)
            try:
                what = self._ask(child, order)
            finally:
                self.pool.guard.end(watched)
            if watched.unwanted or watched.too_large:
                child.__exit__()  # it may have been ended when its task was done
        if isinstance(what, Done):
            return what
        if watched.unwanted:
            raise Reschedule
        if watched.too_large and self.memory:
            text = f"MemoryError: {self.worker.address} has {self.memory / 1e9:.1f} GB for a task"
            return TooSmall(self.memory, Raised(text, text))
        return what

    @contextmanager
    def _lent(self, order: Order) -> Iterator[WorkerProcess]:
        """Have what the task needs: processors, a GPU if it asks for one, and a process."""
        gpus = int(self.worker.state.total_resources.get(GPU, 0))
        with ExitStack() as stack:
            loan = stack.enter_context(self.pool.permits.lend(order.task.threads))
            if not self._wanted():
                raise Reschedule
            gpu = stack.enter_context(self.pool.gpus.lend(gpus if on_gpu(order.task) else 0))
            yield stack.enter_context(
                self.pool.children.borrow(self.job.setup, gpu, lambda: self._waiting(loan))
            )

    def _waiting(self, loan: Loan) -> None:
        """Leave the place to others while another grid is at the task; mostly it is done then."""
        loan.give_back()
        if not self.seceded:
            self.seceded = True
            secede()

    def _wanted(self) -> bool:
        found = self.worker.state.tasks.get(self.name)
        return found is not None and found.state != "cancelled"

    def _ask(self, child: WorkerProcess, order: Order) -> Done | Raised | Damaged | Stuck | Unfit:
        last = 0.0

        def steps(done: int, total: int) -> None:
            nonlocal last
            if time.monotonic() - last > PAUSE:
                last = time.monotonic()
                self.worker.log_event(topic(self.job.run), [order.task.key, done, total])

        try:
            return Done(child.do(order.task, steps, order.force))
        except TaskFailedError as error:
            return Raised(error.error, error.details)
        except DamagedError as damage:
            return Damaged(damage.stage, damage.key, damage.reason)
        except StoreError as error:
            return Stuck(str(error))
        except RunError as error:
            child.__exit__()
            return Unfit(str(error))
