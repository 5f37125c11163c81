"""Progress of a command on a terminal, or in a cell of a notebook."""

from __future__ import annotations

import io
import time
from typing import Any

from rich.console import Console
from rich.progress import (
    BarColumn,
    Progress,
    ProgressColumn,
    SpinnerColumn,
    TaskID,
    TextColumn,
    TimeRemainingColumn,
)
from rich.table import Column

from bench.base.errors import one_line

WIDE, NARROW = 24, 8  # bars
PAUSE = 10.0  # seconds between two lines where there is no terminal
IN_CELL = 0.5  # seconds between two drawings in a cell
CELL = 88  # characters of a line in a cell


def fixed() -> Column:
    """Return a column that keeps its width."""
    return Column(no_wrap=True)


class Bars(Progress):
    """Bars on a terminal; elsewhere nothing is drawn."""

    def close(self, passing: TaskID) -> None:
        """Stop drawing and clear the lines; in a notebook, only that of what passes."""
        if self.live.is_started:
            self.stop()


class InCell(Bars):
    """Bars in a cell of a notebook, each time in the same place.

    By IPython alone: rich draws them by ipywidgets, which not every notebook has.
    """

    place: Any = None  # of what was drawn
    drawn = 0.0

    def update(self, *task: Any, **fields: Any) -> None:
        """Change a bar; draw at most twice a second."""
        super().update(*task, **fields)
        if time.monotonic() - self.drawn >= IN_CELL:
            self._draw()

    def close(self, passing: TaskID) -> None:
        """Draw what is to stay."""
        super().update(passing, visible=False)
        self._draw()

    def _draw(self) -> None:
        from IPython.display import display

        seen = any(task.visible and task.total for task in self.tasks)
        page = Console(file=io.StringIO(), record=True, width=CELL, force_jupyter=False)
        if seen:
            page.print(self.get_renderable())
        text = page.export_text(clear=False)
        html = page.export_html(inline_styles=True, code_format="<pre>{code}</pre>" * seen)
        shown = {"text/plain": text, "text/html": html}
        if self.place is not None:
            self.place.update(shown, raw=True)
        elif seen:
            self.place = display(shown, raw=True, display_id=True)
        self.drawn = time.monotonic()


def is_drawn(console: Console) -> bool:
    """Tell whether bars are drawn: on a terminal, and in a notebook."""
    return console.is_terminal or console.is_jupyter


def bars(console: Console, *right: ProgressColumn) -> Bars:
    """Return bars that fit a terminal of any width: what is being done is shortened first."""
    kind = InCell if console.is_jupyter else Bars
    return kind(
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
    """Lines in place of a bar where none is drawn: files, pipes, logs.

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
        return not is_drawn(self.console) and time.monotonic() - self.last >= pause

    def say(self, text: str) -> None:
        """Print a line."""
        self.last = time.monotonic()
        self.console.print(one_line(text), markup=False, highlight=False, soft_wrap=True)


class LoadBar:
    """Progress of loading a data set, after a second of work; where no bars are drawn, lines.

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
        self.progress.close(self.bar)

    def __call__(self, what: str, done: int, total: int) -> None:
        """Take note of how far it is."""
        patient = time.monotonic() - self.started < self.PATIENCE
        if is_drawn(self.progress.console) and not patient:
            self.progress.start()
            self.progress.update(self.bar, description=what, completed=done, total=total)
        elif self.lines.due():
            self.lines.say(f"{what}, {done:,} of {total:,}")
