"""The HW5 report's fully connected autoencoder, trained to take noise away."""

from __future__ import annotations

from typing import ClassVar

import torch
from torch import Tensor
from torch.nn import functional

from bench.base.checks import within
from models import autoencoders
from models.autoencoder import ImageShape
from models.dnn import DNN, WIDTH


@autoencoders.register("denoising", "the dnn, given noisy images: denoising(noise=0.5)")
class Denoising(DNN):
    """`DNN` that sees images with Gaussian noise, and is to return them without.

    This keeps a code of the HW5 report's size from becoming a mere copy. Layers and initial weights
    are those of `DNN`: the two differ only in their objective. Clean images are encoded.

    Parameters
    ----------
    image_shape : tuple of int
        (C, H, W); any size.
    code : int
        Numbers of the code.
    noise : float
        Standard deviation of the noise, 0 to 2; pixel values are in [-1, 1].

    References
    ----------
    Vincent, Larochelle, Bengio, Manzagol (2008), Extracting and composing robust features with
    denoising autoencoders.
    """

    family: ClassVar[str | None] = "dnn"

    def __init__(self, image_shape: ImageShape, *, code: int = WIDTH, noise: float = 0.3) -> None:
        super().__init__(image_shape, code=code)
        within(0, 2, noise=noise)
        self.noise = noise

    def objective(self, x: Tensor) -> Tensor:
        """Return the error of the clean image, reconstructed from the noisy one."""
        _, reconstruction = self(x + self.noise * torch.randn_like(x))
        return functional.mse_loss(reconstruction, x)
