"""The engine ``local``: worker processes on this machine; no service, no port."""

from __future__ import annotations

import math
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from queue import SimpleQueue

from bench.base.memory import PROCESS, free_megabytes, memory, resident_megabytes
from bench.base.processors import available_threads
from bench.execution.engines.engine import Engine, Needs, Queue, in_turn
from bench.execution.progress import Watch
from bench.execution.worker.messages import End, Ends, Order, Run, Setup
from bench.execution.worker.process import Launched, WorkerProcess, launch
from bench.planning.plan import Plan
from bench.planning.settings import GridSettings
from bench.stages import stage_of
from bench.stages.stage import Task

LOOK = 0.05  # seconds until a process that may have started meanwhile is killed again
# Of the free memory, what tasks may be estimated to take together; estimates are rough.
SHARE_OF_MEMORY = 0.8


class Local(Engine):
    """The default: as many tasks side by side as there are processors for their threads.

    Parameters
    ----------
    workers : int or None
        Processes, each of which does one task at a time, whatever its threads; None: one for each
        processor that there is the memory for, of which those at work have no more threads than
        there are processors.
    """

    def __init__(self, workers: int | None = None) -> None:
        self.workers = self.at_once = workers or max(1, min(available_threads(), _most()))
        self.processors = math.inf if workers else float(available_threads())
        self.launched: list[Launched] = []

    def __exit__(self, *raised: object) -> None:
        """End the processes that were launched and not needed."""
        while self.launched:
            self.launched.pop().end()

    def fit(self, spec: GridSettings) -> GridSettings:
        """Count how many tasks of the threads asked for run side by side."""
        if self.processors < math.inf:
            self.at_once = max(1, int(self.processors) // spec.threads)
        return spec

    def start(self, spec: GridSettings) -> None:
        """Launch processes, which import what they need while the grid is planned.

        No more than there are processors beside the one that plans; the others start later.
        """
        pipelines = len(spec.models) * len(spec.chains) * len(spec.clusterers) * spec.seeds
        beside = max(1, available_threads() - 1)
        for _ in range(min(self.workers, pipelines, beside)):
            self.launched.append(launch(spec))  # one by one: an error leaves none behind

    @contextmanager
    def at_work(self, plan: Plan, setup: Setup, watch: Watch) -> Iterator[Run]:
        """Have processes, each of which starts with its first task if it was not launched."""
        watch.at_once = self.at_once
        with watch, ExitStack() as stack:
            processes = [
                stack.enter_context(WorkerProcess(setup, watch.waiting, launched=self.launched))
                for _ in range(self.workers)
            ]

            def run(orders: list[Order]) -> Ends:
                if len(processes) == 1:
                    return in_turn(
                        orders, lambda order: processes[0].do(order, watch.begin(order.task))
                    )
                needs = self._needs(orders, plan, watch, processes)
                return _side_by_side(orders, processes, watch, needs)

            yield run

    def _needs(
        self, orders: list[Order], plan: Plan, watch: Watch, processes: list[WorkerProcess]
    ) -> Needs:
        megabytes = {
            order.task.key: PROCESS + stage_of(order.task).memory(order.task, plan.image_shape)
            for order in orders
        }
        # What processes that are there take already is not free, and is part of each task's.
        started = [process.started for process in processes if process.started]
        taken = sum(resident_megabytes(each.process.pid) for each in (*self.launched, *started))
        free = SHARE_OF_MEMORY * (free_megabytes() + taken)
        return Needs(dict(watch.seconds), megabytes, self.processors, free)


def _most() -> int:
    """Return how many processes this machine has the memory for."""
    return int(memory() / 1e6 // PROCESS)


def _side_by_side(
    orders: list[Order], processes: list[WorkerProcess], watch: Watch, needs: Needs
) -> Ends:
    """Have a thread for each process, which takes the next order as soon as it is done."""
    queue = Queue(orders, needs)
    ended: SimpleQueue[tuple[Task, End] | BaseException | None] = SimpleQueue()

    def work(process: WorkerProcess, has_gpu: bool) -> None:
        try:
            while order := queue.take(has_gpu):
                end = process.do(order, watch.begin(order.task))
                queue.end(order.task, end)
                ended.put((order.task, end))
            ended.put(None)
        except BaseException as error:
            ended.put(error)

    threads = [
        threading.Thread(target=work, args=(process, number == 0), daemon=True)
        for number, process in enumerate(processes)
    ]
    for thread in threads:
        thread.start()
    try:
        at_work = len(threads)
        while at_work:
            match ended.get():
                case None:
                    at_work -= 1
                case BaseException() as error:
                    raise error
                case end:
                    yield end
    finally:
        queue.close()
        for thread, process in zip(threads, processes, strict=True):
            while thread.is_alive():
                process.kill()
                thread.join(LOOK)
