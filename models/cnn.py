"""The report's convolutional autoencoder."""

from __future__ import annotations

from torch import nn

from models import autoencoders
from models.autoencoder import Autoencoder, ImageShape


def _down(inputs: int, outputs: int) -> list[nn.Module]:
    return [nn.Conv2d(inputs, outputs, 3, 1, 1), nn.ReLU(), nn.MaxPool2d(2), nn.Tanh()]


@autoencoders.register("cnn", "the report's convolutional autoencoder, code 256×4×4 = 4096")
class CNN(Autoencoder):
    """Five convolutions down to 256×4×4, three transposed convolutions back up.

    The decoder's kernels of 5, 9 and 17 add 28 pixels to each side of the code, so that it
    inverts the encoder only where H / 8 + 28 = H, that is, at 32×32. With three channels it
    has 3,089,411 parameters, 1,550,976 of them in the encoder.

    Parameters
    ----------
    image_shape : tuple of int
        (C, 32, 32); any number of channels.

    Raises
    ------
    ValueError
        For images that are not 32×32.

    References
    ----------
    Machine Learning Fall 2020, Homework 5, report, section 1.
    """

    def __init__(self, image_shape: ImageShape) -> None:
        super().__init__()
        channels, height, width = image_shape
        if (height, width) != (32, 32):
            raise ValueError(f"works on 32×32 images, found {height}×{width}")
        self.encoder = nn.Sequential(
            *_down(channels, 64),
            *_down(64, 128),
            *_down(128, 256),
            *(nn.Conv2d(256, 256, 3, 1, 1), nn.ReLU(), nn.Tanh()),
            *(nn.Conv2d(256, 256, 3, 1, 1), nn.ReLU()),
            nn.Flatten(),
        )
        self.decoder = nn.Sequential(
            nn.Unflatten(1, (256, 4, 4)),
            *(nn.ConvTranspose2d(256, 128, 5, 1), nn.ReLU(), nn.Tanh()),
            *(nn.ConvTranspose2d(128, 64, 9, 1), nn.ReLU(), nn.Tanh()),
            *(nn.ConvTranspose2d(64, channels, 17, 1), nn.Tanh()),
        )
