"""Does tasks on a Dask worker, each in a process that is lent for it; and what is said of them."""

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
from bench.execution.engines.dask.pool import Child, Children, Loan, Permits
from bench.execution.engines.dask.proof import Proof, misfit
from bench.execution.engines.dask.resources import GPU, processors
from bench.execution.engines.engine import on_gpu
from bench.execution.worker.messages import Done, End, Order, Raised, Setup
from bench.execution.worker.serve import at_most_every

PAUSE = 1.0  # seconds between two reports of progress
# Seconds until a worker says that it cannot do a task: one that is quick at this would draw all
# tasks to itself while those who can are at work.
SHAME = 5.0


@dataclass(frozen=True)
class Job:
    """What all tasks of a grid share."""

    run: str  # names this run of the grid, so that it knows what was done for another
    setup: Setup
    proof: Proof | None  # that a worker has to give first; None where it is this process
    processors: int | None  # that a worker has for tasks; None: as many as it finds

    @property
    def topic(self) -> str:
        """Where its tasks tell Dask how far they are."""
        return f"latentgrid-{self.run}"


class Behind:
    """A parent of the task was not done."""


@dataclass(frozen=True)
class Unfit:
    """The worker cannot do tasks of this grid: another store, or other versions."""

    reason: str


@dataclass(frozen=True)
class TooSmall:
    """The task took more memory than the worker has for one, ``limit`` bytes."""

    limit: int
    error: Raised  # how the task ended if there is no larger worker


What = End | Behind | Unfit | TooSmall


@dataclass(frozen=True)
class Report:
    """What became of a batch of tasks, by their keys."""

    run: str  # that they were done for: grids that ask for the same at the same time share it
    worker: str  # its address
    whats: dict[str, What]


children = Children()  # of this worker
_lock = threading.Lock()
_permits = functools.cache(Permits)


class Doing:
    """Does tasks in a thread of a Dask worker."""

    def __init__(self, worker: Any, job: Job) -> None:
        self.worker = worker
        self.job = job
        self.name = worker.get_current_task()
        with _lock:  # else threads that begin together would have their own
            self.permits = _permits(job.processors or max(processors(), worker.state.nthreads))
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
            what = self._ask(child, order)
        if isinstance(what, Done):
            return what
        if child.unwanted:
            raise Reschedule
        if child.too_large and self.memory:
            text = f"MemoryError: {self.worker.address} has {self.memory / 1e9:.1f} GB for a task"
            return TooSmall(self.memory, Raised(text, text))
        return what

    @contextmanager
    def _lent(self, order: Order) -> Iterator[Child]:
        """Have what the task needs: processors, a GPU if it asks for one, and a process."""
        gpus = int(self.worker.state.total_resources.get(GPU, 0)) if on_gpu(order.task) else 0
        with ExitStack() as stack:
            loan = stack.enter_context(self.permits.lend(order.task.threads, gpus))
            if not self._wanted():
                raise Reschedule
            waiting = functools.partial(self._waiting, loan)
            borrowed = children.borrow(self.job.setup, loan.gpu, waiting, self.memory, self._wanted)
            yield stack.enter_context(borrowed)

    def _waiting(self, loan: Loan) -> None:
        """Leave the place to others while another grid is at the task; mostly it is done then."""
        loan.give_back()
        if not self.seceded:
            self.seceded = True
            secede()

    def _wanted(self) -> bool:
        found = self.worker.state.tasks.get(self.name)
        return found is not None and found.state != "cancelled"

    def _ask(self, child: Child, order: Order) -> End | Unfit:
        def steps(done: int, total: int) -> None:
            self.worker.log_event(self.job.topic, [order.task.key, done, total])

        try:
            return child.process.do(order, at_most_every(PAUSE, steps))
        except RunError as error:
            return Unfit(str(error))
