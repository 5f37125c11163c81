"""What the harness itself costs: starting, planning, and nothing at all."""

from __future__ import annotations

import subprocess
import sys
from typing import Any

import pytest

from bench.planning.plan import plan
from bench.planning.settings import resolve
from bench.session.session import Session
from tests.benchmarks.machine import describe
from tests.conftest import ROOT

CHAINS = ",".join(f"pca{n}" for n in range(1, 26))


def test_noop(benchmark: Any) -> None:
    """What the suite itself adds to a time."""
    benchmark.group = "harness"
    benchmark.extra_info |= describe("cpu", "float32")
    benchmark.pedantic(lambda: None, rounds=100)


def test_plan_of_10000_cells(benchmark: Any, enough: Any) -> None:
    benchmark.group = "harness"
    models = "pixels,untrained-cnn,untrained-dnn,cnn,dnn"
    settings = {"models": models, "reducers": CHAINS, "seeds": enough(80), "baselines": False}
    (ready,) = Session(resolve(settings)).grids
    made = benchmark.pedantic(plan, (ready.settings, ready.dataset), rounds=enough(3))
    assert len(made.runs) == 5 * 25 * ready.settings.seeds
    benchmark.extra_info |= describe("cpu", "float32") | {"cells": len(made.runs)}


@pytest.mark.parametrize(
    "arguments",
    [
        pytest.param(("-c", "pass"), id="python"),
        pytest.param(("-m", "bench.grid", "--help"), id="help"),
    ],
)
def test_start(benchmark: Any, enough: Any, arguments: tuple[str, ...]) -> None:
    benchmark.group = "harness"
    benchmark.extra_info |= describe("cpu", "float32")
    command = [sys.executable, *arguments]
    benchmark.pedantic(
        lambda: subprocess.run(command, cwd=ROOT, capture_output=True, check=True),
        rounds=enough(5),
        warmup_rounds=1,
    )
