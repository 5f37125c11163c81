"""The processes in which a Dask worker does tasks: one for each task at work, kept for the next.

A model that kills its process then fails its cell, and not the worker; and the libraries of each
process have as many threads as its task was given.
"""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from bench.execution.worker.messages import Setup
from bench.execution.worker.process import WorkerProcess

IDLE = 30.0  # seconds until a process that nobody needs is ended
LOOK = 5.0  # seconds between two looks for those


@dataclass(eq=False)
class _Idle:
    setup: Setup
    gpu: int | None
    process: WorkerProcess
    since: float


class Children:
    """Processes to borrow."""

    def __init__(self) -> None:
        self.idle: list[_Idle] = []
        self.lent: list[WorkerProcess] = []
        self.lock = threading.Lock()
        self.sweeper: threading.Thread | None = None

    @contextmanager
    def borrow(
        self, setup: Setup, gpu: int | None, waiting: Callable[[], object]
    ) -> Iterator[WorkerProcess]:
        """Lend a process that is set up so, a new one if none is idle.

        Parameters
        ----------
        setup : Setup
        gpu : int or None
            Number of the GPU that it shall see, and no other; None: as this process does.
        waiting : callable
            Called when another process is doing the task that was asked for.
        """
        process = self._take(setup, gpu)
        process.waiting = waiting
        with self.lock:
            self.lent.append(process)
        try:
            yield process
        except BaseException:
            process.__exit__()  # whatever state it is in
            raise
        finally:
            with self.lock:
                self.lent.remove(process)
                if process.process is not None:
                    self.idle.append(_Idle(setup, gpu, process, time.monotonic()))
            self._sweep()

    def end(self) -> None:
        """End all processes, those at work as well."""
        with self.lock:
            for process in (*self.lent, *(child.process for child in self.idle)):
                kill(process)
            self.idle.clear()

    def _take(self, setup: Setup, gpu: int | None) -> WorkerProcess:
        with self.lock:
            for child in self.idle:
                if (child.setup, child.gpu) == (setup, gpu):
                    self.idle.remove(child)
                    return child.process
        return WorkerProcess(setup, more=sees(gpu))

    def _sweep(self) -> None:
        with self.lock:
            if self.sweeper is None and self.idle:
                self.sweeper = threading.Thread(target=self._end_idle, daemon=True)
                self.sweeper.start()

    def _end_idle(self) -> None:
        needed = True
        while needed:
            time.sleep(LOOK)
            with self.lock:
                old = [c for c in self.idle if time.monotonic() - c.since > IDLE]
                self.idle = [child for child in self.idle if child not in old]
                needed = bool(self.idle)
                if not needed:
                    self.sweeper = None
            for child in old:
                child.process.__exit__()


def sees(gpu: int | None) -> dict[str, str]:
    """Return the variables that show a process one GPU of this machine, and no other."""
    if gpu is None:
        return {}
    visible = os.environ.get("CUDA_VISIBLE_DEVICES", "")
    names = visible.split(",") if visible else []
    return {"CUDA_VISIBLE_DEVICES": names[gpu] if gpu < len(names) else str(gpu)}


def kill(process: WorkerProcess) -> None:
    """Kill a process that another thread may be waiting for, which notices."""
    running = process.process
    if running is not None:
        running.kill()
