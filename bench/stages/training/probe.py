"""What a model is, found without data or training."""

from __future__ import annotations

import functools
import math
from dataclasses import dataclass
from typing import Any

from bench.base.errors import UsageError
from bench.base.grammar import GrammarError
from models.autoencoder import ImageShape
from models.named import find, fingerprint


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


def training_flops(name: str, shape: ImageShape) -> float:
    """Estimate the floating-point operations of one image in a step of training.

    By what the model says of itself: its objective is not run here, where it could do harm.
    """
    item = find_model(name)
    return float(getattr(item, "training_cost", 3.0)) * forward_flops(name, shape)


@functools.cache
def _forward_flops(item: Any, shape: ImageShape) -> int:
    import torch
    from torch.utils.flop_counter import FlopCounterMode  # imports half of torch: not for plans

    model = _build(item, shape)
    with torch.no_grad(), FlopCounterMode(display=False) as counter:
        model(torch.zeros(1, *shape))
    return int(counter.get_total_flops())
