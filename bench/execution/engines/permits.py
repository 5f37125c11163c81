"""Which task of a Dask worker has how many of its processors."""

from __future__ import annotations

import threading
from collections import deque


class Permits:
    """So many processors, lent in the order in which they are asked for.

    Not one of Dask's resources: a worker there starts no task behind one that has to wait for its
    resource, and so none on the CPU behind one that waits for a GPU.

    Parameters
    ----------
    count : int
    """

    def __init__(self, count: int) -> None:
        self.count = self.free = count
        self.queue: deque[Loan] = deque()
        self.changed = threading.Condition()

    def lend(self, wanted: int) -> Loan:
        """Return a context that waits for so many processors, or for all if there are fewer."""
        return Loan(self, min(wanted, self.count))


class Loan:
    """Processors for a while; a context."""

    def __init__(self, permits: Permits, held: int) -> None:
        self.permits = permits
        self.held = held

    def __enter__(self) -> Loan:
        """Wait until it is this one's turn, and enough are free."""
        permits = self.permits
        with permits.changed:
            permits.queue.append(self)
            permits.changed.wait_for(lambda: permits.queue[0] is self and permits.free >= self.held)
            permits.queue.popleft()
            permits.free -= self.held
            permits.changed.notify_all()
        return self

    def __exit__(self, *raised: object) -> None:
        """Give them back."""
        self.give_back()

    def give_back(self) -> None:
        """Let others have them, early perhaps."""
        with self.permits.changed:
            self.permits.free += self.held
            self.held = 0
            self.permits.changed.notify_all()
