"""The homework's training on a GPU, whole: `make bench-gpu`.

Times only what was shown to be right: the core's losses follow the plain loop's first.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch

from bench.datasets.dataset import load
from bench.stages.training import core
from tests.benchmarks import eager, naive
from tests.benchmarks.machine import describe, matrix_rate, training_flops
from tests.benchmarks.race import Rival, Work, recorded_clock, replay
from tests.benchmarks.test_training import BATCH, MODELS, REPORTS, SHAPE
from tests.benchmarks.together import train_together
from tests.conftest import SCENES, make_images

pytestmark = [
    pytest.mark.gpu,
    pytest.mark.benchmark(timer=recorded_clock),
    pytest.mark.skipif(not torch.cuda.is_available(), reason="needs an NVIDIA GPU"),
]

IMAGES = 8500
CUDA = torch.device("cuda")
EPOCHS = 100
RACE_EPOCHS = 4  # of each rival, where ratios are taken
TOGETHER = 8
PRECISIONS = ("float32", "tf32")


@functools.cache
def images() -> np.ndarray:
    """The scenes set where it is; arithmetic takes the same time on any images."""
    if (SCENES / "trainX.npy").is_file():
        return load(f"npy:{SCENES}", clusters=2).images[:IMAGES]
    return make_images(IMAGES)[0]


def trainer(model: str, seed: int, epochs: int) -> core.Trainer:
    network = core.build(MODELS[model], SHAPE, seed).to(CUDA)
    return core.Trainer(
        network, core.to_device(images(), CUDA), core.Recipe(epochs, 1e-5, BATCH), seed
    )


def prepare(rival: str, model: str, epochs: int) -> Work:
    recipe = core.Recipe(epochs, 1e-5, BATCH)
    if rival == "core":
        return trainer(model, 1, epochs).run
    network = core.build(MODELS[model], SHAPE, 1).to(CUDA)
    if rival == "naive":
        loader = naive.load(images(), BATCH, seed=1)
        return lambda: naive.train(network, loader, recipe)
    scaled = core.normalize(core.to_device(images(), CUDA))
    return lambda: eager.train(network, scaled, recipe, 1)


@pytest.fixture(scope="session")
def follows() -> Callable[[str, str], None]:
    """Assert once that the core's losses are the plain loop's."""

    @functools.cache
    def check(model: str, precision: str) -> None:
        core.set_precision(precision)
        recipe = core.Recipe(3, 1e-5, BATCH)
        some = images()[:512]
        plain = core.build(MODELS[model], SHAPE, 1).to(CUDA)
        expected = naive.train(plain, naive.load(some, BATCH, seed=2), recipe)
        network = core.build(MODELS[model], SHAPE, 1).to(CUDA)
        found = core.train(network, core.to_device(some, CUDA), recipe, 2)
        np.testing.assert_allclose(found, expected, rtol=1e-2 if precision == "tf32" else 1e-3)

    return check


def note(benchmark: Any, model: str, precision: str, trained: int, **facts: Any) -> None:
    flops = training_flops(MODELS[model], SHAPE)
    benchmark.extra_info |= describe("cuda", precision) | facts
    benchmark.extra_info |= {"batch": BATCH, "images": IMAGES, "flops_per_image": flops}
    if not benchmark.disabled:
        rate = trained / float(np.median(benchmark.stats.stats.data))
        share = rate * flops / matrix_rate("cuda", precision)
        benchmark.extra_info |= {"images_per_second": rate, "share_of_matrix_rate": share}


@pytest.mark.parametrize("precision", PRECISIONS)
@pytest.mark.parametrize("model", REPORTS)
@pytest.mark.parametrize("rival", ["naive", "eager", "core"])
def test_epochs(
    benchmark: Any, times: Any, follows: Any, rival: str, model: str, precision: str
) -> None:
    """Rivals in turns, some epochs each."""
    follows(model, precision)
    core.set_precision(precision)

    def rivals() -> list[Rival]:
        return [
            Rival(name, functools.partial(prepare, name, model, RACE_EPOCHS))
            for name in ("naive", "eager", "core")
        ]

    benchmark.group = f"train {model}, {RACE_EPOCHS} epochs of {IMAGES:,}, {precision}"
    replay(benchmark, times(benchmark.group, rival, rivals, 3, "cuda"))
    note(benchmark, model, precision, RACE_EPOCHS * IMAGES, rival=rival, against="naive")


@pytest.mark.parametrize("precision", PRECISIONS)
@pytest.mark.parametrize("model", REPORTS)
def test_the_homework(benchmark: Any, times: Any, follows: Any, model: str, precision: str) -> None:
    """The whole training, 100 epochs; recording a step is outside the clock."""
    follows(model, precision)
    core.set_precision(precision)
    group = f"train {model}, {EPOCHS} epochs of {IMAGES:,}, {precision}"

    def rivals() -> list[Rival]:
        return [Rival("core", lambda: trainer(model, 1, EPOCHS).run)]

    benchmark.group = group
    replay(benchmark, times(group, "core", rivals, 2, "cuda"))
    note(benchmark, model, precision, EPOCHS * IMAGES)


@pytest.mark.parametrize("precision", PRECISIONS)
@pytest.mark.parametrize("model", REPORTS)
def test_eight_together(
    benchmark: Any, times: Any, follows: Any, model: str, precision: str
) -> None:
    """Eight seeds at once, the whole training of each."""
    follows(model, precision)
    core.set_precision(precision)
    group = f"train {TOGETHER} × {model}, {EPOCHS} epochs of {IMAGES:,}, {precision}"

    def ready() -> Work:
        trainers = [trainer(model, seed, EPOCHS) for seed in range(TOGETHER)]
        return lambda: train_together(trainers)

    benchmark.group = group
    replay(benchmark, times(group, "core", lambda: [Rival("core", ready)], 1, "cuda"))
    note(benchmark, model, precision, TOGETHER * EPOCHS * IMAGES)
