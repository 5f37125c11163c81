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
    flops : int
        Floating-point operations of one image's way forward; a training step costs three
        times that, less the gradient with respect to the image.
    """

    code_size: int
    parameters: int
    flops: int


@functools.cache
def probe(name: str, shape: ImageShape) -> Facts:
    """Build a registered model on the ``meta`` device and send one image through.

    Raises
    ------
    UsageError
        If the model refuses the shape, or does not return a code and a reconstruction of the
        image's shape.
    """
    import torch
    from torch.utils.flop_counter import FlopCounterMode

    try:
        with torch.device("meta"), FlopCounterMode(display=False) as counter:
            model = autoencoders[name](shape)
            code, reconstruction = model(torch.empty(2, *shape))
    except ValueError as error:
        raise UsageError(f"model {name}: {error}") from None
    if reconstruction.shape != (2, *shape):
        raise UsageError(
            f"model {name}: its reconstruction has shape {tuple(reconstruction.shape[1:])}, "
            f"the image {shape}"
        )
    parameters = sum(parameter.numel() for parameter in model.parameters())
    return Facts(math.prod(code.shape[1:]), parameters, counter.get_total_flops() // 2)
