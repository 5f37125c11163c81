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

import torch
from threadpoolctl import threadpool_limits

# Two threads of a shared machine wait for each other more than they work.
THREADS = 1

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
    rivals: list[Rival],
    rounds: int,
    wait: Callable[[], None] = lambda: None,
    warm_up: bool = True,
) -> dict[str, list[float]]:
    """Time rivals in turns by one thread, each turn begun by another; return seconds by name.

    Parameters
    ----------
    rivals : list of Rival
    rounds : int
    wait : callable
        Returns when the device has done what it was given.
    warm_up : bool
        Have a round beforehand that is not counted.
    """
    seconds: dict[str, list[float]] = {rival.name: [] for rival in rivals}
    for number in range(-1 if warm_up else 0, rounds):
        first = number % len(rivals)
        for rival in rivals[first:] + rivals[:first]:
            # For each anew: libraries that a rival calls set threads back.
            torch.set_num_threads(THREADS)
            with threadpool_limits(THREADS):
                taken = _time(rival.prepare(), wait)
            if number >= 0:
                seconds[rival.name].append(taken)
    return seconds


def _time(work: Work, wait: Callable[[], None]) -> float:
    gc.collect()
    wait()
    start = time.perf_counter()
    work()
    wait()
    return time.perf_counter() - start


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
