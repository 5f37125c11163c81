"""What a model is, found without data or training."""

from __future__ import annotations

import functools
import math
from dataclasses import dataclass
from typing import Any

from bench.base.errors import UsageError
from models.autoencoder import ImageShape
from models.named import find


@dataclass(frozen=True)
class Facts:
    """Facts about a model at one image shape."""

    code_size: int  # dimensions of the code
    parameters: int  # trainable numbers


def probe(name: str, shape: ImageShape) -> Facts:
    """Build a model, named as users write it, and send one image through.

    Raises
    ------
    UsageError
        If the model refuses the shape, fails, or does not return a code and a reconstruction
        of the image's shape.
    """
    item: Any = find(name)
    try:
        return _probe(item, shape)
    except Exception as error:  # whatever a model of somebody else's raises
        reason = str(error) if isinstance(error, ValueError) else f"{type(error).__name__}: {error}"
        raise UsageError(f"model {name}: {reason}") from error


@functools.cache
def _probe(item: Any, shape: ImageShape) -> Facts:
    import torch

    model = _build(item, shape)
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
    item: Any = find(name)
    return _forward_flops(item, shape)


def training_flops(name: str, shape: ImageShape) -> float:
    """Estimate the floating-point operations of one image in a step of training.

    By what the model says of itself: its objective is not run here, where it could do harm.
    """
    item: Any = find(name)
    return float(getattr(item, "training_cost", 3.0)) * forward_flops(name, shape)


@functools.cache
def _forward_flops(item: Any, shape: ImageShape) -> int:
    import torch
    from torch.utils.flop_counter import FlopCounterMode  # imports half of torch: not for plans

    model = _build(item, shape)
    with torch.no_grad(), FlopCounterMode(display=False) as counter:
        model(torch.zeros(1, *shape))
    return int(counter.get_total_flops())
