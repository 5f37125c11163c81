"""The colors of an image, without their places."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from bench.base.checks import within
from models import autoencoders
from models.autoencoder import ImageShape
from models.features import Features


class Histogram(nn.Module):
    """Counts pixels by color."""

    def __init__(self, channels: int, bins: int) -> None:
        super().__init__()
        self.channels, self.bins = channels, bins

    def forward(self, x: Tensor) -> Tensor:
        """Return the roots of shares, (n, bins ** channels), of images (n, C, H, W)."""
        levels = ((x + 1) * (self.bins / 2)).long().clamp(0, self.bins - 1).flatten(2)
        places = self.bins ** torch.arange(self.channels, device=x.device)
        colors = (levels * places[:, None]).sum(1)
        counts = x.new_zeros(len(x), self.bins**self.channels)
        counts.scatter_add_(1, colors, torch.ones_like(colors, dtype=x.dtype))
        return (counts / colors.shape[1]).sqrt()


@autoencoders.register(
    "histogram", "hand-crafted: the colors of an image, code 64: histogram(bins=8)"
)
class ColorHistogram(Features):
    """Square roots of the shares of pixels in each of bins × bins × bins colors.

    Color alone. The Euclidean distance of roots is Hellinger's, in which a few large areas of one
    color do not hide all others.

    Parameters
    ----------
    image_shape : tuple of int
        (C, H, W); any size.
    bins : int
        Levels a channel, 1 to 16; the code has bins ** C numbers.

    References
    ----------
    Swain, Ballard (1991), Color indexing; Arandjelović, Zisserman (2012), Three things everyone
    should know to improve object retrieval: section 3, on roots.
    """

    def __init__(self, image_shape: ImageShape, *, bins: int = 4) -> None:
        super().__init__(image_shape)
        within(1, 16, bins=bins)
        self.encoder = Histogram(image_shape[0], bins)
