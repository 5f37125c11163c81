"""What hand-crafted features are: encoders without a decoder."""

from __future__ import annotations

from typing import ClassVar

from torch import Tensor, nn

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
    """Base class of hand-crafted features: sets ``encoder`` in its constructor."""

    trains: ClassVar[bool] = False
    decodes: ClassVar[bool] = False
    deterministic: ClassVar[bool] = True

    def __init__(self, image_shape: ImageShape) -> None:
        super().__init__()
        self.decoder = Gray(image_shape)
