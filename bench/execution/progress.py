"""Progress of a grid on a terminal."""

from __future__ import annotations

import threading
import time

from rich.console import Console
from rich.progress import BarColumn, Progress, ProgressColumn, SpinnerColumn, TextColumn
from rich.progress import Task as Bar
from rich.text import Text

from bench.base.times import duration
from bench.stages.stage import Steps, Task


class _TimeLeft(ProgressColumn):
    """Time left, by the bar's own estimate."""

    def render(self, task: Bar) -> Text:
        left = task.fields["left"]()
        return Text("" if left is None else f"{duration(left)} left", style="cyan")


class Watch:
    """Progress of a whole grid, and of the stage at work if there is one at a time.

    Nothing is drawn where there is no terminal. Calls may come from several threads.

    Parameters
    ----------
    seconds : dict
        Estimated seconds by task key, of the tasks that are not done yet.
    console : Console or None
        Where to draw; standard error by default, so that standard output stays clean.

    Attributes
    ----------
    at_once : int
        Tasks that are done at the same time; set by the engine.
    """

    def __init__(self, seconds: dict[str, float], console: Console | None = None) -> None:
        self.seconds = dict(seconds)
        self.console = console or Console(stderr=True)
        self.at_once = 1
        self.progress = Progress(
            SpinnerColumn(),
            TextColumn("{task.description}"),
            BarColumn(bar_width=24),
            TextColumn("{task.percentage:>3.0f}%"),
            _TimeLeft(),
            console=self.console,
            disable=not self.console.is_terminal,
            transient=True,
        )
        total = sum(seconds.values())
        self.grid = self.progress.add_task("grid", total=total, left=self._grid_left)
        self.stage = self.progress.add_task("", total=1.0, visible=False, left=self._stage_left)
        self.total = len(seconds)
        self.ended = 0.0  # estimated seconds of tasks that have ended
        self.partly: dict[str, float] = {}  # estimated seconds done, of tasks that have not
        self.began = self.heard = self.started = time.monotonic()
        self.current = self.share = 0.0
        self.what = ""
        self.lock = threading.Lock()

    def __enter__(self) -> Watch:
        """Start drawing, and the clock by which time left is estimated."""
        self.began = time.monotonic()
        self._draw()
        self.progress.start()
        return self

    def __exit__(self, *raised: object) -> None:
        """Stop drawing and clear the lines."""
        if self.progress.live.is_started:
            self.progress.stop()

    def begin(self, task: Task) -> Steps:
        """Take note that a task begins; return where it reports its steps."""
        with self.lock:
            self.started, self.current = time.monotonic(), self.seconds.get(task.key, 0.0)
            self.what, self.share = f"{task.stage} {task.label}", 0.0
            self.progress.reset(
                self.stage, total=1.0, visible=self.at_once == 1, description=self.what
            )
        return lambda done, total: self.step(task.key, done, total)

    def step(self, key: str, done: int, total: int) -> None:
        """Take note of how far a task is."""
        with self.lock:
            self.share = done / max(total, 1)
            self.progress.update(self.stage, completed=self.share, description=self.what)
            if key in self.seconds:
                self.partly[key] = self.seconds[key] * self.share
                self._draw()

    def waiting(self) -> None:
        """Take note that another process is doing the task that began."""
        self.progress.update(self.stage, description="waiting for another grid to finish this")

    def end(self, task: Task) -> None:
        """Take note that a task is done, was there already, or failed."""
        with self.lock:
            if task.key in self.seconds:
                self.ended += self.seconds.pop(task.key)
                self.partly.pop(task.key, None)
                self._draw()

    def _draw(self) -> None:
        self.heard = time.monotonic()
        what = f"grid, {self.total - len(self.seconds):,} of {self.total:,} tasks"
        self.progress.update(self.grid, completed=self._done(), description=what)

    def _done(self) -> float:
        return self.ended + sum(self.partly.values())

    def _pace(self) -> float:
        """Return how long an estimated second took so far.

        While little is known, the estimate counts as five seconds that went as expected.
        """
        return (self.heard - self.began + 5.0) / (self._done() + 5.0 * self.at_once)

    def _stage_left(self) -> float:
        elapsed = time.monotonic() - self.started
        if self.share > 0.02:  # the stage itself reports how far it is
            return elapsed * (1 - self.share) / self.share
        return max(self.current * self._pace() - elapsed, 0.0)

    def _grid_left(self) -> float | None:
        """Return the seconds left; None once the estimate is overrun, until there is news."""
        if not self.seconds:
            return 0.0
        left = (sum(self.seconds.values()) - sum(self.partly.values())) * self._pace()
        left -= time.monotonic() - self.heard
        return left if left > 0 else None
