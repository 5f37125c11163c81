"""What a run asks of an engine."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import Protocol

from rich.console import Console

from bench.execution.runner import Mode, Outcome
from bench.execution.worker.messages import Setup
from bench.planning.plan import Plan
from bench.planning.settings import GridSettings
from bench.store import Store

# Does what is missing of a plan, as `bench.execution.runner.run` says; may be called again.
Work = Callable[[Plan, Store, Mode, Outcome], None]


class Engine(Protocol):
    """Has tasks done, here or elsewhere; a context, which holds what it started."""

    def __enter__(self) -> Engine:
        """Start nothing that nobody needs yet."""

    def __exit__(self, *raised: object) -> None:
        """End what was started."""

    def fit(self, spec: GridSettings) -> GridSettings:
        """Return the settings with the threads and the device that tasks will have.

        Raises
        ------
        bench.base.errors.UsageError
            If the engine cannot be reached.
        """

    def at_work(
        self, setup: Setup, seconds: dict[str, float], console: Console | None
    ) -> AbstractContextManager[Work]:
        """Be ready to work on plans.

        Parameters
        ----------
        setup : Setup
        seconds : dict
            Estimated seconds by task key, of the tasks that are not done yet.
        console : Console or None
            Where progress is drawn; standard error by default.
        """
