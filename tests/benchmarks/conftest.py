"""One thread, one set of images, and races that are run once for all their rivals."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest
import torch
from threadpoolctl import threadpool_limits

from bench.measure import synchronise
from tests.benchmarks.race import Rival, race


@pytest.fixture(autouse=True, scope="session")
def one_thread() -> Iterator[None]:
    """Two threads of a shared machine wait for each other more than they work."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    with threadpool_limits(1):
        yield
    torch.set_num_threads(threads)


@pytest.fixture(scope="session")
def times() -> Callable[..., list[float]]:
    """A rival's times in a race that is run when it is first asked for."""
    held: dict[str, dict[str, list[float]]] = {}

    def of(
        group: str, name: str, rivals: Callable[[], list[Rival]], rounds: int, device: str = "cpu"
    ) -> list[float]:
        if group not in held:
            held[group] = race(rivals(), rounds, lambda: synchronise(device))
        return held[group][name]

    return of


@pytest.fixture
def enough(benchmark: Any) -> Callable[[int], int]:
    """Return how many rounds or batches: as many as asked for, and one where nothing is timed."""
    return lambda wanted: 1 if benchmark.disabled else wanted
