"""What a model is, found without data or training."""

from __future__ import annotations

import functools
import math
import time
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from bench.base.errors import UsageError
from bench.base.grammar import GrammarError
from bench.stages.cost import SHARE_OF_MATRIX_RATE, matrix_rate
from models.autoencoder import ImageShape
from models.named import find, fingerprint

# Seconds and passes of a measurement, at most, after two passes; images in each.
MEASURED, PASSES, BATCH = 0.2, 10, 32


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


def training_seconds(
    name: str, shape: ImageShape, batch: int, device: str = "cpu", threads: int = 1
) -> float:
    """Estimate the arithmetic of one image in a step of training, in seconds.

    By its way forward and by what the model says of itself: its objective is not run here, where
    it could do harm.
    """
    cost = float(getattr(find_model(name), "training_cost", 3.0))
    return cost * forward_seconds(name, shape, batch, device, threads)


def fitting_batch(shape: ImageShape) -> int:
    """Return how many inputs are measured at a time: of large images fewer."""
    return max(1, BATCH * 64 * 64 // max(math.prod(shape[1:]), 64 * 64))


@functools.cache
def _forward_seconds(item: Any, shape: ImageShape, batch: int, threads: int) -> float:
    import torch

    from bench.stages.training.convolution import spectral

    model, before = _build(item, shape), torch.get_num_threads()
    torch.set_num_threads(1)  # as in `bench.stages.training.core.warm_up`
    try:
        with torch.inference_mode(), spectral(model, torch.device("cpu")):
            images, took = torch.zeros(batch, *shape), []
            model(images[:1])
            torch.set_num_threads(threads)
            until = time.perf_counter() + MEASURED
            while len(took) < 2 or (time.perf_counter() < until and len(took) < PASSES):
                start = time.perf_counter()
                model(images)
                took.append(time.perf_counter() - start)
    finally:
        torch.set_num_threads(before)
    return min(took) / batch


@functools.cache
def _forward_flops(item: Any, shape: ImageShape) -> int:
    import torch
    from torch.utils.flop_counter import FlopCounterMode  # imports half of torch: not for plans

    model = _build(item, shape)
    with torch.no_grad(), FlopCounterMode(display=False) as counter:
        model(torch.zeros(1, *shape))
    return int(counter.get_total_flops())
