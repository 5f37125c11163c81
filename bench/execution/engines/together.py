"""Has many tasks of a plan done at the same time, by the rules of `bench.execution.runner`."""

from __future__ import annotations

from collections.abc import Callable, Generator
from contextlib import closing
from typing import Protocol

from bench.execution.runner import Mode, Outcome, Watcher, fail, forced, is_to_be_done
from bench.execution.worker.messages import Damaged, Done, Order, Raised, Stuck
from bench.planning.plan import Plan
from bench.stages.stage import Task
from bench.store import DamagedError, Store, StoreError

End = Done | Raised | Damaged | Stuck
Ends = Generator[tuple[Task, End], None, None]


class Doers(Protocol):
    """Does many tasks at once."""

    def ends(self, orders: list[Order]) -> Ends:
        """Do tasks, parents first; yield each as it ends, but those behind one that failed.

        Closing the generator gives up what has not ended.
        """


def run_together(
    plan: Plan,
    store: Store,
    doers: Callable[[], Doers],
    watcher: Watcher,
    mode: Mode,
    outcome: Outcome,
) -> None:
    """Do every task of a plan whose artifact is not in the store, many at once.

    The same comes of it as of `bench.execution.runner.run`, whose parameters these are; ``doers`` is called
    if there is anything to do.

    Raises
    ------
    bench.store.DamagedError
        If an artifact that a task reads is damaged; what does not need it was done.
    bench.store.StoreError
        If the store cannot be written; what was done stays.
    """
    orders = []
    for task in plan.tasks.values():
        if task.key not in outcome.failures and is_to_be_done(task, store, mode, outcome):
            orders.append(Order(task, forced(task, mode, outcome)))
        else:
            watcher.end(task)
    noted = set()
    damage = None
    with closing(doers().ends(orders) if orders else _nothing()) as ends:
        for task, end in ends:
            noted.add(task.key)
            watcher.end(task)
            if isinstance(end, Damaged):
                damage = damage or DamagedError(end.stage, end.key, end.reason)
            else:
                _take_note(task, end, store, outcome)
            if mode.fail_fast and outcome.failures:
                break
    if damage is not None:
        raise damage
    for order in orders:
        if order.task.key not in noted:
            is_to_be_done(order.task, store, mode, outcome)  # behind a failure, or given up
            watcher.end(order.task)


def _nothing() -> Ends:
    yield from ()


def _take_note(task: Task, end: Done | Raised | Stuck, store: Store, outcome: Outcome) -> None:
    match end:
        case Done(computed):
            (outcome.computed if computed else outcome.reused).add(task.key)
        case Raised(error, details):
            fail(task, error, details, store, outcome)
        case Stuck(message):
            raise StoreError(message)
