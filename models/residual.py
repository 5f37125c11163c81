"""A residual convolutional autoencoder with normalization, and its masked variant."""

from __future__ import annotations

import itertools
from typing import ClassVar

import torch
from torch import Tensor, nn
from torch.nn import functional

from bench.base.checks import check_code, sides_of_multiples, within
from models import autoencoders
from models.autoencoder import Autoencoder, ImageShape

CHANNELS = (32, 64, 128)
STRIDE = 2 ** len(CHANNELS)
PATCH = 4  # pixels a side of what `Masked` hides or shows


def norm(channels: int) -> nn.Module:
    """Return a normalization over groups of eight channels.

    Unlike that over batches it does the same in training and after it, to whole images and to
    masked ones.
    """
    return nn.GroupNorm(channels // 8, channels)


class Block(nn.Module):
    """Two convolutions with normalization, added to what they were given."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.first = nn.Conv2d(channels, channels, 3, 1, 1, bias=False)
        self.first_norm = norm(channels)
        self.second = nn.Conv2d(channels, channels, 3, 1, 1, bias=False)
        self.second_norm = norm(channels)

    def forward(self, x: Tensor) -> Tensor:
        """Keep the shape, (n, channels, h, w)."""
        inner = functional.relu(self.first_norm(self.first(x)))
        return functional.relu(x + self.second_norm(self.second(inner)))


def normed(inputs: int, outputs: int, stride: int = 1) -> list[nn.Module]:
    """Return a convolution, its normalization and a ReLU."""
    return [nn.Conv2d(inputs, outputs, 3, stride, 1, bias=False), norm(outputs), nn.ReLU()]


@autoencoders.register("residual", "residual convolutions, normalized, code 128: residual(code=64)")
class Residual(Autoencoder):
    """Three halvings to 128 channels, each with a residual block; the same way back.

    Every halving is a convolution of stride 2, every doubling a repetition of pixels before a
    convolution, which leaves no chequered pattern. At 3×32×32 it has 1,489,091 parameters.

    Parameters
    ----------
    image_shape : tuple of int
        (C, H, W); H and W multiples of 8.
    code : int
        Numbers of the code, 1 to 16,384.

    References
    ----------
    He, Zhang, Ren, Sun (2016), Deep residual learning for image recognition; Wu, He (2018), Group
    normalization; Odena, Dumoulin, Olah (2016), Deconvolution and checkerboard
    artifacts.
    """

    def __init__(self, image_shape: ImageShape, *, code: int = 128) -> None:
        super().__init__()
        check_code(code)
        channels, height, width = image_shape
        sides_of_multiples(STRIDE, image_shape)
        square = (CHANNELS[-1], height // STRIDE, width // STRIDE)
        numbers = square[0] * square[1] * square[2]
        down: list[nn.Module] = []
        up: list[nn.Module] = []
        for before, after in zip((channels, *CHANNELS), CHANNELS, strict=False):
            down += [*normed(before, after, 2), Block(after)]
        for before, after in itertools.pairwise(CHANNELS[::-1]):
            up += [Block(before), nn.Upsample(scale_factor=2), *normed(before, after)]
        self.encoder = nn.Sequential(*down, nn.Flatten(), nn.Linear(numbers, code))
        self.decoder = nn.Sequential(
            nn.Linear(code, numbers),
            nn.Unflatten(1, square),
            *up,
            *(Block(CHANNELS[0]), nn.Upsample(scale_factor=2)),
            *(nn.Conv2d(CHANNELS[0], channels, 3, 1, 1), nn.Tanh()),
        )


@autoencoders.register(
    "masked", "residual trained with half of each image hidden: masked(share=0.75)"
)
class Masked(Residual):
    """`Residual` that sees images with patches of 4×4 hidden, and is to return them whole.

    To fill a patch in takes knowing what the rest shows. Hidden patches are an even gray, and the
    error of all patches counts: the code is to hold the whole image. Layers and initial weights
    are those of `Residual`: the two differ in what they are trained on alone. Whole images are
    encoded.

    Parameters
    ----------
    image_shape : tuple of int
        (C, H, W); H and W multiples of 8.
    code : int
        Numbers of the code, 1 to 16,384.
    share : float
        Share of patches hidden, 0 to 0.95.

    References
    ----------
    He, Chen, Xie, Li, Dollár, Girshick (2022), Masked autoencoders are scalable vision learners;
    Pathak et al. (2016), Context encoders: feature learning by inpainting.
    """

    family: ClassVar[str | None] = "residual"

    def __init__(self, image_shape: ImageShape, *, code: int = 128, share: float = 0.5) -> None:
        super().__init__(image_shape, code=code)
        within(0, 0.95, share=share)
        self.share = share

    def objective(self, x: Tensor) -> Tensor:
        """Return the error of whole images, reconstructed from what is shown of them."""
        height, width = x.shape[2] // PATCH, x.shape[3] // PATCH
        shown = torch.rand(len(x), 1, height, width, device=x.device) >= self.share
        whole = shown.repeat_interleave(PATCH, 2).repeat_interleave(PATCH, 3)
        _, reconstruction = self(x * whole)
        return functional.mse_loss(reconstruction, x)
