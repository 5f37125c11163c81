"""Runs a plan: what is missing in the store, each task once, whatever happens to one of them."""

from __future__ import annotations

from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path

from bench.execution.progress import Watch
from bench.execution.worker.messages import Damaged, Done, Order, Raised, Run, Stuck
from bench.planning.mode import Mode
from bench.planning.plan import Plan
from bench.stages.stage import Task
from bench.store import DamagedError, Store, StoreError


@dataclass(frozen=True)
class Failure:
    """A task that raised, or whose process died."""

    stage: str
    error: str  # type and message, in one line
    traceback: Path  # the file that holds the whole of it


@dataclass
class Outcome:
    """What a run did.

    Attributes
    ----------
    computed, reused : set of str
        Keys of tasks.
    failures : dict
        By the task's key. Tasks behind a failed one fail with it.
    skipped : dict
        Why a task was not tried, by its key.
    """

    computed: set[str] = field(default_factory=set)
    reused: set[str] = field(default_factory=set)
    failures: dict[str, Failure] = field(default_factory=dict)
    skipped: dict[str, str] = field(default_factory=dict)


def run_plan(
    plan: Plan, store: Store, run: Run, watch: Watch, mode: Mode, outcome: Outcome
) -> None:
    """Do every task of a plan whose result is not in the store, or more or less by the mode.

    A task that fails leaves no result, so that the next run tries it again. Tasks behind it are
    left out, all others are done.

    Parameters
    ----------
    plan : Plan
    store : Store
    run : callable
        Of the engine; called if there is anything to do.
    watch : Watch
    mode : Mode
    outcome : Outcome
        Filled in as the run goes; what it says is done already is not done again.

    Raises
    ------
    bench.store.DamagedError
        If an artifact that a task reads is damaged; what does not need it was done. Set it aside,
        and call again.
    bench.store.StoreError
        If the store cannot be written; what was done stays.
    """
    orders = []
    for task in plan.tasks.values():
        if task.key not in outcome.failures and _is_to_be_done(task, store, mode, outcome):
            orders.append(Order(task, _is_forced(task, mode, outcome)))
        else:
            watch.end(task)
    if not orders:
        return
    left = {order.task.key: order.task for order in orders}
    damage = None
    with closing(run(orders)) as ends:
        for task, end in ends:
            del left[task.key]
            watch.end(task)
            match end:
                case Done(computed):
                    (outcome.computed if computed else outcome.reused).add(task.key)
                case Raised(error, details):
                    path = store.write_error(task.key, details)
                    outcome.failures[task.key] = Failure(task.stage, error, path)
                case Damaged(stage, key, reason):
                    damage = damage or DamagedError(stage, key, reason)
                case Stuck(message):
                    raise StoreError(message)
            if mode.fail_fast and outcome.failures:
                break
    if damage is not None:
        raise damage
    for task in left.values():
        _is_to_be_done(task, store, mode, outcome)  # behind a failure, or given up
        watch.end(task)


def _is_to_be_done(task: Task, store: Store, mode: Mode, outcome: Outcome) -> bool:
    """Return whether a task is to be done; where it is not, take note of the reason.

    Its parents were looked at before.
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
    elif present and not _is_forced(task, mode, outcome):
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


def _is_forced(task: Task, mode: Mode, outcome: Outcome) -> bool:
    """Return whether a task is to be done although its result is there."""
    return mode.force and task.key not in outcome.computed
