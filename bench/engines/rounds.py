"""Hands tasks to Dask as a graph, and again those that came back undone.

Undone is what a worker could not do, since it proved unfit or too small, and what was lost with
the scheduler. Such tasks go into another round, to the workers that are left.
"""

from __future__ import annotations

import hashlib
import math
import pickle
import time
import uuid
import warnings
from collections.abc import Callable, Generator, Iterator
from contextlib import closing, suppress
from typing import Any

from dask.highlevelgraph import HighLevelGraph, MaterializedLayer
from distributed import CancelledError, Client, Future, as_completed

from bench.engines.connection import LOST, Connection
from bench.engines.messages import Behind, Job, Report, TooSmall, Unfit
from bench.engines.remote import GPU, work
from bench.engines.together import End, Ends
from bench.errors import RunError, told
from bench.task import Task
from bench.worker.messages import Done, Order, Raised

GATHER = 0.05  # seconds; ends of short tasks are fetched together, since to fetch takes time


class Rounds:
    """Does tasks on Dask's workers; `bench.engines.together.Doers`.

    Parameters
    ----------
    connection : Connection
    job : Job
    left_out : callable
        Told of a worker, by address and in one line, that gets no more tasks of this grid.
    """

    def __init__(
        self, connection: Connection, job: Job, left_out: Callable[[str, str], None]
    ) -> None:
        self.connection = connection
        self.job = job
        self.pickled = pickle.dumps(job)
        self.left_out = left_out
        self.unfit: set[str] = set()
        self.needs: dict[str, int] = {}  # bytes; such a task's worker has to have more
        self.rounds = 0

    def ends(self, orders: list[Order]) -> Ends:
        """Do tasks, parents first; yield each as it ends, but those behind one that failed.

        Raises
        ------
        bench.errors.RunError
            If the scheduler is lost for good, or no worker is fit.
        """
        while orders:
            undone: set[str] = set()
            behind: set[str] = set()
            ended: set[str] = set()
            with closing(self._round(orders)) as reports:
                for task, report in reports:
                    match self._judged(task, report):
                        case None:
                            undone.add(task.key)
                        case Behind():
                            behind.add(task.key)
                        case end:
                            ended.add(task.key)
                            yield task, end
            undone |= {o.task.key for o in orders} - ended - behind
            for order in orders:  # parents first
                if order.task.key in behind and any(key in undone for _, key in order.task.reads):
                    undone.add(order.task.key)
            orders = [order for order in orders if order.task.key in undone]

    def _judged(self, task: Task, report: Report) -> End | Behind | None:
        """Return what became of a task; None if it is to be done again."""
        match report.what:
            case Unfit(reason):
                if report.run == self.job.run:  # else the other run's proof may be over
                    self._leave_out(report.worker, reason)
                return None
            case TooSmall(limit, error):
                self.needs[task.key] = max(self.needs.get(task.key, 0), limit)
                return None if self._allowed(task) else error
            case Done(computed):
                # Done for another grid, which counts it: to this one it was there.
                return Done(computed and report.run == self.job.run)
            case what:
                return what

    def _leave_out(self, worker: str, reason: str) -> None:
        if worker not in self.unfit:
            self.unfit.add(worker)
            self.left_out(worker, reason)
        if self.unfit.issuperset(self.connection.workers()):
            raise RunError(f"worker {worker} cannot work for this grid: {reason}")

    def _allowed(self, task: Task) -> tuple[str, ...]:
        """Return the addresses of workers that may do a task."""
        need = self.needs.get(task.key, 0)
        return tuple(
            address
            for address, known in self.connection.workers().items()
            if address not in self.unfit and _bytes_a_task(known) > need
        )

    def _round(self, orders: list[Order]) -> Generator[tuple[Task, Report], None, None]:
        """Hand out tasks once; yield what became of each that was not lost with the scheduler."""
        client = self.connection.client
        given: dict[str, Future] = {}
        try:
            given = self._hand_out(client, orders)
            tasks = {given[order.task.key]: order.task for order in orders}
            ended = as_completed(given.values(), loop=client.loop)
            for batch in ended.batches():
                time.sleep(GATHER)
                batch += ended.next_batch(block=False)
                for future, what in _reports(client, batch):
                    task = tasks[future]
                    # Of what Dask gave up, what is behind it is as well.
                    read = [given[key] for _, key in task.reads if key in given]
                    given_up = any(parent.status == "error" for parent in read)
                    yield task, Report("", "", Behind()) if given_up else what
        except LOST:
            self.connection.again()
        finally:
            with suppress(Exception):  # nobody is there any more to be told
                client.cancel([future for future in given.values() if not future.done()])

    def _hand_out(self, client: Client, orders: list[Order]) -> dict[str, Future]:
        """Send the graph; return the futures by the tasks' keys."""
        names = self._names(orders)
        layers: dict[str, tuple[dict[str, Any], dict[str, Any]]] = {}
        for order in orders:
            reads = [names[key] for _, key in order.task.reads if key in names]
            asks = self._asks_for(order.task)
            _, tasks = layers.setdefault(repr(asks), (asks, {}))
            tasks[names[order.task.key]] = (work, self.pickled, pickle.dumps(order), *reads)
        graph = HighLevelGraph(
            {name: MaterializedLayer(tasks, asks) for name, (asks, tasks) in layers.items()},
            {name: set() for name in layers},
        )
        self.rounds += 1
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # that a graph is large, which cannot be helped
            futures = client.get(graph, list(names.values()), sync=False)
        return dict(zip(names, futures, strict=True))

    def _names(self, orders: list[Order]) -> dict[str, str]:
        """Return Dask's names for tasks, by their keys.

        They are the same in every grid that asks for the same at the same time, so that Dask does
        it once for all of them. What is done again has names of its own, lest an end that Dask
        still knows be taken for it; and so has what another grid has fewer parents for.
        """
        asked = {order.task.key for order in orders}
        own = uuid.uuid4().hex
        names = {}
        for order in orders:
            task = order.task
            reads = sorted(key for _, key in task.reads if key in asked)
            shared = not self.rounds and not order.force
            told = [str(self.job.setup.store), *reads, "" if shared else own]
            mark = hashlib.sha256("\0".join(told).encode()).hexdigest()[:8]
            names[task.key] = f"{task.stage}-{task.key}-{mark}"
        return names

    def _asks_for(self, task: Task) -> dict[str, Any]:
        """Return what Dask is told of a task: the resources it needs, the workers it may go to."""
        asks: dict[str, Any] = {}
        if task.settings.get("device") == "cuda":
            asks["resources"] = {GPU: 1}
        if self.unfit or task.key in self.needs:
            asks["workers"] = list(self._allowed(task))
        return asks


def _bytes_a_task(worker: dict[str, Any]) -> float:
    """Return the memory that a worker has for a task."""
    limit = worker["memory_limit"]
    return limit // worker["nthreads"] if limit else math.inf


def _reports(client: Client, batch: list[Future]) -> Iterator[tuple[Future, Report]]:
    """Fetch what became of tasks, all at once.

    Raises
    ------
    CancelledError
        If they were lost with the scheduler.
    """
    if any(future.status == "cancelled" for future in batch):
        raise CancelledError
    finished = [future for future in batch if future.status == "finished"]
    yield from zip(finished, client.gather(finished), strict=True)
    for future in batch:
        if future.status == "error":
            yield future, _died(future)


def _died(future: Future) -> Report:
    """Say what became of a task over which Dask lost one worker after the other, or its mind."""
    error = future.exception()
    text = f"WorkersDied: {told(error)}"
    return Report("", "", Raised(text, text))
