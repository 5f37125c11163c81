"""The training core against the plain loops, and encoding."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from bench.report.speed import AGAIN
from bench.stages.training import core
from models import autoencoders
from models.autoencoder import Autoencoder
from tests.benchmarks import eager, naive
from tests.benchmarks.machine import (
    describe,
    encoding_flops,
    peak_memory,
    training_bytes,
    training_flops,
)
from tests.benchmarks.race import Rival, Work, against, recorded_clock, replay
from tests.conftest import make_images

pytestmark = pytest.mark.benchmark(timer=recorded_clock)

SHAPE = (3, 32, 32)
BATCH = 64
RECIPE = core.Recipe(epochs=1, lr=1e-5, batch_size=BATCH)
# Of images: a model that stands on the codes of another trains on these.
MODELS = {
    entry.name: entry.item for entry in autoencoders if entry.item.trains and entry.name != "on"
}
REPORTS = ("cnn", "dnn")
LARGER = ("cnn", "dnn", "contrastive", "idec", "masked", "residual")  # at 64 and 96 pixels too
# Batches that fill some tenths of a second, by device and model.
BATCHES = {
    ("cpu", "cnn"): 1,
    ("cpu", "cnn-plain"): 1,
    ("cpu", "dnn"): 4,
    ("cpu", "masked"): 1,
    ("cpu", "residual"): 1,
    ("cuda", "cnn"): 100,
    ("cuda", "dnn"): 200,
}
OTHERS = {"cpu": 2, "cuda": 50}
ROUNDS = 5  # of the report's two models
FEWER = 3  # of the others
# The float32 of a CPU, and both that an NVIDIA GPU has.
PLACES = [("cpu", "float32")]
if torch.cuda.is_available():
    PLACES += [("cuda", "float32"), ("cuda", "tf32")]


def batches(device: str, model: str) -> int:
    """Return how many batches are timed."""
    return BATCHES.get((device, model), OTHERS[device])


def trainers(model: str) -> tuple[str, ...]:
    """Return who trains a model; one of them twice, once for the suite."""
    return ("naive", "eager", "core") + ("core" + AGAIN,) * (model == "dnn")


def encoders(model: str) -> tuple[str, ...]:
    """Return who encodes: the report's two models, since all are encoded in the same way."""
    return ("naive", "core") * (model in REPORTS)


def cases(rivals: Callable[[str], tuple[str, ...]], suffix: str = "") -> list[Any]:
    """Every rival with every model at every place, under the ids that are compared."""
    found = []
    for device, precision in PLACES:
        for model in MODELS:
            for rival in rivals(model):
                name = f"{rival}{suffix}-{model}" + (f"-{precision}" if device == "cuda" else "")
                found.append(pytest.param(rival, model, device, precision, id=name))
    return found


def prepare_training(
    rival: str, model: str, batches: int, device: str, side: int = SHAPE[1]
) -> Work:
    """Make a rival's training ready: fresh weights, images where it wants them."""
    images = make_images(batches * BATCH)[0]
    if side > SHAPE[1]:  # arithmetic takes the same time on any images
        images = np.resize(images, (len(images), side, side, 3))
    network = core.build(MODELS[model], (3, side, side), 1).to(device)
    resident = core.to_device(images, torch.device(device))
    if rival == "naive":
        loader = naive.load(images, BATCH, seed=2)
        return prepared(network, resident, lambda: naive.train(network, loader, RECIPE))
    if rival == "eager":
        scaled = core.normalize(resident)
        return prepared(network, resident, lambda: eager.train(network, scaled, RECIPE, 2))
    return core.Trainer(network, resident, RECIPE, 2).run


def prepared(network: Autoencoder, images: Tensor, work: Work) -> Work:
    """Prepare a model for a training of one epoch, as the core does; the plain loops do not."""

    def both() -> None:
        for done in (0.0, 1.0):
            network.begin_epoch(done, images, lambda: core.codes(network, images))
            if done == 0:
                work()

    return both


def prepare_encoding(rival: str, model: str, batches: int, device: str) -> Work:
    """Make a rival's encoding ready."""
    images = make_images(batches * BATCH)[0]
    network = core.build(MODELS[model], SHAPE, 1).to(device)
    if rival == "naive":
        loader = naive.load(images, BATCH)
        return lambda: naive.encode(network, loader)
    resident = core.to_device(images, torch.device(device))
    return lambda: core.encode(network, resident, BATCH)


def note(
    benchmark: Any,
    case: tuple[str, str, str, str],
    flops: int,
    moved: int | None,
    images: int,
    prepare: Callable[..., Work],
) -> None:
    """Say in `extra_info` what was timed, where, and what share of the machine it used."""
    rival, model, device, precision = case
    benchmark.extra_info |= describe(device, precision) | {
        "rival": rival,
        "against": against(rival, "naive"),
        "batch": BATCH,
        "images": images,
        "processed": images,
        "flops": flops * images,
    }
    if moved is not None:
        benchmark.extra_info["bytes"] = moved * (images // BATCH)
    if (
        not benchmark.disabled and model in REPORTS and "pixels" not in benchmark.group
    ):  # it takes a process of its own
        peak = peak_memory(device, prepare, rival, model, images // BATCH, device)
        benchmark.extra_info["peak_memory_mb"] = peak


@pytest.fixture
def run(benchmark: Any, times: Any, enough: Any) -> Callable[..., None]:
    """Time a case among its rivals, and say what was timed."""

    def timed(
        what: str,
        case: tuple[str, str, str, str],
        names: tuple[str, ...],
        prepare: Callable[..., Work],
        batches: int,
        flops: int,
        moved: int | None = None,
    ) -> None:
        rival, model, device, precision = case
        core.set_precision(precision)
        count = enough(batches)

        def rivals() -> list[Rival]:
            return [
                Rival(name, functools.partial(prepare, name, model, count, device))
                for name in names
            ]

        rounds = ROUNDS if model in REPORTS else FEWER
        benchmark.group = f"{what} {model}, {device} {precision}"
        replay(benchmark, times(benchmark.group, rival, rivals, enough(rounds), device))
        note(benchmark, case, flops, moved, count * BATCH, prepare)

    return timed


@pytest.mark.parametrize(("rival", "model", "device", "precision"), cases(trainers))
def test_training(run: Any, rival: str, model: str, device: str, precision: str) -> None:
    case = (rival, model, device, precision)
    flops = training_flops(MODELS[model], SHAPE)
    moved = training_bytes(MODELS[model], SHAPE, BATCH)
    run("train", case, trainers(model), prepare_training, batches(device, model), flops, moved)


@pytest.mark.long
@pytest.mark.parametrize("rival", ["naive", "core"])
@pytest.mark.parametrize("model", LARGER)
@pytest.mark.parametrize("side", [64, 96])
def test_training_on_larger_images(
    benchmark: Any, times: Any, enough: Any, rival: str, model: str, side: int
) -> None:
    core.set_precision("float32")
    shape, count = (3, side, side), enough(1)

    def rivals() -> list[Rival]:
        return [
            Rival(name, functools.partial(prepare_training, name, model, count, "cpu", side))
            for name in ("naive", "core")
        ]

    benchmark.group = f"train {model}, {side} pixels"
    replay(benchmark, times(benchmark.group, rival, rivals, enough(2)))
    flops = training_flops(MODELS[model], shape)
    moved = training_bytes(MODELS[model], shape, BATCH)
    note(benchmark, (rival, model, "cpu", "float32"), flops, moved, count * BATCH, prepare_training)


@pytest.mark.parametrize(("rival", "model", "device", "precision"), cases(encoders, "-encoding"))
def test_encoding(run: Any, rival: str, model: str, device: str, precision: str) -> None:
    case = (rival, model, device, precision)
    flops = encoding_flops(MODELS[model], SHAPE)
    run("encode", case, encoders(model), prepare_encoding, 2 * batches(device, model), flops)
