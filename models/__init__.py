"""Registry of autoencoders, one family a file.

An autoencoder is a `torch.nn.Module` built from an image shape ``(C, H, W)`` whose
``forward(x)`` returns ``(code, reconstruction)``; see `models.autoencoder.Autoencoder`.
A new one is a new file in this folder::

    from models import autoencoders
    from models.autoencoder import Autoencoder

    @autoencoders.register("mine", "what it is, in one line")
    class Mine(Autoencoder):
        def __init__(self, image_shape):
            super().__init__()
            self.encoder = ...  # (n, C, H, W) float32 in [-1, 1] -> (n, code size)
            self.decoder = ...  # (n, code size) -> (n, C, H, W)

A model that trains has an untrained variant by itself, here ``untrained-mine``.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from bench.base.registry import Registry
from models.untrained import make_untrained

if TYPE_CHECKING:
    from models.autoencoder import Autoencoder

autoencoders: Registry[type[Autoencoder]] = Registry("model", "models", variant=make_untrained)
