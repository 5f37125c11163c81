"""Puts tasks that follow one another into batches, since Dask takes milliseconds for each.

A long task waits for nothing that it does not need, except for short tasks.
"""

from __future__ import annotations

from collections import defaultdict

from bench.execution.engines.engine import on_gpu
from bench.execution.worker.messages import Order
from bench.stages import stages
from bench.stages.stage import Task

LONGEST = 5  # tasks: what only shares its first task with others waits for no more than these

Batch = list[Order]


def batches(orders: list[Order]) -> list[Batch]:
    """Return tasks in batches, each to be done in order and after those that it reads from.

    A batch reads from earlier ones only, so that none waits for itself.

    Parameters
    ----------
    orders : list of Order
        Parents first.
    """
    readers: dict[str, list[Task]] = defaultdict(list)
    for order in orders:
        for _, key in order.task.parents:
            readers[key].append(order.task)
    number: dict[str, int] = {}
    made: list[Batch] = []
    for order in orders:
        last = max((number[key] for _, key in order.task.parents if key in number), default=None)
        if last is None or not _goes_with(order.task, made[last], readers):
            last = len(made)
            made.append([])
        made[last].append(order)
        number[order.task.key] = last
    return made


def _goes_with(task: Task, batch: Batch, readers: dict[str, list[Task]]) -> bool:
    """Return whether a task may go behind a batch, of which it reads.

    Not where others that read the same would wait for it: nobody for one that is long, and none
    that is long for one that is short.
    """
    own = {other.task.key for other in batch}
    read = [key for _, key in task.parents if key in own]
    others = [other for key in read for other in readers[key] if other.key != task.key]
    waiting = [other for other in others if _is_long(task) or _is_long(other)]
    return len(batch) < LONGEST and not waiting and on_gpu(task) == on_gpu(batch[0].task)


def _is_long(task: Task) -> bool:
    return stages()[task.stage].long
