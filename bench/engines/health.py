"""Notices that a cluster has come to a halt, which Dask itself bears in silence."""

from __future__ import annotations

import time
from collections.abc import Callable

from bench.engines.connection import Connection
from bench.errors import RunError

LOOK = 5.0  # seconds between two looks
PATIENCE = 60.0  # seconds that all workers may have no memory left before that is the end


class Health:
    """Looks at the workers of a cluster now and then.

    Parameters
    ----------
    connection : Connection
    say : callable
        Told in one line what people should know.
    """

    def __init__(self, connection: Connection, say: Callable[[str], None]) -> None:
        self.connection = connection
        self.say = say
        self.looked = self.well = time.monotonic()
        self.alone = True  # as people were told, if it is so at first

    def look(self) -> None:
        """See whether anybody is at work, if it is time for that.

        Raises
        ------
        bench.errors.RunError
            If no worker takes tasks any more, for want of memory.
        """
        now = time.monotonic()
        if now - self.looked < LOOK:
            return
        self.looked = now
        workers = self.connection.workers()
        if not workers and not self.alone:
            self.say("no worker is left; waiting for one")
        self.alone = not workers
        if not workers or any(known["status"] != "paused" for known in workers.values()):
            self.well = now
        elif now - self.well > PATIENCE:
            raise RunError(
                "no worker has memory left for a task (Dask paused all of them): start some with "
                "more, --memory-limit; what was done is kept, and the same command goes on from "
                "there"
            )
