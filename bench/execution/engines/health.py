"""Notices that a cluster has come to a halt, which Dask itself bears in silence."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

from bench.base.errors import RunError
from bench.execution.engines.connection import Connection
from bench.execution.engines.remote import GPU

LOOK = 5.0  # seconds between two looks
ALONE = "no worker is there"
PATIENCE = 60.0  # seconds that all workers may have no memory left before that is the end


class Health:
    """Looks at the workers of a cluster now and then.

    Parameters
    ----------
    connection : Connection
    device : str
        ``cuda``: it needs a worker that has a GPU.
    say : callable
        Told in one line what people should know.
    """

    def __init__(self, connection: Connection, device: str, say: Callable[[str], None]) -> None:
        self.connection = connection
        self.device = device
        self.say = say
        self.looked = self.well = time.monotonic()
        self.lack = ALONE  # as people were told, if it is so at first

    def look(self, restricted: list[list[str]]) -> bool:
        """See whether anybody is at work, if it is time for that.

        Parameters
        ----------
        restricted : list of list of str
            Addresses of the only workers that may do some tasks.

        Returns
        -------
        bool
            False if for some of these none is left.

        Raises
        ------
        bench.base.errors.RunError
            If no worker takes tasks any more, for want of memory.
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
        elif now - self.well > PATIENCE:
            raise RunError(
                "no worker has memory left for a task (Dask paused all of them): start some with "
                "more, --memory-limit; what was done is kept, and the same command goes on from "
                "there"
            )
        return all(workers.keys() & set(some) for some in restricted)

    def _lack(self, workers: dict[str, dict[str, Any]]) -> str:
        if not workers:
            return ALONE
        if self.device == "cuda" and not any(w["resources"].get(GPU) for w in workers.values()):
            return 'no worker says that it has a GPU (dask worker --resources "GPU=1")'
        return ""
