"""Progress of a command on a terminal."""

from __future__ import annotations

import time

from rich.console import Console
from rich.progress import (
    BarColumn,
    Progress,
    ProgressColumn,
    SpinnerColumn,
    TextColumn,
    TimeRemainingColumn,
)
from rich.table import Column

from bench.base.errors import one_line

WIDE, NARROW = 24, 8  # bars
PAUSE = 10.0  # seconds between two lines where there is no terminal


def fixed() -> Column:
    """Return a column that keeps its width."""
    return Column(no_wrap=True)


def bars(console: Console, *right: ProgressColumn) -> Progress:
    """Return bars that fit a terminal of any width: what is being done is shortened first."""
    return Progress(
        SpinnerColumn(table_column=fixed()),
        TextColumn(
            "{task.description}",
            markup=False,
            table_column=Column(ratio=1, no_wrap=True, overflow="ellipsis"),
        ),
        BarColumn(WIDE if console.width >= 60 else NARROW, table_column=fixed()),
        *right,
        console=console,
        disable=not console.is_terminal,
        transient=True,
        expand=True,
    )


class Lines:
    """Lines in place of a bar where there is no terminal: files, pipes, logs.

    Parameters
    ----------
    console : Console
    since : float
        When the work began, by `time.monotonic`.
    """

    def __init__(self, console: Console, since: float) -> None:
        self.console = console
        self.last = since

    def due(self, pause: float = PAUSE) -> bool:
        """Tell whether the last line was printed long ago."""
        return not self.console.is_terminal and time.monotonic() - self.last >= pause

    def say(self, text: str) -> None:
        """Print a line."""
        self.last = time.monotonic()
        self.console.print(one_line(text), markup=False, highlight=False, soft_wrap=True)


class LoadBar:
    """Progress of loading a data set, after a second of work; without a terminal, lines.

    Parameters
    ----------
    console : Console or None
        Where to draw; standard error by default.
    """

    PATIENCE = 1.0

    def __init__(self, console: Console | None = None) -> None:
        console = console or Console(stderr=True)
        self.progress = bars(console, TimeRemainingColumn(table_column=fixed()))
        self.bar = self.progress.add_task("", total=None)
        self.started = time.monotonic()
        self.lines = Lines(console, self.started)

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
        elif self.lines.due():
            self.lines.say(f"{what}, {done:,} of {total:,}")
