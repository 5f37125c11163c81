"""The edges of an image, by direction and place."""

from __future__ import annotations

from typing import ClassVar

import numpy as np
import torch
from torch import Tensor, nn

from bench.base.checks import at_least
from models import autoencoders
from models.autoencoder import ImageShape
from models.features import Features


class Gradients(nn.Module):
    """Describes images one by one, on the CPU."""

    def __init__(self, cell: int, orientations: int) -> None:
        super().__init__()
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


@autoencoders.register(
    "hog", "hand-crafted: the edges of an image, code 576 (scikit-image): hog(cell=8)"
)
class HOG(Features):
    """Histogram of oriented gradients, in blocks of 2×2 cells.

    Shape alone: light and color of an area have no effect. Of each pixel, the channel
    with the steepest gradient counts.

    Parameters
    ----------
    image_shape : tuple of int
        (C, H, W).
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
        super().__init__(image_shape)
        at_least(1, cell=cell, orientations=orientations)
        most = min(image_shape[1:]) // 2
        if cell > most:
            raise ValueError(f"cell must be 1 to {most}, found {cell}")
        if orientations > 32:
            raise ValueError(f"orientations must be 1 to 32, found {orientations}")
        self.encoder = self.gradients = Gradients(cell, orientations)
