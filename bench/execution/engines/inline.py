"""Every task in this process: for tests, and for a debugger."""

from __future__ import annotations

import traceback
from collections.abc import Iterator
from contextlib import contextmanager

from rich.console import Console

from bench.base.errors import format_error
from bench.execution.engines.engine import Work
from bench.execution.runner import Mode, Outcome, run
from bench.execution.worker.messages import Setup
from bench.execution.worker.process import TaskFailedError
from bench.execution.worker.serve import set_up
from bench.execution.worker.tasks import Worker
from bench.planning.plan import Plan
from bench.planning.settings import GridSettings
from bench.stages.stage import Steps, Task
from bench.store import DamagedError, Store, StoreError


class Inline:
    """The engine ``inline``: no process is started, and a crash ends the grid."""

    def __enter__(self) -> Inline:
        """Start nothing."""
        return self

    def __exit__(self, *raised: object) -> None:
        """Leave nothing."""

    def fit(self, spec: GridSettings) -> GridSettings:
        """Return the settings as they are."""
        return spec

    @contextmanager
    def at_work(
        self, setup: Setup, seconds: dict[str, float], console: Console | None
    ) -> Iterator[Work]:
        """Do tasks here, one after the other."""
        here = _Here(setup)

        def work(plan: Plan, store: Store, mode: Mode, outcome: Outcome) -> None:
            run(plan, store, here, _Silent(), mode, outcome)

        yield work


class _Silent:
    """Watches nothing."""

    def begin(self, task: Task) -> Steps:
        return lambda done, total: None

    def end(self, task: Task) -> None: ...


class _Here:
    """Does a task in this process, set up with the first."""

    def __init__(self, setup: Setup) -> None:
        self.setup = setup
        self.worker: Worker | None = None

    def do(self, task: Task, steps: Steps, force: bool = False) -> bool:
        try:
            self.worker = self.worker or set_up(self.setup)
            return self.worker.do(task, steps, force)
        except (DamagedError, StoreError):
            raise
        except Exception as error:  # whatever an item raises: kept as a failure
            raise TaskFailedError(format_error(error), traceback.format_exc()) from error
