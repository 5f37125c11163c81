"""The HW5 report's convolutional autoencoder, and the assignment's that it is a change of."""

from __future__ import annotations

import math
from typing import ClassVar

from torch import nn

from bench.base.checks import check_code, need
from models import autoencoders
from models.autoencoder import Autoencoder, ImageShape

SQUARE = (256, 4, 4)


def _down(inputs: int, outputs: int) -> list[nn.Module]:
    return [nn.Conv2d(inputs, outputs, 3, 1, 1), nn.ReLU(), nn.MaxPool2d(2)]


def _channels(image_shape: ImageShape) -> int:
    channels, height, width = image_shape
    need((height, width) == (32, 32), f"works on 32×32 images, found {height}×{width}")
    return channels


@autoencoders.register(
    "cnn", "the HW5 report's convolutional autoencoder, code 4096: cnn, cnn(code=64)"
)
class CNN(Autoencoder):
    """Five convolutions down to 256×4×4, three transposed convolutions back up.

    The decoder's kernels of 5, 9 and 17 add 28 pixels to each side of the code, so that it
    inverts the encoder only where H / 8 + 28 = H, that is, at 32×32. With three channels it
    has 3,089,411 parameters, 1,550,976 of them in the encoder.

    Parameters
    ----------
    image_shape : tuple of int
        (C, 32, 32), whatever the size of the grid's images; any number of channels.
    code : int
        Numbers of the code, 1 to 16,384. The HW5 report's is the output of the last convolution,
        256×4×4 = 4096;
        for another size a linear layer is put on either side of it.

    References
    ----------
    Machine Learning Fall 2020, report on Homework 5, section 1.
    """

    image_size: ClassVar[int | None] = 32

    def __init__(self, image_shape: ImageShape, *, code: int = math.prod(SQUARE)) -> None:
        super().__init__()
        check_code(code)
        channels, whole = _channels(image_shape), math.prod(SQUARE)
        self.encoder = nn.Sequential(
            *(*_down(channels, 64), nn.Tanh()),
            *(*_down(64, 128), nn.Tanh()),
            *(*_down(128, 256), nn.Tanh()),
            *(nn.Conv2d(256, 256, 3, 1, 1), nn.ReLU(), nn.Tanh()),
            *(nn.Conv2d(256, 256, 3, 1, 1), nn.ReLU()),
            nn.Flatten(),
            *([] if code == whole else [nn.Linear(whole, code)]),
        )
        self.decoder = nn.Sequential(
            *([] if code == whole else [nn.Linear(code, whole)]),
            nn.Unflatten(1, SQUARE),
            *(nn.ConvTranspose2d(256, 128, 5, 1), nn.ReLU(), nn.Tanh()),
            *(nn.ConvTranspose2d(128, 64, 9, 1), nn.ReLU(), nn.Tanh()),
            *(nn.ConvTranspose2d(64, channels, 17, 1), nn.Tanh()),
        )


@autoencoders.register("cnn-plain", "the homework's baseline: three convolutions, code 4096")
class CNNPlain(Autoencoder):
    """Three blocks of convolution, ReLU and pooling; the HW5 report's decoder without inner Tanh.

    The HW5 report's `CNN` is a change of it. Code 256×4×4 = 4096; with three channels it has
    1,909,251 parameters, 370,816 of them in the encoder.

    Parameters
    ----------
    image_shape : tuple of int
        (C, 32, 32), whatever the size of the grid's images, since the decoder inverts the encoder
        at that size only; any number of channels.

    References
    ----------
    National Taiwan University, Machine Learning 2020, Homework 9, sample code: its autoencoder.
    """

    image_size: ClassVar[int | None] = 32

    def __init__(self, image_shape: ImageShape) -> None:
        super().__init__()
        channels = _channels(image_shape)
        self.encoder = nn.Sequential(
            *_down(channels, 64), *_down(64, 128), *_down(128, 256), nn.Flatten()
        )
        self.decoder = nn.Sequential(
            nn.Unflatten(1, SQUARE),
            *(nn.ConvTranspose2d(256, 128, 5, 1), nn.ReLU()),
            *(nn.ConvTranspose2d(128, 64, 9, 1), nn.ReLU()),
            *(nn.ConvTranspose2d(64, channels, 17, 1), nn.Tanh()),
        )
