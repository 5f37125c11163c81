"""A grid within a time: fewer epochs, and fewer seeds if those were estimated wrongly.

The epochs are chosen by an estimate before training, so that all seeds have time. The choice is
kept in the store, so that the same command continues with it. During the run, time is measured: a
seed that would not end in time is not started, for any pipeline. So all pipelines have the same
recipe and the same seeds, whatever the budget.
"""

from __future__ import annotations

import time
from collections.abc import Callable

from bench.base.times import duration
from bench.store import DamagedError, Store

STAGE = "budget"
# Epochs that are tried: estimates are good to a factor of two, which finer steps would hide.
EPOCHS = (1, 2, 3, 5, 8, 12, 20, 30, 50, 80, 120, 200, 300, 500)
SHARE = 0.8  # of the budget that is planned for


def epochs(budget: float, most: int, estimate: Callable[[int], float]) -> int:
    """Return the epochs, from one to the recipe's, for which a grid has time.

    ``estimate`` returns the seconds that the whole grid takes with so many epochs.
    """
    # Estimates are linear in epochs, so two of them give all others.
    one, two = estimate(1), estimate(2)
    tried = [count for count in EPOCHS if count < most] + [most]
    room = [count for count in tried if one + (count - 1) * (two - one) <= SHARE * budget]
    return room[-1] if room else 1


def decided(store: Store, key: str) -> int | None:
    """Return the epochs that were chosen before; None the first time."""
    if (STAGE, key) not in store:
        return None
    try:
        return int(store.load(STAGE, key).values["epochs"])
    except DamagedError:
        store.set_aside(STAGE, key)
        return None


def decide(store: Store, key: str, found: int) -> None:
    """Keep the number of epochs, in a store that can be written to."""
    with store.lock(key):
        if (STAGE, key) not in store:
            store.save(STAGE, key, {}, {"epochs": found}, {})


class Clock:
    """Measures repetitions within a budget, in seconds from now on."""

    def __init__(self, budget: float) -> None:
        self.budget = budget
        self.start = self.last = time.monotonic()
        self.longest = 0.0

    def another(self) -> bool:
        """Record that a repetition has ended; return whether one as long as the longest fits."""
        now = time.monotonic()
        self.longest = max(self.longest, now - self.last)
        self.last = now
        return now - self.start + self.longest <= self.budget

    def note(self, done: int, wanted: int) -> str:
        """Return in words how many repetitions there was time for."""
        return (
            f"{done} of {wanted} seeds finished: the budget of {duration(self.budget)} had no room "
            "for another. The same command continues with the same budget again."
        )
