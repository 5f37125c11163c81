"""Rivals timed in turns, so that a machine's bad minute hits all of them.

pytest-benchmark times one test to its end before the next. Here all rivals of a group run in
turns beforehand, and each test then hands its rival's times over: its clock is one that stands
still but for what was measured.
"""

from __future__ import annotations

import gc
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

# Does the work that is timed.
Work = Callable[[], object]


@dataclass(frozen=True)
class Rival:
    """Somebody in a race.

    Attributes
    ----------
    name : str
    prepare : callable
        Everything that is not timed, anew for every round; returns the work.
    facts : dict
        What `extra_info` says of this rival alone.
    """

    name: str
    prepare: Callable[[], Work]
    facts: dict[str, Any] = field(default_factory=dict)


def race(
    rivals: list[Rival], rounds: int, wait: Callable[[], None] = lambda: None
) -> dict[str, list[float]]:
    """Time rivals in turns, each turn begun by another; return seconds by name.

    Parameters
    ----------
    rivals : list of Rival
    rounds : int
        After one that is not counted.
    wait : callable
        Returns when the device has done what it was given.
    """
    seconds: dict[str, list[float]] = {rival.name: [] for rival in rivals}
    for rival in rivals:
        rival.prepare()()
    for number in range(rounds):
        first = number % len(rivals)
        for rival in rivals[first:] + rivals[:first]:
            work = rival.prepare()
            gc.collect()
            wait()
            start = time.perf_counter()
            work()
            wait()
            seconds[rival.name].append(time.perf_counter() - start)
    return seconds


_now = 0.0


def recorded_clock() -> float:
    """Return the time on the clock that `replay` moves on."""
    return _now


def replay(benchmark: Any, seconds: list[float]) -> None:
    """Hand times over to pytest-benchmark, of which the test's timer is `recorded_clock`."""
    rounds = iter(seconds)

    def play() -> None:
        global _now
        _now += next(rounds)

    benchmark.pedantic(play, rounds=len(seconds), iterations=1)
