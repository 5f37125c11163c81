"""Progress of a command on a terminal."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TYPE_CHECKING

from rich.console import Console
from rich.progress import (
    BarColumn,
    Progress,
    ProgressColumn,
    SpinnerColumn,
    TextColumn,
    TimeRemainingColumn,
)
from rich.progress import (
    Task as Bar,
)
from rich.text import Text

if TYPE_CHECKING:
    from bench.stages.stage import Task


def duration(seconds: float) -> str:
    """Write seconds as people say them: ``45 s``, ``3 min 20 s``, ``1 h 05 min``."""
    whole = round(seconds)
    if seconds < 9.95:
        return f"{seconds:.1f} s"
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} min {whole % 60:02d} s"
    return f"{whole // 3600} h {whole % 3600 // 60:02d} min"


class _TimeLeft(ProgressColumn):
    """Time left by the bar's own estimate, stretched by how long its work took so far."""

    def render(self, task: Bar) -> Text:
        left = task.fields["left"](task)
        return Text("" if left is None else f"{duration(left)} left", style="cyan")


class LoadBar:
    """Progress of loading a data set; appears on a terminal after a second of work.

    Parameters
    ----------
    console : Console or None
        Where to draw; standard error by default.
    """

    PATIENCE = 1.0

    def __init__(self, console: Console | None = None) -> None:
        self.progress = Progress(
            SpinnerColumn(),
            TextColumn("{task.description}"),
            BarColumn(bar_width=24),
            TimeRemainingColumn(),
            console=console or Console(stderr=True),
            transient=True,
        )
        self.bar = self.progress.add_task("", total=None)
        self.started = time.monotonic()

    def __enter__(self) -> LoadBar:
        """Start the clock; nothing is drawn yet."""
        return self

    def __exit__(self, *raised: object) -> None:
        """Stop drawing and clear the line."""
        if self.progress.live.is_started:
            self.progress.stop()

    def __call__(self, what: str, done: int, total: int) -> None:
        """Take note of how far it is."""
        patient = time.monotonic() - self.started < self.PATIENCE
        if self.progress.console.is_terminal and not patient:
            self.progress.start()
            self.progress.update(self.bar, description=what, completed=done, total=total)


class Watch:
    """Progress of a whole grid and of the stage at work; silent where there is no terminal.

    Parameters
    ----------
    seconds : dict
        Estimated seconds by task key, of the tasks that are not done yet.
    console : Console or None
        Where to draw; standard error by default, so that standard output stays clean.
    """

    def __init__(self, seconds: dict[str, float], console: Console | None = None) -> None:
        self.seconds = seconds
        self.console = console or Console(stderr=True)
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
        self.done_estimate = 0.0
        self.done_seconds = 0.0
        self.started = time.monotonic()
        self.current = 0.0

    def __enter__(self) -> Watch:
        """Start drawing."""
        self.progress.start()
        return self

    def __exit__(self, *raised: object) -> None:
        """Stop drawing and clear the lines."""
        if self.progress.live.is_started:
            self.progress.stop()

    def begin(self, task: Task) -> Callable[[int, int], None]:
        """Take note that a task begins; return where it reports its steps."""
        self.started, self.current = time.monotonic(), self.seconds.get(task.key, 0.0)
        what = f"{task.stage} {task.label}"
        self.progress.reset(self.stage, total=1.0, visible=True, description=what)

        def step(done: int, total: int) -> None:
            self.progress.update(self.stage, completed=done / max(total, 1), description=what)

        return step

    def waiting(self) -> None:
        """Take note that another process is doing the task that began."""
        self.progress.update(self.stage, description="waiting for another grid to finish this")

    def end(self, task: Task) -> None:
        """Take note that a task is done, was there already, or failed."""
        if task.key not in self.seconds:
            return
        estimate = self.seconds.pop(task.key)
        self.done_estimate += estimate
        self.done_seconds += time.monotonic() - self.started
        self.progress.update(self.grid, completed=self.done_estimate)

    def _pace(self) -> float:
        """Seconds that an estimated second took so far; 1 while little is known."""
        return (self.done_seconds + 5.0) / (self.done_estimate + 5.0)

    def _stage_left(self, bar: Bar) -> float | None:
        elapsed = time.monotonic() - self.started
        if bar.completed > 0.02:  # the stage says itself how far it is
            return elapsed * (1 - bar.completed) / bar.completed
        return max(self.current * self._pace() - elapsed, 0.0)

    def _grid_left(self, bar: Bar) -> float | None:
        behind = sum(self.seconds.values()) * self._pace()
        return max(behind - (time.monotonic() - self.started), 0.0)
