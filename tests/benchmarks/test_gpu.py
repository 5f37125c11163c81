"""The homework's training on a GPU: `make bench-gpu`, about four minutes.

Times only what was shown to be right: the core's losses follow the plain loop's first. Without a
GPU nothing is timed, and ``--benchmark-disable`` runs the same code on the CPU with few images.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch

from bench.datasets.dataset import load
from bench.report.speed import AGAIN
from bench.stages.training import core
from tests.benchmarks import eager, naive
from tests.benchmarks.machine import describe, training_flops
from tests.benchmarks.race import Rival, Work, against, recorded_clock, replay
from tests.benchmarks.test_training import BATCH, MODELS, REPORTS, SHAPE
from tests.benchmarks.together import train_together
from tests.conftest import SCENES, make_images

DEVICE = torch.device("cuda" if torch.cuda.is_available() else "cpu")
ON_GPU = DEVICE.type == "cuda"
IMAGES = 8500 if ON_GPU else 70
EPOCHS = 100 if ON_GPU else 1
RACE_EPOCHS = {"cnn": 1, "dnn": 4} if ON_GPU else {"cnn": 1, "dnn": 1}  # some tenths of a second
TOGETHER = 8 if ON_GPU else 2
TOGETHER_EPOCHS = 3 if ON_GPU else 1  # the rate is what counts
RIVALS = ("naive", "eager", "core", "core" + AGAIN)

pytestmark = [pytest.mark.gpu, pytest.mark.benchmark(timer=recorded_clock)]


@pytest.fixture(autouse=True)
def gpu_where_timed(benchmark: Any) -> None:
    if not (ON_GPU or benchmark.disabled):
        pytest.skip("needs an NVIDIA GPU")


@functools.cache
def images() -> np.ndarray:
    """The scenes set where it is; arithmetic takes the same time on any images."""
    if (SCENES / "trainX.npy").is_file():
        return load(f"npy:{SCENES}", clusters=2).images[:IMAGES]
    return make_images(IMAGES)[0]


def trainer(model: str, seed: int, epochs: int) -> core.Trainer:
    network = core.build(MODELS[model], SHAPE, seed).to(DEVICE)
    return core.Trainer(
        network, core.to_device(images(), DEVICE), core.Recipe(epochs, 1e-5, BATCH), seed
    )


def prepare(rival: str, model: str, epochs: int) -> Work:
    recipe = core.Recipe(epochs, 1e-5, BATCH)
    if rival in ("core", "core" + AGAIN):
        return trainer(model, 1, epochs).run
    network = core.build(MODELS[model], SHAPE, 1).to(DEVICE)
    if rival == "naive":
        loader = naive.load(images(), BATCH, seed=1)
        return lambda: naive.train(network, loader, recipe)
    scaled = core.normalize(core.to_device(images(), DEVICE))
    return lambda: eager.train(network, scaled, recipe, 1)


@pytest.fixture(scope="session")
def follows() -> Callable[[str, str], None]:
    """Assert once that the core's losses are the plain loop's."""

    @functools.cache
    def check(model: str, precision: str) -> None:
        core.set_precision(precision)
        recipe = core.Recipe(3, 1e-5, BATCH)
        some = images()[:512]
        plain = core.build(MODELS[model], SHAPE, 1).to(DEVICE)
        expected = naive.train(plain, naive.load(some, BATCH, seed=2), recipe)
        network = core.build(MODELS[model], SHAPE, 1).to(DEVICE)
        found = core.train(network, core.to_device(some, DEVICE), recipe, 2)
        np.testing.assert_allclose(found, expected, rtol=1e-2 if precision == "tf32" else 1e-3)

    return check


@pytest.fixture
def run(benchmark: Any, times: Any, enough: Any, follows: Any) -> Callable[..., None]:
    """Time a rival among others, and say what was timed."""

    def timed(
        work: str, rival: str, rivals: dict[str, Callable[[], Work]], model: str, precision: str,
        rounds: int, trained: int, warm_up: bool = True, versus: str | None = None,
    ) -> None:  # fmt: skip
        follows(model, precision)
        core.set_precision(precision)
        benchmark.group = f"{work} of {IMAGES:,}, {precision}"

        def ready() -> list[Rival]:
            return [Rival(name, make) for name, make in rivals.items()]

        group, device = benchmark.group, DEVICE.type
        replay(benchmark, times(group, rival, ready, enough(rounds), device, ON_GPU and warm_up))
        benchmark.extra_info |= describe(device, precision) | {
            "rival": rival,
            "against": versus,
            "batch": BATCH,
            "images": IMAGES,
            "processed": trained,
            "flops": trained * training_flops(MODELS[model], SHAPE),
        }

    return timed


# The first varies fastest: the rivals of a race come one after another, which an end before the
# last test leaves with their ratios.
every_rival = pytest.mark.parametrize("rival", RIVALS)
every_model = pytest.mark.parametrize("model", REPORTS)
every_precision = pytest.mark.parametrize("precision", ["float32", "tf32"])


@every_rival
@every_model
@every_precision
def test_epochs(run: Any, rival: str, model: str, precision: str) -> None:
    """Rivals in turns, an epoch or some each."""
    epochs = RACE_EPOCHS[model]
    rivals = {name: functools.partial(prepare, name, model, epochs) for name in RIVALS}
    run(
        f"train {model}, {epochs} epochs", rival, rivals, model, precision,
        5, epochs * IMAGES, versus=against(rival, "naive"),
    )  # fmt: skip


@every_model
@every_precision
def test_the_homework(run: Any, model: str, precision: str) -> None:
    """The whole training, 100 epochs; recording a step is outside the clock."""
    rivals = {"core": lambda: trainer(model, 1, EPOCHS).run}
    run(
        f"train {model}, {EPOCHS} epochs", "core", rivals, model, precision,
        1, EPOCHS * IMAGES, warm_up=False,
    )  # fmt: skip


@every_model
@every_precision
def test_together(run: Any, model: str, precision: str) -> None:
    """Eight seeds at once."""

    def ready() -> Work:
        trainers = [trainer(model, seed, TOGETHER_EPOCHS) for seed in range(TOGETHER)]
        return lambda: train_together(trainers)

    run(
        f"train {TOGETHER} × {model}, {TOGETHER_EPOCHS} epochs", "core", {"core": ready},
        model, precision, 2, TOGETHER * TOGETHER_EPOCHS * IMAGES, warm_up=False,
    )  # fmt: skip
