"""Many tasks at once, by Dask: on this machine, or on the workers of a running scheduler."""

from __future__ import annotations

import pickle
import sys
import uuid
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from pathlib import Path

import cloudpickle

from bench.base.errors import UsageError, one_line
from bench.base.processors import available_threads, find_device
from bench.execution.engines.dask import proof, remote, resources
from bench.execution.engines.dask.connection import Connection
from bench.execution.engines.dask.doing import Job
from bench.execution.engines.dask.rounds import Rounds
from bench.execution.engines.engine import Engine
from bench.execution.progress import Watch
from bench.execution.worker.messages import Ends, Order, Run, Setup
from bench.planning.plan import Plan
from bench.planning.settings import GridSettings


class Cluster(Engine):
    """The engine ``dask``.

    Parameters
    ----------
    address : str or None
        Of a running scheduler; None: a cluster of this process, started when there is work.
    workers : int or None
        Tasks at once in that; None: as many as there are processors.
    """

    def __init__(self, address: str | None, workers: int | None = None) -> None:
        self.address = address
        self.workers = workers or available_threads()
        self.at_once = 1 if address else self.workers  # of a running scheduler it is not known yet
        self.device = "cpu"
        self.connection: Connection | None = None

    def __exit__(self, *raised: object) -> None:
        """Leave the cluster, and end one that is ours."""
        if self.connection is not None:
            self.connection.close()
            self.connection = None

    def fit(self, spec: GridSettings) -> GridSettings:
        """Give tasks a GPU if any worker has one, where nothing else is asked for.

        A scheduler that has no worker yet to find this out from is refused.
        """
        self.device = self._device() if spec.device == "auto" else spec.device
        return spec.model_copy(update={"device": self.device})

    def _device(self) -> str:
        if self.address is None:
            return find_device()
        known = self._connected().workers()
        if not known:
            raise UsageError(
                f"the scheduler {self.address} has no worker yet, so it is not known whether there "
                "are GPUs: start one with dask worker, or give --device cpu or --device cuda"
            )
        has_gpu = any(worker["resources"].get(resources.GPU) for worker in known.values())
        return "cuda" if has_gpu else "cpu"

    def _connected(self) -> Connection:
        if self.connection is None:
            gpus = _gpus_here() if self.address is None and self.device == "cuda" else 0
            self.connection = Connection(self.address, self.workers, gpus)
        return self.connection

    @contextmanager
    def at_work(self, plan: Plan, setup: Setup, watch: Watch) -> Iterator[Run]:
        """Connect and have the workers proven, once there is something to do."""
        libraries = {name for task in plan.tasks.values() for name in task.key_inputs["versions"]}
        ready: list[Rounds] = []
        with ExitStack() as stack:

            def run(orders: list[Order]) -> Ends:
                if not ready:
                    ready.append(self._ready(setup, libraries, watch, stack))
                return ready[0].run(orders)

            yield run

    def _ready(self, setup: Setup, libraries: set[str], watch: Watch, stack: ExitStack) -> Rounds:
        """Have every worker prove that it can do the work, and say where that goes."""
        connection = self._connected()
        known = connection.workers()
        slots = sum(worker["nthreads"] for worker in known.values())
        ours = None if self.address else self.workers * setup.threads
        job = Job(uuid.uuid4().hex, self._traveling(setup), None, ours)
        if self.address is not None:
            connection.check_scheduler()
            asked = stack.enter_context(proof.asked(job.setup.store, libraries))
            job = replace(job, proof=asked)
            for worker, reason in connection.on_all(remote.prove, pickle.dumps(asked)).items():
                if reason:
                    raise UsageError(f"worker {worker} cannot work for this grid: {reason}")

        def say(text: str) -> None:
            print(f"dask: {one_line(text)}", file=sys.stderr)

        link = f"; see {connection.link}" if connection.link else ""
        waits = "" if slots else ", waiting for a worker"
        at_once = f"{_some(slots, 'task')} at once, up to {_some(setup.threads, 'thread')} each"
        say(f"{at_once}{waits}{link}")
        watch.at_once = max(slots, 1)
        connection.client.subscribe_topic(job.topic, lambda event: watch.step(*event[1]))
        stack.enter_context(watch)
        return Rounds(connection, job, say)

    def _traveling(self, setup: Setup) -> Setup:
        """Return what workers elsewhere are to know: no path but the store's is the same there.

        What a plugin's file defines travels as it is in this process, and the file stays here.
        """
        if self.address is None:
            return setup
        items = cloudpickle.loads(setup.items)
        files = {str(path.resolve()) for path in setup.plugins}
        every = [module for module in [*sys.modules.values()] if getattr(module, "__file__", None)]
        modules = [m for m in every if str(Path(str(m.__file__)).resolve()) in files]
        for module in modules:
            cloudpickle.register_pickle_by_value(module)
        try:
            packed = cloudpickle.dumps(items)
        finally:
            for module in modules:
                cloudpickle.unregister_pickle_by_value(module)
        return replace(setup, store=setup.store.resolve(), plugins=(), items=packed)


def _some(count: int, what: str) -> str:
    return f"{count} {what}{'s' * (count != 1)}"


def _gpus_here() -> int:
    import torch

    return torch.cuda.device_count()
