"""What a model is, found without weights, data or training."""

from __future__ import annotations

import functools
import math
from dataclasses import dataclass

from bench.errors import UsageError
from models import autoencoders
from models.autoencoder import ImageShape


@dataclass(frozen=True)
class Facts:
    """Facts about a model at one image shape.

    Attributes
    ----------
    code_size : int
        Dimensions of the code.
    parameters : int
        Trainable numbers.
    """

    code_size: int
    parameters: int


@functools.cache
def probe(name: str, shape: ImageShape) -> Facts:
    """Build a registered model without drawing weights, and send one image through.

    Raises
    ------
    UsageError
        If the model refuses the shape, or does not return a code and a reconstruction of the
        image's shape.
    """
    import torch

    try:
        with torch.device("meta"):
            model = autoencoders[name](shape)
        # On the CPU, with whatever is in memory for weights: a way through on the meta device
        # would import torch's compiler, which takes a second.
        with torch.inference_mode():
            code, reconstruction = model.eval().to_empty(device="cpu")(torch.zeros(1, *shape))
    except ValueError as error:
        raise UsageError(f"model {name}: {error}") from None
    if reconstruction.shape != (1, *shape):
        raise UsageError(
            f"model {name}: its reconstruction has shape {tuple(reconstruction.shape[1:])}, "
            f"the image {shape}"
        )
    parameters = sum(parameter.numel() for parameter in model.parameters())
    return Facts(math.prod(code.shape[1:]), parameters)


@functools.cache
def forward_flops(name: str, shape: ImageShape) -> int:
    """Count the floating-point operations of one image's way forward.

    A training step costs three times that, less the gradient with respect to the image.
    """
    import torch
    from torch.utils.flop_counter import FlopCounterMode  # imports half of torch: not for plans

    with torch.device("meta"), FlopCounterMode(display=False) as counter:
        autoencoders[name](shape)(torch.empty(2, *shape))
    return int(counter.get_total_flops()) // 2
