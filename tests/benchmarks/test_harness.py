"""What the harness itself costs: starting, planning, and a whole grid beside a plain script."""

from __future__ import annotations

import functools
import subprocess
import sys
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import pytest

from bench.planning.plan import plan
from bench.report.speed import AGAIN, CONTROL
from tests.benchmarks import plain_grid
from tests.benchmarks.machine import describe
from tests.benchmarks.planning import PIPELINES, session
from tests.benchmarks.race import Rival, Work, against, recorded_clock, replay
from tests.conftest import ROOT, make_images

pytestmark = pytest.mark.benchmark(timer=recorded_clock)

STARTS = {
    "python": ("-c", "pass"),
    "python" + AGAIN: ("-c", "pass"),
    "help": ("-m", "bench.grid", "--help"),
}
IMAGES = 160


@pytest.fixture
def run(benchmark: Any, times: Any, enough: Any) -> Any:
    """Time a rival among others, and say what was timed."""

    def timed(
        group: str, rivals: dict[str, Any], name: str, versus: str, rounds: int, **facts: Any
    ) -> None:
        benchmark.group = group
        warm_up = facts.pop("warm_up", True)

        def ready() -> list[Rival]:
            return [Rival(rival, prepare) for rival, prepare in rivals.items()]

        replay(benchmark, times(group, name, ready, enough(rounds), warm_up=warm_up))
        benchmark.extra_info |= describe("cpu", "float32") | facts
        benchmark.extra_info |= {"rival": name, "against": against(name, versus)}

    return timed


def python(*arguments: str) -> Work:
    command = [sys.executable, *arguments]
    return lambda: subprocess.run(command, cwd=ROOT, capture_output=True, check=True)


def test_plan_of_10000_cells(run: Any, enough: Any) -> None:
    (ready,) = session(enough(80)).grids
    rival = {"plan": lambda: functools.partial(plan, ready.settings, ready.dataset)}
    cells = PIPELINES * enough(80)
    assert len(plan(ready.settings, ready.dataset).runs) == cells  # and it is warm
    run("plan 10,000 cells", rival, "plan", CONTROL, 2, cells=cells, warm_up=False)


@pytest.mark.parametrize("name", STARTS)
def test_start(run: Any, name: str) -> None:
    rivals = {each: functools.partial(python, *given) for each, given in STARTS.items()}
    run("start", rivals, name, "python", 5)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Images and labels as the homework's files have them."""
    found = tmp_path_factory.mktemp("images")
    for name, array in zip(("trainX", "trainY"), make_images(IMAGES), strict=True):
        np.save(found / f"{name}.npy", array)
    return found


def plainly(folder: Path) -> Work:
    return python("-m", "tests.benchmarks.plain_grid", str(folder))


def by_the_grid(folder: Path) -> Work:
    options = [f"--{name}={value}" for name, value in plain_grid.SETTINGS.items()]

    def work() -> None:
        with TemporaryDirectory() as out:
            python(
                "-m", "bench.grid", f"--dataset=npy:{folder}", f"--out={out}/results",
                f"--store={out}/store", "--no-baselines", "--no-null", *options,
            )()  # fmt: skip

    return work


@pytest.mark.parametrize("name", ["plain-script", "grid"])
def test_whole_grid(request: Any, benchmark: Any, run: Any, name: str) -> None:
    """From an empty store, by all processors; once, since it takes long."""
    if benchmark.disabled:
        pytest.skip("takes a minute, and has nothing to show but its time")
    folder = request.getfixturevalue("folder")
    rivals = {
        "plain-script": functools.partial(plainly, folder),
        "grid": functools.partial(by_the_grid, folder),
    }
    run("a small grid", rivals, name, "plain-script", 1, images=IMAGES, warm_up=False)
