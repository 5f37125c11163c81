"""Races that are run once for all their rivals."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from bench.base.stopwatch import synchronize
from tests.benchmarks.machine import matrix_product
from tests.benchmarks.race import Laps, Rival, race


@pytest.fixture(scope="session")
def times() -> Callable[..., Laps]:
    """A rival's laps in a race that is run when it is first asked for."""
    held: dict[str, dict[str, Laps]] = {}

    def of(
        group: str,
        name: str,
        rivals: Callable[[], list[Rival]],
        rounds: int,
        device: str = "cpu",
        warm_up: bool = True,
    ) -> Laps:
        if group not in held:
            held[group] = race(
                rivals(), matrix_product(device), rounds, lambda: synchronize(device), warm_up
            )
        return held[group][name]

    return of


@pytest.fixture
def enough(benchmark: Any) -> Callable[[int], int]:
    """Return how many rounds or batches: as many as asked for, and one where nothing is timed."""
    return lambda wanted: 1 if benchmark.disabled else wanted
