"""The identity: what the grid measures when there is no autoencoder."""

from __future__ import annotations

from typing import ClassVar

from torch import nn

from models import autoencoders
from models.autoencoder import Autoencoder, ImageShape


@autoencoders.register("pixels", "the identity: shows what an autoencoder adds")
class Pixels(Autoencoder):
    """The code is the flattened image; the reconstruction is the image; the loss is 0."""

    trains: ClassVar[bool] = False
    deterministic: ClassVar[bool] = True

    def __init__(self, image_shape: ImageShape) -> None:
        super().__init__()
        self.encoder = nn.Flatten()
        self.decoder = nn.Unflatten(1, image_shape)
