"""Hand-crafted features: encoders without training or a decoder, of edges, colors, or both."""

from __future__ import annotations

import math
from typing import ClassVar

import numpy as np
import torch
from torch import Tensor, nn

from bench.base.checks import within
from models import autoencoders
from models.autoencoder import Autoencoder, ImageShape


class Gray(nn.Module):
    """Returns even gray images, whatever it is given."""

    def __init__(self, image_shape: ImageShape) -> None:
        super().__init__()
        self.image_shape = image_shape

    def forward(self, codes: Tensor) -> Tensor:
        """Return zeros, (n, C, H, W), for codes (n, code size)."""
        return codes.new_zeros(len(codes), *self.image_shape)


class Features(Autoencoder):
    """Base class of hand-crafted features, which have no decoder."""

    trains: ClassVar[bool] = False
    decodes: ClassVar[bool] = False
    deterministic: ClassVar[bool] = True

    def __init__(self, image_shape: ImageShape, encoder: nn.Module) -> None:
        super().__init__()
        self.encoder, self.decoder = encoder, Gray(image_shape)


class Gradients(nn.Module):
    """Describes the edges of images one by one, on the CPU."""

    def __init__(self, image_shape: ImageShape, cell: int, orientations: int = 9) -> None:
        super().__init__()
        within(1, min(image_shape[1:]) // 2, cell=cell)
        within(1, 32, orientations=orientations)
        self.cell, self.orientations = cell, orientations
        self.block = 4 * orientations  # numbers of a block of cells

    def forward(self, x: Tensor) -> Tensor:
        """Return descriptors, (n, code size), of images (n, C, H, W)."""
        from skimage.feature import hog

        found = [
            hog(
                image,
                orientations=self.orientations,
                pixels_per_cell=(self.cell, self.cell),
                cells_per_block=(2, 2),
                channel_axis=-1,
            )
            for image in x.permute(0, 2, 3, 1).cpu().numpy()
        ]
        return torch.from_numpy(np.stack(found).astype(np.float32)).to(x.device)


class Histogram(nn.Module):
    """Counts pixels by color."""

    def __init__(self, image_shape: ImageShape, bins: int) -> None:
        super().__init__()
        within(1, 16, bins=bins)
        self.channels, self.bins = image_shape[0], bins

    def forward(self, x: Tensor) -> Tensor:
        """Return the roots of shares, (n, bins ** channels), of images (n, C, H, W)."""
        levels = ((x + 1) * (self.bins / 2)).long().clamp(0, self.bins - 1).flatten(2)
        places = self.bins ** torch.arange(self.channels, device=x.device)
        colors = (levels * places[:, None]).sum(1)
        counts = x.new_zeros(len(x), self.bins**self.channels)
        counts.scatter_add_(1, colors, torch.ones_like(colors, dtype=x.dtype))
        return (counts / colors.shape[1]).sqrt()


class Both(nn.Module):
    """Describes edges and colors, each with the same weight."""

    def __init__(self, edges: Gradients, colors: Histogram) -> None:
        super().__init__()
        self.edges, self.colors = edges, colors

    def forward(self, x: Tensor) -> Tensor:
        """Return both descriptions, (n, code size), of images (n, C, H, W)."""
        edges, colors = self.edges(x), self.colors(x)
        # Blocks of edges have length 1 each, as the roots of all colors' shares together.
        blocks = edges.shape[1] / self.edges.block
        return torch.cat([edges / math.sqrt(blocks), colors], dim=1)


@autoencoders.register(
    "hog", "hand-crafted: the edges of an image, code 576 (scikit-image): hog(cell=8)"
)
class HOG(Features):
    """Histogram of oriented gradients, in blocks of 2×2 cells.

    Shape alone: light and color of an area have no effect. Of each pixel, the channel
    with the steepest gradient counts.

    Parameters
    ----------
    cell : int
        Pixels a side, at most half a side of the image.
    orientations : int
        Bins of directions, 1 to 32.

    References
    ----------
    Dalal, Triggs (2005), Histograms of oriented gradients for human detection.
    """

    libraries: ClassVar[tuple[str, ...]] = ("torch", "numpy", "scikit-image")

    def __init__(self, image_shape: ImageShape, *, cell: int = 6, orientations: int = 9) -> None:
        super().__init__(image_shape, Gradients(image_shape, cell, orientations))


@autoencoders.register(
    "histogram", "hand-crafted: the colors of an image, code 64: histogram(bins=8)"
)
class ColorHistogram(Features):
    """Square roots of the shares of pixels in each of bins × bins × bins colors.

    Color alone. The Euclidean distance of roots is Hellinger's, in which a few large areas of one
    color do not hide all others.

    Parameters
    ----------
    bins : int
        Levels a channel, 1 to 16; the code has bins ** C numbers.

    References
    ----------
    Swain, Ballard (1991), Color indexing; Arandjelović, Zisserman (2012), Three things everyone
    should know to improve object retrieval: section 3, on roots.
    """

    def __init__(self, image_shape: ImageShape, *, bins: int = 4) -> None:
        super().__init__(image_shape, Histogram(image_shape, bins))


@autoencoders.register(
    "hand-crafted",
    "hand-crafted features: edges and colors together, hog and histogram",
    formerly="handmade",
)
class HandCrafted(Features):
    """The descriptions `HOG` and `ColorHistogram`, one behind the other, of the same length.

    Parameters
    ----------
    cell : int
        Pixels a side of a cell of edges, at most half a side of the image.
    bins : int
        Levels a channel of colors, 1 to 16.
    """

    libraries: ClassVar[tuple[str, ...]] = ("torch", "numpy", "scikit-image")
    family: ClassVar[str | None] = "handmade"  # seeds are derived from the name it had first

    def __init__(self, image_shape: ImageShape, *, cell: int = 6, bins: int = 4) -> None:
        edges, colors = Gradients(image_shape, cell), Histogram(image_shape, bins)
        super().__init__(image_shape, Both(edges, colors))
