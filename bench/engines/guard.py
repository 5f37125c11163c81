"""Watches over the process that does a task: ends it if it grows too large or nobody wants it."""

from __future__ import annotations

import threading
from collections.abc import Callable

from bench.engines.children import kill
from bench.worker.process import WorkerProcess

LOOK = 0.25  # seconds between two looks


class Guard:
    """Looks at a process while a task is done in it; a context.

    Parameters
    ----------
    process : WorkerProcess
    limit : int or None
        Bytes of memory that it may take; None: as many as it gets.
    wanted : callable
        Whether anybody still waits for the task.

    Attributes
    ----------
    unwanted, too_large : bool
        Why it was ended, if it was.
    """

    def __init__(
        self, process: WorkerProcess, limit: int | None, wanted: Callable[[], bool]
    ) -> None:
        self.process = process
        self.limit = limit
        self.wanted = wanted
        self.unwanted = self.too_large = False
        self.over = threading.Event()
        self.thread = threading.Thread(target=self._watch, daemon=True)

    def __enter__(self) -> Guard:
        """Begin to look."""
        self.thread.start()
        return self

    def __exit__(self, *raised: object) -> None:
        """Look no more."""
        self.over.set()
        self.thread.join()

    def _watch(self) -> None:
        while not self.over.wait(LOOK):
            self.unwanted = not self.wanted()
            self.too_large = self.limit is not None and self._bytes() > self.limit
            if self.unwanted or self.too_large:
                kill(self.process)
                return

    def _bytes(self) -> int:
        """Return the memory that the process takes now."""
        import psutil

        running = self.process.process
        try:
            return int(psutil.Process(running.pid).memory_info().rss) if running else 0
        except psutil.Error:  # it has just ended
            return 0
