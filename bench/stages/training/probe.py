"""What a model is, found without data or training."""

from __future__ import annotations

import functools
import math
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from bench.base.errors import UsageError
from bench.base.grammar import GrammarError
from bench.base.memory import kept_memory
from bench.stages.cost import SHARE_OF_MATRIX_RATE, matrix_rate
from models.autoencoder import Autoencoder, ImageShape
from models.named import find, fingerprint

# Seconds and passes of a measurement, at most, after the first two; images in each.
MEASURED, PASSES, BATCH = 0.2, 10, 32
SECONDS_TO_STEP = 1.4e-9  # a parameter, in Adam: memory traffic, not arithmetic


@dataclass(frozen=True)
class Facts:
    """Facts about a model at one image shape."""

    code_size: int  # dimensions of the code
    parameters: int  # trainable numbers


def input_shape(name: str, shape: ImageShape) -> ImageShape:
    """Return the shape of what a model is given, of a grid whose images have a shape.

    Images of the size that it asks for, or the codes of the model that it stands on, (code size,).
    """
    item = find_model(name)
    if item.base is not None:
        return (probe(item.base, shape).code_size,)
    size = getattr(item, "image_size", None)
    return (shape[0], size, size) if size else shape


def probe(name: str, shape: ImageShape) -> Facts:
    """Build a model, named as users write it, and send one image through.

    ``shape`` is that of the grid's images, (C, H, W).

    Raises
    ------
    UsageError
        If the model refuses the shape, fails, or does not return a code and a reconstruction
        of the image's shape.
    """
    item = find_model(name)
    inner = input_shape(name, shape)
    try:
        return _probe(item, inner, fingerprint(item))
    except Exception as error:  # whatever a model of somebody else's raises
        reason = str(error) if isinstance(error, ValueError) else f"{type(error).__name__}: {error}"
        raise UsageError(f"model {name}: {reason}") from error


def find_model(name: str) -> Any:
    """Return the class that a text stands for; raise `UsageError` for settings that cannot work."""
    try:
        return find(name)
    except GrammarError:
        raise
    except ValueError as error:
        raise UsageError(f"model {name}: {error}") from None


@functools.cache
def _probe(item: Any, shape: ImageShape, files: str | None) -> Facts:
    import torch

    model = _build(item, shape)
    if getattr(item, "from_names", False):
        return Facts(model.code_size, 0)
    with torch.inference_mode():
        result = model(torch.zeros(1, *shape))
    if not (isinstance(result, tuple) and len(result) == 2):
        raise ValueError("its forward must return (code, reconstruction)")
    code, reconstruction = result
    if not isinstance(reconstruction, torch.Tensor) or reconstruction.shape != (1, *shape):
        found = getattr(reconstruction, "shape", [None, type(reconstruction).__name__])[1:]
        raise ValueError(f"its reconstruction has shape {tuple(found)}, the image {shape}")
    parameters = sum(parameter.numel() for parameter in model.parameters())
    return Facts(math.prod(code.shape[1:]), parameters)


def _build(item: Any, shape: ImageShape) -> Any:
    """Build a model on the CPU, leaving the caller's generator as it was.

    Not on the meta device, which would spare the drawing of weights: its first use imports half
    of torch's compiler, for longer than ten million weights take.
    """
    import torch

    with torch.random.fork_rng(devices=[]):
        return item(shape).eval()


def forward_flops(name: str, shape: ImageShape) -> int:
    """Count the floating-point operations of one image's way forward."""
    return _forward_flops(find_model(name), input_shape(name, shape))


def forward_seconds(
    name: str, shape: ImageShape, batch: int, device: str = "cpu", threads: int = 1
) -> float:
    """Estimate the time of one image's way forward, in seconds.

    On a CPU it is measured in batches, as models are trained and encode: with products of spectra
    in place of some convolutions. Of GPUs, which are the workers', the arithmetic is counted.
    """
    item, inner = find_model(name), input_shape(name, shape)
    if device == "cpu":
        with suppress(Exception):  # what a model of somebody else's raises; tasks will report it
            return _forward_seconds(item, inner, min(batch, fitting_batch(inner)), threads)
    return _forward_flops(item, inner) / matrix_rate(device) / SHARE_OF_MATRIX_RATE


def step_seconds(
    name: str, shape: ImageShape, batch: int, device: str = "cpu", threads: int = 1
) -> float:
    """Estimate the time of a step of training on a batch of images, in seconds.

    A step of the models of this program is measured, on a CPU. The objective of others is not run
    here, where it could do harm: the way forward counts as often as the model says of itself.
    """
    item = find_model(name)
    traffic = SECONDS_TO_STEP * probe(name, shape).parameters if device == "cpu" else 0.0
    if device == "cpu" and _package(item) == _package(Autoencoder):
        inner = input_shape(name, shape)
        some = min(batch, fitting_batch(inner))
        with suppress(Exception):  # such as too little memory, which the task will report
            measured = _step_seconds(item, inner, some, threads)
            return traffic + max(measured - traffic, 0.0) * batch / some
    cost = float(getattr(item, "training_cost", 3.0))
    return traffic + batch * cost * forward_seconds(name, shape, batch, device, threads)


def _package(item: Any) -> str:
    return str(item.__module__).partition(".")[0]


def fitting_batch(shape: ImageShape) -> int:
    """Return how many inputs are measured at a time: of large images fewer."""
    return max(1, BATCH * 64 * 64 // max(math.prod(shape[1:]), 64 * 64))


@functools.cache
def _forward_seconds(item: Any, shape: ImageShape, batch: int, threads: int) -> float:
    import torch

    from bench.stages.training.convolution import spectral

    model, images = _build(item, shape), torch.zeros(batch, *shape)
    with torch.inference_mode(), spectral(model, torch.device("cpu")):
        return _measured(lambda: model(images), threads) / batch


@functools.cache
def _step_seconds(item: Any, shape: ImageShape, batch: int, threads: int) -> float:
    import torch

    from bench.stages.training.core import Recipe, Trainer, build

    kind = torch.uint8 if len(shape) == 3 else torch.float32
    images = torch.zeros(batch, *shape, dtype=kind)
    trainer = Trainer(build(item, shape, seed=0), images, Recipe(1, 1e-3, batch), seed=0)
    return _measured(trainer.rehearse, threads)


def _measured(work: Callable[[], object], threads: int) -> float:
    """Return the least of some times that work took, in seconds."""
    import torch

    before = torch.get_num_threads()
    took: list[float] = []
    torch.set_num_threads(1)  # at first, as in `bench.stages.training.core.warm_up`
    try:
        with kept_memory():
            work()
            torch.set_num_threads(threads)
            until = time.perf_counter() + MEASURED
            while not took or (time.perf_counter() < until and len(took) < PASSES):
                start = time.perf_counter()
                work()
                took.append(time.perf_counter() - start)
    finally:
        torch.set_num_threads(before)
    return min(took)


@functools.cache
def _forward_flops(item: Any, shape: ImageShape) -> int:
    import torch
    from torch.utils.flop_counter import FlopCounterMode  # imports half of torch: not for plans

    model = _build(item, shape)
    with torch.no_grad(), FlopCounterMode(display=False) as counter:
        model(torch.zeros(1, *shape))
    return int(counter.get_total_flops())
