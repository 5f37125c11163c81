"""The engine ``local``: worker processes on this machine; no service, no port."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from queue import SimpleQueue

from bench.base.processors import share_of
from bench.execution.engines.engine import Engine, Queue, in_turn
from bench.execution.progress import Watch
from bench.execution.worker.messages import End, Ends, Order, Run, Setup
from bench.execution.worker.process import WorkerProcess
from bench.planning.plan import Plan
from bench.planning.settings import GridSettings
from bench.stages.stage import Task

LOOK = 0.05  # seconds until a process that may have started meanwhile is killed again


class Local(Engine):
    """The default: one task after the other, or as many at once as there are workers.

    Parameters
    ----------
    workers : int
        Processes.
    """

    def __init__(self, workers: int = 1) -> None:
        self.workers = self.at_once = workers

    def fit(self, spec: GridSettings) -> GridSettings:
        """Give each task an equal part of the processors, unless something else is asked for."""
        if self.workers == 1 or "threads" in spec.model_fields_set:
            return spec
        return spec.model_copy(update={"threads": share_of(self.workers)})

    @contextmanager
    def at_work(self, plan: Plan, setup: Setup, watch: Watch) -> Iterator[Run]:
        """Have processes, each of which starts with its first task."""
        watch.at_once = self.workers
        with watch, ExitStack() as stack:
            processes = [
                stack.enter_context(WorkerProcess(setup, watch.waiting))
                for _ in range(self.workers)
            ]
            if len(processes) == 1:
                (process,) = processes
                yield lambda orders: in_turn(
                    orders, lambda order: process.do(order, watch.begin(order.task))
                )
            else:
                yield lambda orders: _side_by_side(orders, processes, watch)


def _side_by_side(orders: list[Order], processes: list[WorkerProcess], watch: Watch) -> Ends:
    """Have a thread for each process, which takes the next order as soon as it is done."""
    queue = Queue(orders)
    ended: SimpleQueue[tuple[Task, End] | BaseException | None] = SimpleQueue()

    def work(process: WorkerProcess) -> None:
        try:
            while order := queue.take():
                end = process.do(order, watch.begin(order.task))
                queue.end(order.task, end)
                ended.put((order.task, end))
            ended.put(None)
        except BaseException as error:
            ended.put(error)

    threads = [threading.Thread(target=work, args=(process,), daemon=True) for process in processes]
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
