"""A connection to Dask: to a cluster of ours on this machine, or to a running scheduler."""

from __future__ import annotations

import logging
import time
import warnings
from collections.abc import Callable
from contextlib import suppress
from typing import Any

from distributed import CancelledError, Client, LocalCluster
from distributed.comm import CommClosedError

from bench.base.errors import RunError, UsageError, format_error
from bench.execution.engines.dask.doing import children
from bench.execution.engines.dask.resources import GPU, processors

HERE = "127.0.0.1"
PATIENCE = 10.0  # seconds for a scheduler to answer
RETURN = 60.0  # seconds for a scheduler that was lost to come back
# What Dask raises when the scheduler is no longer there.
LOST = (CancelledError, CommClosedError, OSError, TimeoutError)
LOGGERS = ("distributed", "tornado", "asyncio", "bokeh")
INSTALL = "latentgrid has to be installed on all workers, and on the scheduler"


class Connection:
    """A client of Dask, and what it started.

    Parameters
    ----------
    address : str or None
        Of a running scheduler; None: one is started in this process, with one worker whose
        threads each have tasks done in a process of their own. No port is opened for the work,
        and the dashboard's is on the loopback interface.
    workers, gpus : int
        Tasks at once, and GPUs, where the cluster is ours.

    Raises
    ------
    UsageError
        If no scheduler answers.
    """

    def __init__(self, address: str | None, workers: int = 1, gpus: int = 0) -> None:
        # Whoever asked says in one line what went wrong.
        for name in [*logging.root.manager.loggerDict]:  # each may have a level of its own
            if name.partition(".")[0] in LOGGERS:
                logging.getLogger(name).setLevel(logging.CRITICAL + 1)
        self.address = address
        self.cluster = None if address else _start(workers, gpus)
        self.client = self._connect(PATIENCE)

    @property
    def link(self) -> str:
        """Where Dask shows what it does; empty where it does not."""
        if self.cluster is not None:
            port = self.client.scheduler_info()["services"].get("dashboard")
            return f"http://{HERE}:{port}/status" if port else ""
        with suppress(Exception):  # a dashboard that is not there is in nobody's way
            return str(self.client.dashboard_link)
        return ""

    def workers(self) -> dict[str, dict[str, Any]]:
        """Return what the scheduler knows of its workers, by their addresses."""
        try:
            found: dict[str, dict[str, Any]] = self.client.scheduler_info(n_workers=-1)["workers"]
        except LOST:
            self.again()
            return self.workers()
        return found

    def on_all(self, function: Callable[..., Any], *arguments: Any) -> dict[str, Any]:
        """Call a function on every worker, whatever that is doing; return the answers by address.

        A worker that cannot, perhaps since latentgrid is not installed there, is refused.
        """
        try:
            answers: dict[str, Any] = self.client.run(function, *arguments, on_error="return")
        except LOST as error:
            raise RunError(
                f"the scheduler {self.address} was lost ({format_error(error)})"
            ) from None
        for address, answer in answers.items():
            if isinstance(answer, BaseException):
                raise UsageError(
                    f"worker {address} does not answer ({format_error(answer)}): {INSTALL}"
                )
        return answers

    def check_scheduler(self) -> None:
        """Refuse a scheduler that cannot load what passes through it."""
        try:
            self.client.run_on_scheduler(processors)
        except Exception as error:  # whatever it raises while it loads that
            raise UsageError(
                f"the scheduler {self.address} cannot work for this grid "
                f"({format_error(error)}): {INSTALL}"
            ) from None

    def again(self) -> None:
        """Connect anew after the scheduler was lost, or raise RunError if it stays away."""
        self._leave()
        try:
            self.client = self._connect(RETURN)
        except UsageError:
            raise RunError(
                f"the scheduler {self.address} was lost, and did not come back within "
                f"{RETURN:.0f} s; finished tasks are kept, and the same command continues"
            ) from None

    def close(self) -> None:
        """Leave a running cluster, and end one that is ours."""
        if self.cluster is not None:
            children.end()  # else their tasks would be waited for
        self._leave()
        if self.cluster is not None:
            with suppress(Exception):
                self.cluster.close()

    def _leave(self) -> None:
        with suppress(Exception):  # the other end may be gone
            self.client.close(timeout=2)

    def _connect(self, patience: float) -> Client:
        to = self.cluster if self.cluster is not None else self.address
        try:
            with warnings.catch_warnings():
                # Where other versions matter, `bench.execution.engines.dask.proof` refuses them.
                warnings.simplefilter("ignore")
                return Client(to, timeout=patience, set_as_default=False)
        except (OSError, ValueError, TypeError, RuntimeError, ImportError) as error:
            raise UsageError(
                f"no Dask scheduler answers at {self.address} ({format_error(error)}): start one "
                "there with dask scheduler, or name another with --engine dask:tcp://HOST:PORT"
            ) from None


def _start(workers: int, gpus: int) -> LocalCluster:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # that the dashboard takes another port, if one is taken
        return LocalCluster(
            n_workers=1,
            threads_per_worker=workers,
            processes=False,
            memory_limit=0,  # what counts is in processes of their own
            resources={GPU: gpus} if gpus else None,
            dashboard_address=f"{HERE}:8787",
            worker_dashboard_address=f"{HERE}:0",
            silence_logs=logging.CRITICAL + 1,
        )


LOOK = 5.0  # seconds between two looks at the workers
ALONE = "there is no worker"
OUT_OF_MEMORY = 60.0  # seconds that all workers may have no memory left before that is the end


class Health:
    """Notices that a cluster has come to a halt, of which Dask itself says nothing."""

    def __init__(self, connection: Connection, device: str, say: Callable[[str], None]) -> None:
        self.connection = connection
        self.device = device
        self.say = say
        self.looked = self.well = time.monotonic()
        self.lack = ALONE  # said when the work began, if it is so at first

    def look(self, restricted: list[list[str]]) -> bool:
        """Look whether anybody is at work, if it is time for that; raise RunError if none can be.

        Of each list of workers in ``restricted``, one has to be left for the tasks that no other
        may do; return False if none is.
        """
        now = time.monotonic()
        if now - self.looked < LOOK:
            return True
        self.looked = now
        workers = self.connection.workers()
        lack = self._lack(workers)
        if lack and lack != self.lack:
            self.say(f"{lack}; waiting for one")
        self.lack = lack
        if not workers or any(known["status"] != "paused" for known in workers.values()):
            self.well = now
        elif now - self.well > OUT_OF_MEMORY:
            raise RunError(
                "no worker has memory left for a task (Dask paused all of them): start workers "
                "with a larger --memory-limit; finished tasks are kept, and the same command "
                "continues"
            )
        return all(workers.keys() & set(some) for some in restricted)

    def _lack(self, workers: dict[str, dict[str, Any]]) -> str:
        if not workers:
            return ALONE
        if self.device == "cuda" and not any(w["resources"].get(GPU) for w in workers.values()):
            return 'no worker declares a GPU (dask worker --resources "GPU=1")'
        return ""
