"""The time that a budget leaves."""

from __future__ import annotations

import time

from bench.base.times import duration


class Clock:
    """Measures repetitions, and says whether there is time for another.

    Parameters
    ----------
    budget : float
        Seconds, from now on.
    """

    def __init__(self, budget: float) -> None:
        self.budget = budget
        self.start = self.last = time.monotonic()
        self.longest = 0.0

    def another(self) -> bool:
        """Take note that a repetition has ended; return whether one as long as any would fit."""
        now = time.monotonic()
        self.longest = max(self.longest, now - self.last)
        self.last = now
        return now - self.start + self.longest <= self.budget

    def note(self, done: int, wanted: int) -> str:
        """Say how many repetitions there was time for."""
        return (
            f"{done} of {wanted} seeds: the budget of {duration(self.budget)} had no room for "
            "another; the same command continues from there with the same time again."
        )
