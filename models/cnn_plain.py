"""The convolutional autoencoder that the assignment handed out."""

from __future__ import annotations

from torch import nn

from models import autoencoders
from models.autoencoder import Autoencoder, ImageShape


def _down(inputs: int, outputs: int) -> list[nn.Module]:
    return [nn.Conv2d(inputs, outputs, 3, 1, 1), nn.ReLU(), nn.MaxPool2d(2)]


@autoencoders.register("cnn-plain", "the assignment's baseline: three convolutions, code 4096")
class CNNPlain(Autoencoder):
    """Three blocks of convolution, ReLU and pooling; the HW5 report's decoder without inner Tanh.

    The HW5 report's `CNN` is a change of it. Code 256×4×4 = 4096; with three channels it has
    1,909,251 parameters, 370,816 of them in the encoder.

    Parameters
    ----------
    image_shape : tuple of int
        (C, 32, 32); any number of channels. The decoder inverts the encoder at that size only.

    References
    ----------
    National Taiwan University, Machine Learning 2020, Homework 9, sample code: its autoencoder.
    """

    def __init__(self, image_shape: ImageShape) -> None:
        super().__init__()
        channels, height, width = image_shape
        if (height, width) != (32, 32):
            raise ValueError(f"works on 32×32 images, found {height}×{width}")
        self.encoder = nn.Sequential(
            *_down(channels, 64), *_down(64, 128), *_down(128, 256), nn.Flatten()
        )
        self.decoder = nn.Sequential(
            nn.Unflatten(1, (256, 4, 4)),
            *(nn.ConvTranspose2d(256, 128, 5, 1), nn.ReLU()),
            *(nn.ConvTranspose2d(128, 64, 9, 1), nn.ReLU()),
            *(nn.ConvTranspose2d(64, channels, 17, 1), nn.Tanh()),
        )
