"""What a run asks of an engine, and the order in which those on this machine do tasks."""

from __future__ import annotations

import math
import threading
from abc import ABC, abstractmethod
from collections import defaultdict
from collections.abc import Callable, Iterable
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from heapq import heapify, heappop, heappush, nsmallest

from bench.execution.progress import Watch
from bench.execution.worker.messages import Done, End, Ends, Order, Run, Setup
from bench.planning.plan import Plan
from bench.planning.settings import GridSettings
from bench.stages.stage import Task

LOOK_AHEAD = 16  # orders that are tried for one that fits beside those at work

Rank = tuple[float, int]  # seconds to the end, negative, and place among the orders


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

    def start(self, spec: GridSettings) -> None:  # noqa: B027 - most have nothing to start
        """Start what takes time to start and is needed if anything is to be done."""

    def fit(self, spec: GridSettings) -> GridSettings:
        """Return the settings with the device that tasks will have.

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


@dataclass(frozen=True)
class Needs:
    """What tasks are estimated to take, by key, and what there is; see `Queue`."""

    seconds: dict[str, float] = field(default_factory=dict)
    megabytes: dict[str, float] = field(default_factory=dict)
    processors: float = math.inf
    memory: float = math.inf  # MB

    def path_lengths(self, orders: list[Order], children: dict[str, list[int]]) -> list[float]:
        """Return the seconds from each order to the end of all that waits for it."""
        lengths = [0.0] * len(orders)
        for number in reversed(range(len(orders))):
            key = orders[number].task.key
            behind = max((lengths[child] for child in children.get(key, ())), default=0.0)
            lengths[number] = self.seconds.get(key, 0.0) + behind
        return lengths

    def fits(self, task: Task, at_work: Iterable[Task]) -> bool:
        """Tell whether a task may begin beside others; alone, any may."""
        beside = list(at_work)
        every = [*beside, task]
        return not beside or (
            sum(each.threads for each in every) <= self.processors
            and sum(self.megabytes.get(each.key, 0.0) for each in every) <= self.memory
        )


class Queue:
    """Orders whose parents are done; first those with the longest path to the end behind them.

    Several threads may take from it. An order waits until there are processors and memory for it.
    Where no time is estimated, orders are in the order in which they were given.

    Parameters
    ----------
    orders : list of Order
        Parents first.
    needs : Needs
    """

    def __init__(self, orders: list[Order], needs: Needs | None = None) -> None:
        self.orders = orders
        self.needs = needs or Needs()
        keys = {order.task.key for order in orders}
        self.parents = [{key for _, key in order.task.parents} & keys for order in orders]
        self.children: dict[str, list[int]] = defaultdict(list)
        for number, parents in enumerate(self.parents):
            for key in parents:
                self.children[key].append(number)
        lengths = self.needs.path_lengths(orders, self.children)
        self.ranks = [(-length, number) for number, length in enumerate(lengths)]
        self.ready: dict[bool, list[Rank]] = {True: [], False: []}  # heaps: on a GPU, and others
        self.left_on_gpu = sum(on_gpu(order.task) for order in orders)
        self.given_up: set[int] = set()
        self.at_work: dict[str, Task] = {}
        self.closed = False
        self.changed = threading.Condition()
        for number, parents in enumerate(self.parents):
            if not parents:
                self._make_ready(number)

    def _make_ready(self, number: int) -> None:
        heappush(self.ready[on_gpu(self.orders[number].task)], self.ranks[number])

    def take(self, has_gpu: bool | None = None) -> Order | None:
        """Wait for an order that can be done; return None once there will be no more.

        Parameters
        ----------
        has_gpu : bool or None
            Of several that take orders one has the GPU. It takes those on the GPU as long as there
            are any, and the others never do, so that one process holds the GPU's memory. None: who
            takes is the only one.
        """
        with self.changed:
            while not self.closed and (any(self.ready.values()) or self.at_work):
                found = self._next(has_gpu)
                if found is not None:
                    order = self.orders[found]
                    self.at_work[order.task.key] = order.task
                    return order
                self.changed.wait()
            return None

    def _next(self, has_gpu: bool | None) -> int | None:
        """Take the first order that fits from the heaps that this one takes from."""
        kinds = [True, False] if has_gpu is None else [has_gpu and self.left_on_gpu > 0]
        heaps = [self.ready[kind] for kind in kinds if self.ready[kind]]
        for heap in sorted(heaps, key=lambda heap: heap[0]):
            if self._fits(heap[0]):
                return heappop(heap)[1]
            for rank in filter(self._fits, nsmallest(LOOK_AHEAD, heap)):
                heap.remove(rank)
                heapify(heap)
                return rank[1]
        return None

    def _fits(self, rank: Rank) -> bool:
        return self.needs.fits(self.orders[rank[1]].task, self.at_work.values())

    def end(self, task: Task, end: End) -> None:
        """Take note that a task has ended; those behind one that was not done are never taken."""
        with self.changed:
            del self.at_work[task.key]
            self.left_on_gpu -= on_gpu(task)
            if not isinstance(end, Done):
                self._give_up(task.key)
            for number in self.children[task.key] if isinstance(end, Done) else ():
                self.parents[number].discard(task.key)
                if not self.parents[number]:
                    self._make_ready(number)
            self.changed.notify_all()

    def _give_up(self, key: str) -> None:
        """Count all that waits for a task, which was not done, as no longer there."""
        for number in self.children[key]:
            if number not in self.given_up:
                self.given_up.add(number)
                self.left_on_gpu -= on_gpu(self.orders[number].task)
                self._give_up(self.orders[number].task.key)

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
