"""Edges and colors of an image together."""

from __future__ import annotations

import math
from typing import ClassVar

import torch
from torch import Tensor, nn

from models import autoencoders
from models.autoencoder import ImageShape
from models.features import Features
from models.histogram import ColorHistogram
from models.hog import HOG, Gradients


class Both(nn.Module):
    """Describes edges and colors, each with the same weight."""

    def __init__(self, edges: Gradients, colors: nn.Module) -> None:
        super().__init__()
        self.edges, self.colors = edges, colors

    def forward(self, x: Tensor) -> Tensor:
        """Return both descriptions, (n, code size), of images (n, C, H, W)."""
        edges, colors = self.edges(x), self.colors(x)
        # Blocks of edges have length 1 each, as the roots of all colors' shares together.
        blocks = edges.shape[1] / self.edges.block
        return torch.cat([edges / math.sqrt(blocks), colors], dim=1)


# Derived from both, whose text is then part of what its results are kept by.
@autoencoders.register(
    "hand-crafted",
    "hand-crafted features: edges and colors together, hog and histogram",
    formerly="handmade",
)
class HandCrafted(HOG, ColorHistogram):
    """The descriptions `HOG` and `ColorHistogram`, one behind the other, of the same length.

    Parameters
    ----------
    image_shape : tuple of int
        (C, H, W).
    cell : int
        Pixels a side of a cell of edges, at most half a side of the image.
    bins : int
        Levels a channel of colors, 1 to 16.
    """

    libraries: ClassVar[tuple[str, ...]] = ("torch", "numpy", "scikit-image")
    family: ClassVar[str | None] = "handmade"  # seeds are derived from the name it had first

    def __init__(self, image_shape: ImageShape, *, cell: int = 6, bins: int = 4) -> None:
        Features.__init__(self, image_shape)
        edges = HOG(image_shape, cell=cell)
        self.encoder = Both(edges.gradients, ColorHistogram(image_shape, bins=bins).encoder)
