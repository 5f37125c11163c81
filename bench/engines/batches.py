"""Puts short tasks that follow one another into batches, since Dask takes milliseconds for each.

What is long stays alone, so that what does not need it need not wait for it.
"""

from __future__ import annotations

from bench.task import PARALLEL
from bench.worker.messages import Order

LONGEST = 4  # tasks: what only shares its first task with others waits for no more than these


def batches(orders: list[Order]) -> list[list[Order]]:
    """Return tasks in batches, each to be done in order and after those that it reads from.

    A batch reads from earlier ones only, so that none waits for itself.

    Parameters
    ----------
    orders : list of Order
        Parents first.
    """
    number: dict[str, int] = {}
    made: list[list[Order]] = []
    for order in orders:
        last = max((number[key] for _, key in order.task.reads if key in number), default=None)
        if last is None or not _goes_with(order, made[last]):
            last = len(made)
            made.append([])
        made[last].append(order)
        number[order.task.key] = last
    return made


def _goes_with(order: Order, batch: list[Order]) -> bool:
    long = {order.task.stage, batch[0].task.stage} & {*PARALLEL}
    return not long and len(batch) < LONGEST
