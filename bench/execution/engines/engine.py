"""What a run asks of an engine, and the order in which those on this machine do tasks."""

from __future__ import annotations

import threading
from abc import ABC, abstractmethod
from collections import defaultdict
from collections.abc import Callable
from contextlib import AbstractContextManager
from heapq import heappop, heappush

from bench.execution.progress import Watch
from bench.execution.worker.messages import Done, End, Ends, Order, Run, Setup
from bench.planning.plan import Plan
from bench.planning.settings import GridSettings
from bench.stages.stage import Task


class Engine(ABC):
    """Has tasks done, here or elsewhere; a context, which ends what was started for it.

    Attributes
    ----------
    at_once : int
        Tasks that it does at the same time, as far as is known before it starts.
    """

    at_once: int = 1

    def __enter__(self) -> Engine:
        """Start nothing that nobody needs yet."""
        return self

    def __exit__(self, *raised: object) -> None:  # noqa: B027 - most have nothing to end
        """End what was started."""

    def fit(self, spec: GridSettings) -> GridSettings:
        """Return the settings with the threads and the device that tasks will have.

        Raises
        ------
        bench.base.errors.UsageError
            If the engine cannot be reached.
        """
        return spec

    @abstractmethod
    def at_work(self, plan: Plan, setup: Setup, watch: Watch) -> AbstractContextManager[Run]:
        """Be ready for the tasks of a plan; what is entered is the function that does them.

        Parameters
        ----------
        plan : Plan
            Orders are for its tasks.
        setup : Setup
        watch : Watch
            Entered by the engine, and informed of all but ends.
        """


def on_gpu(task: Task) -> bool:
    """Return whether a task needs a GPU."""
    return bool(task.settings.get("device") == "cuda")


class Queue:
    """Orders whose parents are done, in the order of the plan; one at a time of those on a GPU.

    Several threads may take from it. Taken by one, all are in the order in which they were given.

    Parameters
    ----------
    orders : list of Order
        Parents first.
    """

    def __init__(self, orders: list[Order]) -> None:
        self.orders = orders
        keys = {order.task.key for order in orders}
        self.parents = [{key for _, key in order.task.parents} & keys for order in orders]
        self.children: dict[str, list[int]] = defaultdict(list)
        self.ready: dict[bool, list[int]] = {True: [], False: []}  # heaps: on a GPU, and others
        self.at_work = {True: 0, False: 0}
        self.closed = False
        self.changed = threading.Condition()
        for number, parents in enumerate(self.parents):
            for key in parents:
                self.children[key].append(number)
            if not parents:
                heappush(self.ready[on_gpu(orders[number].task)], number)

    def take(self) -> Order | None:
        """Wait for an order that can be done; return None once there will be no more."""
        with self.changed:
            while not self.closed and (any(self.ready.values()) or any(self.at_work.values())):
                free = [
                    (heap[0], gpu)
                    for gpu, heap in self.ready.items()
                    if heap and not (gpu and self.at_work[gpu])
                ]
                if free:
                    _, gpu = min(free)
                    self.at_work[gpu] += 1
                    return self.orders[heappop(self.ready[gpu])]
                self.changed.wait()
            return None

    def end(self, task: Task, end: End) -> None:
        """Take note that a task has ended; those behind one that was not done are never taken."""
        with self.changed:
            self.at_work[on_gpu(task)] -= 1
            for number in self.children[task.key] if isinstance(end, Done) else ():
                self.parents[number].discard(task.key)
                if not self.parents[number]:
                    heappush(self.ready[on_gpu(self.orders[number].task)], number)
            self.changed.notify_all()

    def close(self) -> None:
        """Hand out nothing any more."""
        with self.changed:
            self.closed = True
            self.changed.notify_all()


def in_turn(orders: list[Order], do: Callable[[Order], End]) -> Ends:
    """Do one task after the other."""
    queue = Queue(orders)
    while order := queue.take():
        end = do(order)
        queue.end(order.task, end)
        yield order.task, end
