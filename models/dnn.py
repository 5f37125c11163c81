"""The HW5 report's fully connected autoencoder."""

from __future__ import annotations

import math

from torch import nn

from bench.base.checks import at_least
from models import autoencoders
from models.autoencoder import Autoencoder, ImageShape

WIDTH = 1024


def _layer(inputs: int, outputs: int) -> list[nn.Module]:
    return [nn.Linear(inputs, outputs), nn.LeakyReLU(0.5)]


@autoencoders.register(
    "dnn", "the HW5 report's fully connected autoencoder, code 1024: dnn, dnn(code=32)"
)
class DNN(Autoencoder):
    """Three linear layers to the code, three back, LeakyReLU 0.5 and Tanh between.

    At 3×32×32 and with the HW5 report's code of 1024 it has 10,493,952 parameters, 5,245,952 of
    them in the encoder.

    Parameters
    ----------
    image_shape : tuple of int
        (C, H, W); any size.
    code : int
        Numbers of the code; a bottleneck where it is small.

    References
    ----------
    Machine Learning Fall 2020, report on Homework 5, section 1.
    """

    def __init__(self, image_shape: ImageShape, *, code: int = WIDTH) -> None:
        super().__init__()
        at_least(1, code=code)
        pixels = math.prod(image_shape)
        self.encoder = nn.Sequential(
            nn.Flatten(),
            *(*_layer(pixels, WIDTH), nn.Tanh()),
            *(*_layer(WIDTH, WIDTH), nn.Tanh()),
            *_layer(WIDTH, code),
        )
        self.decoder = nn.Sequential(
            *(*_layer(code, WIDTH), nn.Tanh()),
            *(*_layer(WIDTH, WIDTH), nn.Tanh()),
            *(*_layer(WIDTH, pixels), nn.Tanh()),
            nn.Unflatten(1, image_shape),
        )
