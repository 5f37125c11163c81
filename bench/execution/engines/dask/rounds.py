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

from bench.base.errors import UsageError, format_error
from bench.execution.engines.dask.batches import Batch, batches
from bench.execution.engines.dask.connection import LOST, Connection, Health
from bench.execution.engines.dask.doing import Behind, Job, Report, TooSmall, Unfit, What
from bench.execution.engines.dask.remote import work
from bench.execution.engines.dask.resources import GPU, processors
from bench.execution.engines.engine import on_gpu
from bench.execution.worker.messages import Done, End, Ends, Order, Raised
from bench.store import Store

NOBODY = "tcp://0.0.0.0:0"
GATHER = 0.05  # seconds; ends of short tasks are fetched together, since to fetch takes time


class Rounds:
    """Does tasks on Dask's workers; ``say`` prints what people should know of the cluster."""

    def __init__(self, connection: Connection, job: Job, say: Callable[[str], None]) -> None:
        self.connection = connection
        self.job = job
        self.pickled = pickle.dumps(job)
        self.say = say
        self.health = Health(connection, job.setup.device, say)
        self.unfit: set[str] = set()
        self.needs: dict[str, int] = {}  # bytes; such a task's worker has to have more
        self.rounds = 0
        self.restricted: list[list[str]] = []  # addresses of the only workers for some tasks

    def run(self, orders: list[Order]) -> Ends:
        """Do tasks as every engine does; see `bench.execution.worker.messages.Run`.

        Raises
        ------
        bench.base.errors.RunError
            If the scheduler is lost for good, or all workers are out of memory.
        bench.base.errors.UsageError
            If no worker is fit.
        """
        failed: set[str] = set()
        while orders:
            over: set[str] = set()  # done, or failed, or behind what failed
            with closing(self._round(orders)) as ended:
                for order, report in ended:
                    match self._judged(order, report):
                        case None | Behind():
                            pass
                        case end:
                            over.add(order.task.key)
                            if not isinstance(end, Done):
                                failed.add(order.task.key)
                            yield order.task, end
            for order in orders:  # parents first
                key, reads = order.task.key, {key for _, key in order.task.parents}
                if reads & failed:
                    failed.add(key)
                    over.add(key)
            orders = [order for order in orders if order.task.key not in over]

    def _judged(self, order: Order, report: Report) -> End | Behind | None:
        """Return what became of a task; None if it is to be done again."""
        key = order.task.key
        match report.whats[key]:
            case Unfit(reason):
                if report.run == self.job.run:  # else the other run's proof may be over
                    self._leave_out(report.worker, reason)
                return None
            case TooSmall(limit, error):
                self.needs[key] = max(self.needs.get(key, 0), limit)
                return None if self._allowed([order]) else error
            case Done(computed):
                # Done for another grid, which counts it: to this one it was there.
                return Done(computed and report.run == self.job.run)
            case what:
                return what

    def _leave_out(self, worker: str, reason: str) -> None:
        new = worker not in self.unfit
        self.unfit.add(worker)
        known = self.connection.workers()
        if known and self.unfit.issuperset(known):
            raise UsageError(f"worker {worker} cannot work for this grid: {reason}")
        if new:
            self.say(f"worker {worker} gets no tasks: {reason}")

    def _allowed(self, batch: Batch) -> list[str]:
        """Return the addresses of workers that may do a batch."""
        need = max(self.needs.get(order.task.key, 0) for order in batch)
        return [
            address
            for address, known in self.connection.workers().items()
            if address not in self.unfit and _bytes_a_task(known) > need
        ]

    def _round(self, orders: list[Order]) -> Generator[tuple[Order, Report], None, None]:
        """Hand out tasks once; yield what became of each that was not lost with the scheduler."""
        client = self.connection.client
        given: dict[Future, Batch] = {}
        try:
            given = self._hand_out(client, batches(orders))
            ended = as_completed(given, loop=client.loop)
            while not ended.is_empty():
                time.sleep(GATHER)
                if not self.health.look(self.restricted):
                    return  # they are handed out again, to those who are there now
                for future, report in self._reports(client, ended.next_batch(block=False), given):
                    for order in given[future]:
                        yield order, report
                    if future.status != "error":
                        del given[future]  # else Dask would do it again for a worker that is lost
        except LOST:
            self.connection.again()
        finally:
            with suppress(Exception):  # nobody is there any more to be told
                client.cancel([future for future in given if not future.done()])

    def _reports(
        self, client: Client, some: list[Future], given: dict[Future, Batch]
    ) -> Iterator[tuple[Future, Report]]:
        """Fetch what became of batches, all at once; CancelledError if the scheduler is lost."""
        if any(future.status == "cancelled" for future in some):
            raise CancelledError
        finished = [future for future in some if future.status == "finished"]
        if finished:
            yield from zip(finished, client.gather(finished), strict=True)
        lost = [future for future in some if future.status == "error"]
        if lost:
            given_up = [future for future in given if future.status == "error"]
            keys = {order.task.key for future in given_up for order in given[future]}
            yield from ((future, self._died(future, given[future], keys)) for future in lost)

    def _died(self, future: Future, batch: Batch, lost: set[str]) -> Report:
        """Say what became of a batch over which Dask lost one worker after the other, or its mind.

        Of what Dask gave up, what is behind it is given up as well: that is not its own failure.
        Nor is it that of a batch of which some was done: the rest is handed out again.
        """
        if self.job.proof:
            self.connection.on_all(processors)  # says so, if one has no latentgrid to do it by
        whats: dict[str, What] = {order.task.key: Behind() for order in batch}
        if lost & {key for order in batch for _, key in order.task.parents} - set(whats):
            return Report(self.job.run, "", whats)
        store = Store(self.job.setup.store)
        done = [o for o in batch if not o.force and (o.task.stage, o.task.key) in store]
        whats |= {order.task.key: Done(True) for order in done}
        if not done:
            text = f"WorkersDied: {format_error(future.exception())}"
            whats[batch[0].task.key] = Raised(text, text)
        return Report(self.job.run, "", whats)

    def _hand_out(self, client: Client, made: list[Batch]) -> dict[Future, Batch]:
        """Send the graph; return the batches by their futures."""
        names = self._names(made)
        self.restricted.clear()
        layers: dict[str, tuple[dict[str, Any], dict[str, Any]]] = {}
        for batch in made:
            name = names[batch[0].task.key]
            asks = self._asks_for(batch)
            _, tasks = layers.setdefault(repr(asks), (asks, {}))
            tasks[name] = (work, self.pickled, pickle.dumps(batch), *_reads(batch, names))
        graph = HighLevelGraph(
            {name: MaterializedLayer(tasks, asks) for name, (asks, tasks) in layers.items()},
            {name: set() for name in layers},
        )
        self.rounds += 1
        wanted = [names[batch[0].task.key] for batch in made]
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # that a graph is large, which cannot be helped
            futures = client.get(graph, wanted, sync=False)
        return dict(zip(futures, made, strict=True))

    def _names(self, made: list[Batch]) -> dict[str, str]:
        """Return Dask's names for batches, by the keys of their tasks.

        They are the same in every grid that asks for the same at the same time, so that Dask does
        it once for all of them. What is done again has names of its own, lest an end that Dask
        still knows be taken for it; and so has what another grid has fewer parents for.
        """
        own = uuid.uuid4().hex
        names: dict[str, str] = {}
        for batch in made:
            shared = not self.rounds and not any(order.force for order in batch)
            keys = [order.task.key for order in batch]
            parts = [str(self.job.setup.store), *keys, *_reads(batch, names)]
            mark = hashlib.sha256("\0".join([*parts, "" if shared else own]).encode()).hexdigest()
            stages = "+".join(dict.fromkeys(order.task.stage for order in batch))
            names |= dict.fromkeys(keys, f"{stages}-{mark[:32]}")
        return names

    def _asks_for(self, batch: Batch) -> dict[str, Any]:
        """Return what Dask is told of a batch: the resources it needs, the workers it may go to."""
        asks: dict[str, Any] = {}
        if on_gpu(batch[0].task):
            asks["resources"] = {GPU: 1}
        if self.unfit or any(order.task.key in self.needs for order in batch):
            asks["workers"] = self._allowed(batch) or [NOBODY]  # none would mean all to Dask
            self.restricted.append(asks["workers"])
        return asks


def _reads(batch: Batch, names: dict[str, str]) -> list[str]:
    """Return the names of the other batches that one reads from."""
    own = {order.task.key for order in batch}
    read = {key for order in batch for _, key in order.task.parents} - own
    return sorted({names[key] for key in read if key in names})


def _bytes_a_task(worker: dict[str, Any]) -> float:
    """Return the memory that a worker has for a task."""
    limit = worker["memory_limit"]
    return limit // worker["nthreads"] if limit else math.inf
