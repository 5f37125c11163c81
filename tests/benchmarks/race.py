"""Rivals timed in turns, so that a machine's bad minute hits all of them.

pytest-benchmark times one test to its end before the next. Here all rivals of a group run in
turns beforehand, in an order that is drawn anew for every round, and each test then hands its
rival's times over: its clock is one that stands still but for what was measured. A control, which
is always the same work, takes its turn in every round and says how fast the machine was then.
"""

from __future__ import annotations

import gc
import random
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import torch
from threadpoolctl import threadpool_limits

from bench.report.speed import AGAIN, CONTROL

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


@dataclass(frozen=True)
class Laps:
    """What a race measured of one rival, in seconds, a time for each round.

    Or, where another program measures, no times, and how to make the rival's work ready.
    """

    seconds: list[float]
    control: list[float]
    prepare: Callable[[], Work] | None = None


def race(
    rivals: list[Rival],
    control: Work,
    rounds: int,
    wait: Callable[[], None] = lambda: None,
    warm_up: bool = True,
    seed: int = 0,
) -> dict[str, Laps]:
    """Time rivals and a control in turns by one thread; return what was measured by name.

    Parameters
    ----------
    rivals : list of Rival
    control : callable
        Work that says how fast the machine is.
    rounds : int
    wait : callable
        Returns when the device has done what it was given.
    warm_up : bool
        Have a round beforehand that is not counted.
    seed : int
        Of the order of turns.
    """
    turns = [*rivals, Rival(CONTROL, lambda: control)]
    seconds: dict[str, list[float]] = {rival.name: [] for rival in turns}
    draw = random.Random(seed)
    with _little_to_collect():
        for number in range(-1 if warm_up else 0, rounds):
            draw.shuffle(turns)
            for rival in turns:
                # For each anew: libraries that a rival calls set threads back.
                torch.set_num_threads(THREADS)
                with threadpool_limits(THREADS):
                    taken = _time(rival.prepare(), wait)
                if number >= 0:
                    seconds[rival.name].append(taken)
    return {rival.name: Laps(seconds[rival.name], seconds[CONTROL]) for rival in rivals}


@contextmanager
def _little_to_collect() -> Iterator[None]:
    """Leave what there is to no garbage collection: one before each turn takes 0.3 s else."""
    gc.collect()
    gc.freeze()
    try:
        yield
    finally:
        gc.unfreeze()


def _time(work: Work, wait: Callable[[], None]) -> float:
    gc.collect()
    wait()
    start = time.perf_counter()
    work()
    wait()
    return time.perf_counter() - start


def against(name: str, usual: str) -> str:
    """Return whom a rival is held against: the usual one, or the one whose work it repeats."""
    return name.removesuffix(AGAIN) if name.endswith(AGAIN) else usual


_now = 0.0


def recorded_clock() -> float:
    """Return the time on the clock that `replay` moves on."""
    return _now


def replay(benchmark: Any, laps: Laps) -> None:
    """Hand times over to pytest-benchmark, of which the test's timer is `recorded_clock`.

    pytest-codspeed measures by itself, and is given the work.
    """
    if laps.prepare is not None:
        benchmark.pedantic(lambda work: work(), setup=lambda: ((laps.prepare(),), {}), rounds=3)
        return
    rounds = iter(laps.seconds)
    benchmark.extra_info[CONTROL] = laps.control

    def play() -> None:
        global _now
        _now += next(rounds)

    benchmark.pedantic(play, rounds=len(laps.seconds), iterations=1)
