"""Small data sets, and where the real ones are."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import HealthCheck, settings
from PIL import Image

import bench
from bench.base.errors import UsageError
from bench.contracts.material import make_images
from bench.datasets.dataset import load

ROOT = Path(__file__).resolve().parents[1]
DIGITS = ("--dataset", "digits")
# The least grid: one cell, eight tasks.
SMALL = [
    *("--models", "pixels", "--reducers", "pca5", "--seeds", "1", "--no-null", "--no-baselines"),
    *DIGITS,
]
# Seconds after which a process is taken to hang; far more than any needs on a busy machine.
HANGING = 900
SCENES = Path(os.environ.get("LATENTGRID_SCENES", ROOT.parent / "shared" / "data" / "scenes"))


def pytest_ignore_collect(collection_path: Path, config: pytest.Config) -> bool | None:
    """Time nothing unless asked to, and nothing else then."""
    only = config.getoption("benchmark_only", False)  # missing where pytest-codspeed measures
    asked = only or any("benchmarks" in a for a in config.args)
    timed = "benchmarks" in collection_path.relative_to(ROOT).parts
    if collection_path.suffix == ".py" and timed != bool(asked):
        return True
    return None


# No example fails since the machine is busy.
settings.register_profile(
    "busy", deadline=None, suppress_health_check=[HealthCheck.too_slow], print_blob=True
)
settings.load_profile("busy")


# Files whose tests share what a fixture of the module, or a cache of the process, has made.
SHARED = {
    path.name for path in Path(__file__).parent.glob("*.py") if 'scope="module"' in path.read_text()
}
SHARED.add("test_contracts.py")


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Any:
    """Have the tests of such a file done by one worker, and all others by any."""
    from xdist.scheduler import LoadScopeScheduling

    class ByFile(LoadScopeScheduling):
        def _split_scope(self, nodeid: str) -> str:
            file = nodeid.partition("::")[0]
            return file if Path(file).name in SHARED else nodeid

    return ByFile(config, log)


@pytest.fixture
def npy_folder(tmp_path):
    """A folder in the homework's form: 120 labeled images and 20 for validation."""
    folder = tmp_path / "npy"
    folder.mkdir()
    for name, count, seed in (("train", 120, 0), ("val", 20, 1)):
        images, labels = make_images(count, seed)
        np.save(folder / f"{name}X.npy", images)
        np.save(folder / f"{name}Y.npy", labels)
    return folder


@pytest.fixture
def image_folder(tmp_path):
    """A folder with two sub-folders of ten images each, of several formats and sizes."""
    folder = tmp_path / "images"
    images, labels = make_images(20)
    for i, (image, label) in enumerate(zip(images, labels, strict=True)):
        place = folder / ("dark", "bright")[label]
        place.mkdir(parents=True, exist_ok=True)
        suffix = ("png", "jpg", "bmp")[i % 3]
        Image.fromarray(image).resize((40 + i, 50)).save(place / f"{i:02d}.{suffix}")
    return folder


@pytest.fixture
def scenes():
    """The folder of the scenes set, which is not part of the project."""
    if not (SCENES / "trainX.npy").is_file():
        pytest.skip(f"the scenes set is not at {SCENES} (LATENTGRID_SCENES names another place)")
    return SCENES


@pytest.fixture(scope="session")
def page_grid(tmp_path_factory):
    """The folder of a grid on image files, which the tests of its page share."""
    from tests.pages import grid_of_files

    folder = tmp_path_factory.mktemp("page")
    grid_of_files(folder)
    return folder


def run_module(module: str, *arguments: object, cwd: Path) -> subprocess.CompletedProcess[str]:
    """Run ``python -m MODULE`` in a folder, but in this process; see `run_process`."""
    from tests.inside import run

    return run(module, *arguments, cwd=cwd)


def on_digits(arguments: tuple[object, ...]) -> list[str]:
    """Return a grid's arguments, with digits as its data unless they say what it is on."""
    words = list(map(str, arguments))
    return words if {"--dataset", "--config", "--preset"} & {*words} else [*words, *DIGITS]


def run_grid(folder: Path, *arguments: object) -> subprocess.CompletedProcess[str]:
    """Run ``python -m bench.grid`` in a folder, on digits, all of it in this process."""
    return run_module("bench.grid", *on_digits(arguments), cwd=folder)


def run_python(**settings: Any) -> pd.DataFrame:
    """Run `bench.run_grid`, on digits, with all its tasks in this process."""
    from tests.inside import no_worker, restored

    if not {"config", "preset"} & {*settings}:
        settings = {"dataset": "digits"} | settings
    with restored(), no_worker():
        return bench.run_grid(**settings)


def run_process(
    module: str, *arguments: object, cwd: Path, **options: Any
) -> subprocess.CompletedProcess[str]:
    """Run ``python -m MODULE`` in a folder and in a process of its own, as a user would."""
    # A build server may set it, and hide that something is not flushed.
    plain = {name: value for name, value in os.environ.items() if name != "PYTHONUNBUFFERED"}
    return subprocess.run(
        [sys.executable, "-m", module, *map(str, arguments)],
        cwd=cwd,
        env=plain | {"PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        timeout=HANGING,
        stdin=subprocess.DEVNULL,
        **options,
    )


def run_grid_process(
    folder: Path, *arguments: object, **options: Any
) -> subprocess.CompletedProcess[str]:
    """Run ``python -m bench.grid`` in a folder, on digits, in its own process and a worker's."""
    return run_process("bench.grid", *on_digits(arguments), cwd=folder, **options)


@pytest.fixture
def command(tmp_path):
    """Run the main command in this process, in an empty folder unless told otherwise."""
    return lambda *arguments, cwd=tmp_path: run_grid(cwd, *arguments)


@pytest.fixture
def process(tmp_path):
    """Run the main command in a process of its own, in an empty folder."""
    return lambda *arguments, cwd=tmp_path: run_grid_process(cwd, *arguments)


@pytest.fixture(scope="module")
def browser():
    """A browser for one module: its event loop would disturb tests of others."""
    from tests.browser import launched

    with launched() as running:
        yield running


def refused(spec: str, message: str, **settings: object) -> None:
    """Assert that a data set is refused with a message that holds these words."""
    with pytest.raises(UsageError) as error:
        load(spec, **settings)
    assert message in str(error.value)


def without_progress(said: str) -> str:
    """Return what a command said on standard error but for its lines of progress.

    There is such a line every ten seconds where there is no terminal, and so on a busy machine.
    """
    lines = said.splitlines(keepends=True)
    return "".join(line for line in lines if not re.match(r"grid, [\d,]+ of [\d,]+ tasks", line))
