"""Progress of a command on a terminal."""

from __future__ import annotations

import time

from rich.console import Console
from rich.progress import BarColumn, Progress, SpinnerColumn, TextColumn, TimeRemainingColumn


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
