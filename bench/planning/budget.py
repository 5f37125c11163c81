"""A grid within a time, which is divided between epochs and seeds.

The rule: all seeds with all epochs, if there is time. Else fewer epochs, down to a quarter of those
asked for; then fewer seeds, down to two; and then fewer epochs again. A quarter of the epochs comes
first because half-trained models say little of trained ones, and two seeds because one says nothing
of the spread.

The epochs are chosen by an estimate before training, and kept in the store, so that the same
command continues with them. During the run, time is measured: after the first seed of all pipelines
come as many others as there is time for. So all pipelines have the same recipe and the same seeds,
whatever the budget.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import NamedTuple

from bench.base.times import duration
from bench.store import DamagedError, Store

STAGE = "budget"
_STEPS = (10, 12, 14, 16, 18, 20, 25, 30, 35, 40, 45, 50, 60, 70, 80, 90)
# Numbers of epochs that are chosen: estimates are good to a quarter at best.
EPOCHS = (*range(1, 10), *(step * 10**power for power in range(4) for step in _STEPS))
PLANNED = 0.8  # of the budget, for what is estimated
LAST_START = 0.9  # of the budget: a seed has to end before, since the report comes after it
LEAST_EPOCHS, FEWEST_SEEDS = 0.25, 2  # a share of those asked for; seeds


class Work(NamedTuple):
    """An estimate of a grid, in seconds."""

    total: float  # of all tasks
    longest: float  # of the longest, which no other worker can help with

    def wall_clock(self, seeds: int, at_once: int) -> float:
        """Return the time that it takes, first a seed and then the rest, with so many at once."""
        return max(self.total / at_once, min(seeds, 2) * self.longest)


def split(
    budget: float,
    epochs: int,
    seeds: int,
    estimate: Callable[[int, int], Work],
    at_once: int = 1,
) -> tuple[int, int]:
    """Return the epochs, and the seeds for which there should be time with so many.

    Parameters
    ----------
    budget : float
        Seconds.
    epochs, seeds : int
        Those asked for.
    estimate : callable
        Epochs and seeds to the work of the whole grid. It is linear in each, nearly.
    at_once : int
        Tasks that are done at the same time.
    """
    few = min(FEWEST_SEEDS, seeds)
    known = {(e, s): estimate(e, s) for e in (1, 2) for s in {few, seeds}}

    def seconds(e: int, s: int) -> float:
        least, greatest = (_line(known[1, n], known[2, n], e - 1) for n in (few, seeds))
        return _line(least, greatest, (s - few) / max(seeds - few, 1)).wall_clock(s, at_once)

    def most(s: int) -> int:
        tried = [count for count in EPOCHS if count < epochs] + [epochs]
        return max((e for e in tried if seconds(e, s) <= PLANNED * budget), default=0)

    least = LEAST_EPOCHS * epochs
    for s in range(seeds, few, -1):
        if most(s) >= least:
            return most(s), s
    saved = seconds(epochs, few) - seconds(1, few)
    return (most(few) or 1 if saved > 0.01 * budget else epochs), few


def _line(first: Work, second: Work, at: float) -> Work:
    return Work(*(a + (b - a) * at for a, b in zip(first, second, strict=True)))


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
    """Measures what was spent of a budget, in seconds; ``spent`` was before."""

    def __init__(self, budget: float, spent: float = 0.0) -> None:
        self.budget = budget
        self.start = time.monotonic() - spent

    def has(self, expected: float) -> bool:
        """Return whether seeds that are expected to take so many seconds would end in time."""
        return time.monotonic() - self.start + expected <= LAST_START * self.budget

    def note(self, done: int, wanted: int) -> str:
        """Return in words how many seeds there was time for."""
        return (
            f"{done} of {wanted} seeds finished: the budget of {duration(self.budget)} had no room "
            "for another. The same command continues with the same budget again."
        )
