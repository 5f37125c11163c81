"""The report's fully connected autoencoder."""

from __future__ import annotations

import math

from torch import nn

from models import autoencoders
from models.autoencoder import Autoencoder, ImageShape

WIDTH = 1024


def _layer(inputs: int, outputs: int) -> list[nn.Module]:
    return [nn.Linear(inputs, outputs), nn.LeakyReLU(0.5)]


@autoencoders.register("dnn", "the report's fully connected autoencoder, code 1024")
class DNN(Autoencoder):
    """Three linear layers to a code of 1024, three back, LeakyReLU 0.5 and Tanh between.

    At 3×32×32 it has 10,493,952 parameters, 5,245,952 of them in the encoder.

    Parameters
    ----------
    image_shape : tuple of int
        (C, H, W); any size.

    References
    ----------
    Machine Learning Fall 2020, Homework 5, report, section 1.
    """

    def __init__(self, image_shape: ImageShape) -> None:
        super().__init__()
        pixels = math.prod(image_shape)
        self.encoder = nn.Sequential(
            nn.Flatten(),
            *(*_layer(pixels, WIDTH), nn.Tanh()),
            *(*_layer(WIDTH, WIDTH), nn.Tanh()),
            *_layer(WIDTH, WIDTH),
        )
        self.decoder = nn.Sequential(
            *(*_layer(WIDTH, WIDTH), nn.Tanh()),
            *(*_layer(WIDTH, WIDTH), nn.Tanh()),
            *(*_layer(WIDTH, pixels), nn.Tanh()),
            nn.Unflatten(1, image_shape),
        )
