"""Progress of a grid: bars on a terminal or in a notebook, lines elsewhere, and the time left."""

from __future__ import annotations

import threading
import time
from collections import defaultdict
from collections.abc import Iterable
from statistics import median_low

from rich.console import Console
from rich.progress import ProgressColumn, TextColumn
from rich.progress import Task as Bar
from rich.text import Text

from bench.base.console import PAUSE, Lines, bars, fixed
from bench.base.times import duration
from bench.stages.stage import Steps, Task

IN_A_STAGE = 3 * PAUSE  # seconds between two lines on one task
# Tasks of a kind that tell how long the next takes: the first may have to compile, which matters
# less for one of so many seconds.
FEWEST, LONG = 2, 5.0


class _TimeLeft(ProgressColumn):
    """Time left, by the bar's own estimate."""

    def render(self, task: Bar) -> Text:
        left = None if task.finished else task.fields["left"]()
        return Text("" if left is None else f"{duration(left)} left", style="cyan")


class Watch:
    """Progress of a whole grid, and of the stage at work if there is one at a time.

    The time left begins with the estimates. Tasks that have ended correct these: those of their
    kind, which have the same stage and the same model, reducer or clusterer, and then all others.
    Where no bars are drawn, a line is printed when a task begins, at most one in ten seconds.
    Calls may come from several threads.

    Parameters
    ----------
    seconds : dict
        Estimated seconds by task key, of the tasks that are not done yet.
    console : Console or None
        Where to draw; standard error by default, so that standard output stays clean.
    tasks : iterable of Task
        The tasks, whose kinds are told apart.

    Attributes
    ----------
    at_once : int
        Tasks that are done at the same time; set by the engine.
    """

    def __init__(
        self,
        seconds: dict[str, float],
        console: Console | None = None,
        tasks: Iterable[Task] = (),
    ) -> None:
        self.seconds = dict(seconds)
        self.console = console or Console(stderr=True)
        self.at_once = 1
        self.progress = bars(
            self.console,
            TextColumn("{task.percentage:>3.0f}%", table_column=fixed()),
            _TimeLeft(table_column=fixed()),
        )
        total = sum(seconds.values())
        self.grid = self.progress.add_task("grid", total=total, left=self._grid_left)
        self.stage = self.progress.add_task("", total=1.0, visible=False, left=self._stage_left)
        self.total = len(seconds)
        self.ended = 0.0  # estimated seconds of tasks that have ended
        self.partly: dict[str, float] = {}  # estimated seconds done, of tasks that have not
        self.kinds = {task.key: _kind(task) for task in tasks}
        self.begun: dict[str, float] = {}  # when tasks began that have not ended
        # Seconds that tasks took, as multiples of the estimate, by their kind; kinds of long ones.
        self.ratios: dict[str, list[float]] = defaultdict(list)
        self.long: set[str] = set()
        self.began = self.heard = self.started = time.monotonic()
        self.current = self.share = 0.0
        self.what = ""
        self.lock = threading.Lock()
        self.lines: Lines | None = None  # once the first was printed

    def __enter__(self) -> Watch:
        """Start drawing, and the clock by which time left is estimated."""
        self.began = time.monotonic()
        self._draw()
        self.progress.start()
        return self

    def __exit__(self, *raised: object) -> None:
        """Stop drawing and clear the lines; in a notebook, that of the grid stays."""
        self.progress.close(self.stage)

    def begin(self, task: Task) -> Steps:
        """Take note that a task begins; return where it reports its steps."""
        with self.lock:
            self.started, self.current = time.monotonic(), self.seconds.get(task.key, 0.0)
            self.what, self.share = f"{task.stage} {task.label}", 0.0
            self.begun[task.key] = self.started
            self._say(PAUSE)
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
                self._say(IN_A_STAGE)

    def waiting(self) -> None:
        """Take note that another process is doing the task that began."""
        self.progress.update(self.stage, description="waiting for another grid to finish this")

    def end(self, task: Task) -> None:
        """Take note that a task is done, was there already, or failed."""
        with self.lock:
            if task.key in self.seconds:
                expected = self.seconds.pop(task.key)
                began = self.begun.pop(task.key, None)
                if began is not None and task.key in self.kinds:
                    took, kind = time.monotonic() - began, self.kinds[task.key]
                    self.ratios[kind].append(took / max(expected, 1e-3))
                    if expected >= LONG:
                        self.long.add(kind)
                self.ended += expected
                self.partly.pop(task.key, None)
                self._draw()
                self._say(IN_A_STAGE)

    def _draw(self) -> None:
        self.heard = time.monotonic()
        self.progress.update(self.grid, completed=self._done(), description=self._tasks())

    def _tasks(self) -> str:
        return f"grid, {self.total - len(self.seconds):,} of {self.total:,} tasks"

    def _say(self, pause: float) -> None:
        """Print a line where there is no terminal: first when it will take, or took, a while."""
        left = self._grid_left()
        if self.lines is None:
            if (left or 0.0) < PAUSE and time.monotonic() - self.began < PAUSE:
                return
            self.lines, pause = Lines(self.console, self.began), 0.0
        if self.lines.due(pause):
            share = self._done() / max(self._done() + sum(self.seconds.values()), 1e-9)
            time_left = "" if left is None else f", about {duration(left)} left"
            at_work = f": {self.what}" if self.what else ""
            self.lines.say(f"{self._tasks()}, {100 * share:.0f}%{time_left}{at_work}")

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
        """Return the seconds left; None once the estimate is overrun, until there is news.

        Called by the thread that draws, too, while another changes what is read here.
        """
        if not self.seconds:
            return 0.0
        left = self.expected({k: s - self.partly.get(k, 0.0) for k, s in [*self.seconds.items()]})
        left -= time.monotonic() - self.heard
        return left if left > 0 else None

    def expected(self, seconds: dict[str, float], tasks: Iterable[Task] = ()) -> float:
        """Return the seconds that tasks will take, by their estimates and what was measured.

        ``tasks`` are those among them that are not the watch's.
        """
        kinds = self.kinds | {task.key: _kind(task) for task in tasks}
        pace, factors = self._pace(), self._factors()
        return sum(
            estimate * factors.get(kinds.get(key, ""), pace) for key, estimate in seconds.items()
        )

    def _factors(self) -> dict[str, float]:
        """Return how many seconds an estimated one took, by kinds of tasks of which some ended."""
        return {
            kind: median_low(found) / self.at_once
            for kind, found in [*self.ratios.items()]
            if len(found) >= FEWEST or kind in self.long
        }


def _kind(task: Task) -> str:
    """Return what tasks have in common whose estimates are wrong by the same factor."""
    of = (task.settings.get(name, "") for name in ("model", "link", "clusterer"))
    return " ".join([task.stage, *map(str, of)])
