"""Which task of a Dask worker has which of its GPUs."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager


class Gpus:
    """GPUs to borrow, by number."""

    def __init__(self) -> None:
        self.lent: set[int] = set()
        self.lock = threading.Lock()

    @contextmanager
    def lend(self, count: int) -> Iterator[int | None]:
        """Lend the first free one of so many; None where there is none.

        Dask hands out no more tasks for GPUs than a worker said that it has.
        """
        with self.lock:
            number = min(set(range(count)) - self.lent, default=None)
            if number is not None:
                self.lent.add(number)
        try:
            yield number
        finally:
            with self.lock:
                self.lent.discard(-1 if number is None else number)
