"""Races that are run once for all their rivals."""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Any

import pytest

from bench.base.stopwatch import synchronize
from tests.benchmarks.machine import matrix_product
from tests.benchmarks.race import Laps, Rival, race


def measured_by_codspeed(config: pytest.Config) -> bool:
    """Tell whether pytest-codspeed measures, in place of a race and pytest-benchmark."""
    return bool(config.getoption("--codspeed", False)) or "CODSPEED_ENV" in os.environ


def pytest_itemcollected(item: pytest.Item) -> None:
    """Give tests a mark of pytest-codspeed, which refuses those of pytest-benchmark."""
    if measured_by_codspeed(item.config):
        item.add_marker("codspeed_benchmark")


@pytest.fixture(scope="session")
def codspeed(pytestconfig: pytest.Config) -> bool:
    return measured_by_codspeed(pytestconfig)


@pytest.fixture
def benchmark(benchmark: Any, codspeed: bool) -> Any:
    """Return the plugin's own fixture, with what pytest-benchmark's alone says of itself."""
    if codspeed:
        benchmark.disabled = False
    return benchmark


@pytest.fixture(scope="session")
def times(codspeed: bool) -> Callable[..., Laps]:
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
        if codspeed:
            (prepare,) = (rival.prepare for rival in rivals() if rival.name == name)
            return Laps([], [], prepare)
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
