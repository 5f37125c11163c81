"""Watches over processes that do tasks: ends one that grows too large or that nobody wants."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass

from bench.execution.engines.children import kill
from bench.execution.worker.process import WorkerProcess

LOOK = 0.25  # seconds between two looks


@dataclass(eq=False)
class Watched:
    """A process at a task.

    Attributes
    ----------
    process : WorkerProcess
    limit : int or None
        Bytes of memory that it may take; None: as many as it gets.
    wanted : callable
        Whether anybody still waits for the task.
    unwanted, too_large : bool
        Why it was ended, if it was.
    """

    process: WorkerProcess
    limit: int | None
    wanted: Callable[[], bool]
    unwanted: bool = False
    too_large: bool = False

    def look(self) -> None:
        """End the process if it is time for that."""
        if not self.wanted():
            self.unwanted = True
        if self.limit is not None and _bytes(self.process) > self.limit:
            self.too_large = True
        if self.unwanted or self.too_large:
            kill(self.process)


class Guard:
    """Looks at all processes that are at a task; one thread for all, since each costs time."""

    def __init__(self) -> None:
        self.at_work: list[Watched] = []
        self.changed = threading.Condition()
        self.thread: threading.Thread | None = None

    def begin(self, watched: Watched) -> None:
        """Look at a process from now on."""
        with self.changed:
            self.at_work.append(watched)
            if self.thread is None:
                self.thread = threading.Thread(target=self._look, daemon=True)
                self.thread.start()
            self.changed.notify()

    def end(self, watched: Watched) -> None:
        """Look at it no more; it may be given another task."""
        with self.changed:
            self.at_work.remove(watched)

    def _look(self) -> None:
        while True:
            with self.changed:
                self.changed.wait_for(lambda: self.at_work)
                for watched in self.at_work:
                    watched.look()
            time.sleep(LOOK)


def _bytes(process: WorkerProcess) -> int:
    """Return the memory that a process takes now."""
    import psutil

    running = process.process
    try:
        return int(psutil.Process(running.pid).memory_info().rss) if running else 0
    except psutil.Error:  # it has just ended
        return 0
