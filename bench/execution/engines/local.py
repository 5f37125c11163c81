"""One task after the other, in a process of its own on this machine; no service, no port."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from rich.console import Console

from bench.base.console import Watch
from bench.execution.engines.engine import Work
from bench.execution.runner import Mode, Outcome, run
from bench.execution.worker.messages import Setup
from bench.execution.worker.process import WorkerProcess
from bench.planning.plan import Plan
from bench.planning.settings import GridSettings
from bench.store import Store


class Local:
    """The engine that everybody has."""

    def __enter__(self) -> Local:
        """Start nothing yet."""
        return self

    def __exit__(self, *raised: object) -> None:
        """Leave: nothing outlives `at_work`."""

    def fit(self, spec: GridSettings) -> GridSettings:
        """Return the settings as they are."""
        return spec

    @contextmanager
    def at_work(
        self, setup: Setup, seconds: dict[str, float], console: Console | None
    ) -> Iterator[Work]:
        """Have one process for all tasks, which starts with the first of them."""
        with Watch(seconds, console) as watch, WorkerProcess(setup, watch.waiting) as worker:

            def work(plan: Plan, store: Store, mode: Mode, outcome: Outcome) -> None:
                run(plan, store, worker, watch, mode, outcome)

            yield work
