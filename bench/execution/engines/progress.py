"""Progress of many tasks at once, on the client's terminal."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

from rich.console import Console

from bench.base.console import Watch
from bench.stages.stage import Task


class WatchMany(Watch):
    """Progress of a whole grid that many work on; silent where there is no terminal.

    Parameters
    ----------
    seconds : dict
        Estimated seconds by task key, of the tasks that are not done yet.
    console : Console or None
        Where to draw; standard error by default, so that standard output stays clean.
    """

    def __init__(self, seconds: dict[str, float], console: Console | None = None) -> None:
        super().__init__(seconds, console)
        self.total = len(seconds)
        self.began = self.told = time.monotonic()
        self.partly: dict[str, float] = {}  # estimated seconds done, of tasks that have not ended
        self.at_once: Callable[[], int] = lambda: 1
        # Steps come in by another thread than ends.
        self.lock = threading.Lock()

    def __enter__(self) -> WatchMany:
        """Start drawing; the clock by which time left is told starts now as well."""
        self.began = time.monotonic()
        self._draw()
        super().__enter__()
        return self

    def end(self, task: Task) -> None:
        """Take note that a task is done, was there already, or failed."""
        with self.lock:
            if task.key in self.seconds:
                self.done_estimate += self.seconds.pop(task.key)
                self.partly.pop(task.key, None)
                self._draw()

    def step(self, key: str, done: int, total: int) -> None:
        """Take note of how far a task is that takes long."""
        with self.lock:
            if key in self.seconds:
                self.partly[key] = self.seconds[key] * done / max(total, 1)
                self._draw()

    def _draw(self) -> None:
        self.told = time.monotonic()
        ended = self.total - len(self.seconds)
        what = f"grid, {ended:,} of {self.total:,} tasks"
        self.progress.update(self.grid, completed=self._done(), description=what)

    def _done(self) -> float:
        return self.done_estimate + sum(self.partly.values())

    def _grid_left(self, bar: object) -> float | None:
        """Estimate by how long an estimated second took so far, with as many at work as there are.

        At first little is known, and the estimate counts as five seconds that went as expected.
        Nothing is said once it is overrun, until something has been heard from the workers.
        """
        if not self.seconds:
            return 0.0
        done = self._done()
        pace = (self.told - self.began + 5.0) / (done + 5.0 * self.at_once())
        left = (sum(self.seconds.values()) - sum(self.partly.values())) * pace
        left -= time.monotonic() - self.told
        return left if left > 0 else None
