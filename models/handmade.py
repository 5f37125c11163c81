"""Edges and colours of an image together."""

from __future__ import annotations

import math
from typing import ClassVar

import torch
from torch import Tensor, nn

from models import autoencoders
from models.autoencoder import ImageShape
from models.features import Features
from models.histogram import ColourHistogram
from models.hog import HOG, Gradients


class Both(nn.Module):
    """Describes edges and colours, each with the same weight."""

    def __init__(self, edges: Gradients, colours: nn.Module) -> None:
        super().__init__()
        self.edges, self.colours = edges, colours

    def forward(self, x: Tensor) -> Tensor:
        """Return both descriptions, (n, code size), of images (n, C, H, W)."""
        edges, colours = self.edges(x), self.colours(x)
        # Blocks of edges have length 1 each, as the roots of all colours' shares together.
        blocks = edges.shape[1] / self.edges.block
        return torch.cat([edges / math.sqrt(blocks), colours], dim=1)


# Derived from both, whose text is then part of what its results are kept by.
@autoencoders.register("handmade", "hand-made: edges and colours together, hog and histogram")
class Handmade(HOG, ColourHistogram):
    """The descriptions `HOG` and `ColourHistogram`, one behind the other, of the same length.

    Parameters
    ----------
    image_shape : tuple of int
        (C, H, W).
    cell : int
        Pixels a side of a cell of edges, at most half a side of the image.
    bins : int
        Levels a channel of colours, 1 to 16.

    Raises
    ------
    ValueError
        For settings out of range.
    """

    libraries: ClassVar[tuple[str, ...]] = ("torch", "numpy", "scikit-image")

    def __init__(self, image_shape: ImageShape, *, cell: int = 6, bins: int = 4) -> None:
        Features.__init__(self, image_shape)
        edges = HOG(image_shape, cell=cell)
        self.encoder = Both(edges.gradients, ColourHistogram(image_shape, bins=bins).encoder)
