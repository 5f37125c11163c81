"""Runs a plan: what is missing in the store, each task once, whatever happens to one of them.

`run` does one task after the other; `bench.execution.engines.together` has many done at the same time, by
the same rules of what is to be done.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from bench.execution.worker.process import TaskFailedError
from bench.planning.plan import Plan
from bench.stages.stage import Steps, Task
from bench.store import Store


@dataclass(frozen=True)
class Failure:
    """A task that raised, or whose process died.

    Attributes
    ----------
    stage : str
    error : str
        Type and message, in one line.
    traceback : Path
        The file that holds the whole of it.
    """

    stage: str
    error: str
    traceback: Path


@dataclass
class Outcome:
    """What a run did.

    Attributes
    ----------
    computed, reused : set of str
        Keys of tasks.
    failures : dict
        By the task's key. Cells behind a failed task fail with it.
    skipped : dict
        Why a task was not tried, by its key.
    """

    computed: set[str] = field(default_factory=set)
    reused: set[str] = field(default_factory=set)
    failures: dict[str, Failure] = field(default_factory=dict)
    skipped: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Mode:
    """How a plan is run.

    Attributes
    ----------
    force : bool
        Do every task again, whether or not its artifact is there.
    only_cached : bool
        Do none: tell what is there.
    fail_fast : bool
        Stop at the first failure.
    """

    force: bool = False
    only_cached: bool = False
    fail_fast: bool = False


class Watcher(Protocol):
    """Told what a run is doing."""

    def begin(self, task: Task) -> Steps:
        """Take note that a task begins; return where it reports its steps."""

    def end(self, task: Task) -> None:
        """Take note that a task is done, was there already, or failed."""


class Doer(Protocol):
    """Does one task after the other: `bench.execution.worker.process.WorkerProcess`."""

    def do(self, task: Task, steps: Steps, force: bool = False) -> bool:
        """Do a task; return False if its artifact was there."""


def run(
    plan: Plan,
    store: Store,
    doer: Doer,
    watcher: Watcher,
    mode: Mode,
    outcome: Outcome,
) -> None:
    """Do every task of a plan whose artifact is not in the store, parents first.

    A task that fails leaves no artifact, so that the next run tries it again; tasks behind it
    are left out, all others are done.

    Parameters
    ----------
    plan : Plan
    store : Store
    doer : Doer
    watcher : Watcher
    mode : Mode
    outcome : Outcome
        Filled in as the run goes; what it says is done already is not done again.

    Raises
    ------
    bench.store.DamagedError
        If an artifact that a task reads is damaged. Set it aside, and call again.
    bench.store.StoreError
        If the store cannot be written; what was done stays.
    """
    for task in plan.tasks.values():
        if task.key not in outcome.failures and is_to_be_done(task, store, mode, outcome):
            _compute(task, store, doer, watcher.begin(task), forced(task, mode, outcome), outcome)
        watcher.end(task)


def is_to_be_done(task: Task, store: Store, mode: Mode, outcome: Outcome) -> bool:
    """Tell whether a task is to be done; where it is not, take note of the reason.

    Parameters
    ----------
    task : Task
        Those that it reads were looked at before.
    store : Store
    mode : Mode
    outcome : Outcome
        Filled in: reused, failed with what it reads, or skipped.
    """
    present = (task.stage, task.key) in store
    failed, skipped = (
        [key for _, key in task.parents if key in those]
        for those in (outcome.failures, outcome.skipped)
    )
    if failed:
        outcome.failures[task.key] = outcome.failures[failed[0]]
    elif skipped and not present:
        outcome.skipped[task.key] = outcome.skipped[skipped[0]]
    elif present and not forced(task, mode, outcome):
        if task.key not in outcome.computed:
            outcome.reused.add(task.key)
    elif mode.only_cached:
        outcome.skipped[task.key] = f"its {task.stage} is not in the store (only-cached)"
    elif mode.fail_fast and outcome.failures:
        first = next(iter(outcome.failures.values()))
        outcome.skipped[task.key] = f"stopped after the first failure, in {first.stage} (fail-fast)"
    else:
        return True
    return False


def forced(task: Task, mode: Mode, outcome: Outcome) -> bool:
    """Tell whether a task is to be done although its artifact is there."""
    return mode.force and task.key not in outcome.computed


def _compute(
    task: Task, store: Store, doer: Doer, steps: Steps, force: bool, outcome: Outcome
) -> None:
    try:
        computed = doer.do(task, steps, force)
    except TaskFailedError as failed:
        fail(task, failed.error, failed.details, store, outcome)
    else:
        (outcome.computed if computed else outcome.reused).add(task.key)


def fail(task: Task, error: str, details: str, store: Store, outcome: Outcome) -> None:
    """Take note that a task failed, and keep the details for people who look."""
    path = store.write_error(task.key, details)
    outcome.failures[task.key] = Failure(task.stage, error, path)
