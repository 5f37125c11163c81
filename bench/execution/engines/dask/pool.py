"""What a Dask worker has for tasks: processors, GPUs, and the processes that do them.

Each task has a process of its own while it is done, which is kept for the next. A model that kills
its process fails its run and not the worker, and the libraries of each process have as many
threads as its task was given.
"""

from __future__ import annotations

import os
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from bench.execution.worker.messages import Setup
from bench.execution.worker.process import WorkerProcess

LOOK = 0.25  # seconds between two looks at the processes
IDLE = 30.0  # seconds until a process that nobody needs is ended


class Permits:
    """Processors, lent in the order in which they are asked for, and GPUs by their numbers.

    Processors are not one of Dask's resources: Dask starts no task behind one that has to wait for
    a resource, and so none on the CPU behind one that waits for a GPU.
    """

    def __init__(self, count: int) -> None:
        self.count = self.free = count
        self.gpus: set[int] = set()  # lent
        self.queue: deque[Loan] = deque()
        self.changed = threading.Condition()

    def lend(self, wanted: int, gpus: int = 0) -> Loan:
        """Return a context that waits for processors, at most for all of them.

        The first free one of ``gpus`` is lent as well. Dask hands out no more tasks for GPUs than
        there are.
        """
        return Loan(self, min(wanted, self.count), gpus)


class Loan:
    """Processors for a while, and the number of a GPU; a context."""

    def __init__(self, permits: Permits, held: int, gpus: int) -> None:
        self.permits = permits
        self.held = held
        self.gpus = gpus
        self.gpu: int | None = None

    def __enter__(self) -> Loan:
        """Wait until it is this one's turn, and enough are free."""
        permits = self.permits
        with permits.changed:
            permits.queue.append(self)
            permits.changed.wait_for(lambda: permits.queue[0] is self and permits.free >= self.held)
            permits.queue.popleft()
            permits.free -= self.held
            self.gpu = min(set(range(self.gpus)) - permits.gpus, default=None)
            if self.gpu is not None:
                permits.gpus.add(self.gpu)
            permits.changed.notify_all()
        return self

    def __exit__(self, *raised: object) -> None:
        """Give all of it back."""
        self.give_back()
        with self.permits.changed:
            self.permits.gpus.discard(-1 if self.gpu is None else self.gpu)

    def give_back(self) -> None:
        """Let others have the processors, early perhaps."""
        with self.permits.changed:
            self.permits.free += self.held
            self.held = 0
            self.permits.changed.notify_all()


@dataclass(eq=False)
class Child:
    """A process, and the task that it does."""

    setup: Setup
    gpu: int | None  # the only one that it sees; None: as the worker does
    process: WorkerProcess
    limit: int | None = None  # bytes of memory that it may take
    wanted: Callable[[], bool] = lambda: True  # whether anybody still waits for the task
    unwanted: bool = False  # it was killed for that
    too_large: bool = False  # or for this
    since: float = 0.0  # when it became idle

    def look(self) -> None:
        """Kill the process if nobody wants its task, or if it takes too much memory."""
        self.unwanted = self.unwanted or not self.wanted()
        if self.limit is not None and _bytes(self.process) > self.limit:
            self.too_large = True
        if self.unwanted or self.too_large:
            self.process.kill()


class Children:
    """Processes to borrow. One thread looks at all of them, since each thread costs time."""

    def __init__(self) -> None:
        self.idle: list[Child] = []
        self.at_work: list[Child] = []
        self.changed = threading.Condition()
        self.guard: threading.Thread | None = None

    @contextmanager
    def borrow(
        self,
        setup: Setup,
        gpu: int | None,
        waiting: Callable[[], object],
        limit: int | None = None,
        wanted: Callable[[], bool] = lambda: True,
    ) -> Iterator[Child]:
        """Lend a process that is set up so, a new one if none is idle.

        ``waiting`` is called when another process is doing the task.
        """
        with self.changed:
            fits = [c for c in self.idle if (c.setup, c.gpu) == (setup, gpu)]
            child = fits[0] if fits else Child(setup, gpu, WorkerProcess(setup, more=sees(gpu)))
            if fits:
                self.idle.remove(child)
            child.process.waiting, child.limit, child.wanted = waiting, limit, wanted
            self.at_work.append(child)
            if self.guard is None:
                self.guard = threading.Thread(target=self._look, daemon=True)
                self.guard.start()
            self.changed.notify_all()
        try:
            yield child
        except BaseException:
            child.process.end()  # whatever state it is in
            raise
        finally:
            with self.changed:
                self.at_work.remove(child)
            if child.unwanted or child.too_large:
                child.process.end()  # it may have been killed when its task was done
            if child.process.started is not None:
                child.since = time.monotonic()
                with self.changed:
                    self.idle.append(child)

    def end(self) -> None:
        """End all processes, those at work as well."""
        with self.changed:
            for child in (*self.at_work, *self.idle):
                child.process.kill()
            self.idle.clear()

    def _look(self) -> None:
        """Kill what `Child.look` says, and end what has been idle for long."""
        while True:
            with self.changed:
                self.changed.wait_for(lambda: self.at_work or self.idle)
                for child in self.at_work:
                    child.look()
                old = [c for c in self.idle if time.monotonic() - c.since > IDLE]
                self.idle = [child for child in self.idle if child not in old]
            for child in old:
                child.process.end()
            time.sleep(LOOK)


def sees(gpu: int | None) -> dict[str, str]:
    """Return the variables that show a process one GPU of this machine, and no other."""
    if gpu is None:
        return {}
    visible = os.environ.get("CUDA_VISIBLE_DEVICES", "")
    names = visible.split(",") if visible else []
    return {"CUDA_VISIBLE_DEVICES": names[gpu] if gpu < len(names) else str(gpu)}


def _bytes(process: WorkerProcess) -> int:
    """Return the memory that a process takes now."""
    import psutil

    started = process.started
    try:
        return int(psutil.Process(started.process.pid).memory_info().rss) if started else 0
    except psutil.Error:  # it has just ended
        return 0
