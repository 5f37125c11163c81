"""What a command says while it works: progress on a terminal, one line when it ends badly."""

from __future__ import annotations

import atexit
import gc
import signal
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType
from typing import TYPE_CHECKING, NoReturn

import typer
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

from bench.base.errors import RunError, UsageError, one_line

if TYPE_CHECKING:
    from bench.planning.task import Task


class Stopped(BaseException):
    """The process was asked to stop, by Ctrl-C or SIGTERM.

    Not a KeyboardInterrupt, which the command line's library would answer itself.

    Parameters
    ----------
    number : int
        The signal.
    """

    def __init__(self, number: int) -> None:
        super().__init__(number)
        self.code = 128 + number


def fail(message: str, code: int = 2) -> NoReturn:
    """Print one line to standard error and end with an exit code."""
    print(f"error: {one_line(message)}", file=sys.stderr)
    raise SystemExit(code)


def stopped(stop: Stopped, message: str) -> int:
    """Say in one line what being stopped left; return the exit code, 130 or 143."""
    print(f"interrupted: {one_line(message)}", file=sys.stderr)
    return stop.code


@contextmanager
def _stoppable() -> Iterator[None]:
    """Raise `Stopped` on Ctrl-C and SIGTERM; a signal that is ignored stays so (nohup)."""

    def stop(number: int, frame: FrameType | None) -> NoReturn:
        raise Stopped(number)

    before = {}
    for number in (signal.SIGINT, signal.SIGTERM):
        if signal.getsignal(number) is not signal.SIG_IGN:
            before[number] = signal.signal(number, stop)
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def run_app(app: typer.Typer, arguments: list[str] | None, name: str) -> NoReturn:
    """Run a command line and end the process; misuse is one line and exit code 2.

    Parameters
    ----------
    app : typer.Typer
        Its command returns the exit code.
    arguments : list of str or None
        None: those of the process.
    name : str
        What ``--help`` calls the command.
    """
    _look_for_garbage_less()
    try:
        with _stoppable():
            code = app(arguments, standalone_mode=False, prog_name=name)
    except Stopped as stop:
        code = stopped(stop, "what was done is kept")
    except RunError as error:
        fail(str(error), 1)
    except typer.exceptions.TyperException as error:
        fail(f"{error.format_message()} (--help shows all options)")
    except UsageError as error:
        fail(str(error))
    sys.exit(code)


def _look_for_garbage_less() -> None:
    """Spare a command most of Python's searches for garbage, the one at its end included.

    What it imports is half a million objects that stay; searching them again and again was a
    quarter of the time of a finished grid that is run again.
    """
    gc.set_threshold(100_000)
    atexit.unregister(gc.freeze)  # once is enough
    atexit.register(gc.freeze)


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
