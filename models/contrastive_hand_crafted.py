"""What a contrastive autoencoder learned, beside edges and colors."""

from __future__ import annotations

from collections.abc import Callable
from typing import ClassVar

import torch
from torch import Tensor

from models import autoencoders
from models.autoencoder import ImageShape
from models.contrastive import SEEN, Contrastive
from models.hand_crafted import HandCrafted

BATCH = 256


@autoencoders.register(
    "contrastive-hand-crafted",
    "the codes of contrastive and hand-crafted side by side, with equal weight",
    formerly="contrastive-handmade",
)
class ContrastiveHandCrafted(Contrastive):
    """`Contrastive`, whose codes have those of `HandCrafted` behind what was learned.

    The learned part ignores color and place, and the hand-crafted part describes color and place,
    so they complement each other. Both parts have the same mean variance over the
    training images. It is trained and decodes as `Contrastive` does, from the same weights.

    Parameters
    ----------
    image_shape : tuple of int
        (C, H, W); H and W multiples of 8.
    code : int
        Numbers of the code that are learned, a multiple of 8 up to 16,384.
    weight : float
        Of the reconstruction, 0 to 1000; the contrastive loss has 1.

    References
    ----------
    Those of `Contrastive`, `HOG` and `ColorHistogram` in `models.hand_crafted`.
    """

    family: ClassVar[str | None] = "contrastive"
    libraries: ClassVar[tuple[str, ...]] = HandCrafted.libraries
    parts: ClassVar[tuple[type, ...]] = (HandCrafted,)

    spreads: Tensor

    def __init__(self, image_shape: ImageShape, *, code: int = 192, weight: float = 8.0) -> None:
        super().__init__(image_shape, code=code, weight=weight)
        self.by_hand = HandCrafted(image_shape).encoder
        self.register_buffer("spreads", torch.ones(2))  # of what is learned, and of the other

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Encode and reconstruct; shapes are those of `Autoencoder.forward`."""
        learned = self.encoder(x)
        parts = learned / self.spreads[0], self.by_hand(x) / self.spreads[1]
        return torch.cat(parts, dim=1), self.decoder(learned)

    def begin_epoch(self, done: float, images: Tensor, encode: Callable[[], Tensor]) -> None:
        """Settle, when the training is over, how far both parts spread."""
        super().begin_epoch(done, images, encode)
        if done == 1:
            seen = images[:: -(-len(images) // SEEN)]
            scaled = [part.float() / 127.5 - 1 for part in seen.split(BATCH)]
            with torch.no_grad():
                by_hand = torch.cat([self.by_hand(part) for part in scaled])
                self.spreads[0] = _spread(encode())
                self.spreads[1] = _spread(by_hand)


def _spread(codes: Tensor) -> Tensor:
    """Return the root of the mean squared distance of codes from their mean."""
    far = (codes - codes.mean(0)).square().sum(1).mean().sqrt()
    return far.clamp(min=1e-6)
