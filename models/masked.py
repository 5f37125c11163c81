"""A residual autoencoder that is shown parts of images, and to fill in the rest."""

from __future__ import annotations

from typing import ClassVar

import torch
from torch import Tensor
from torch.nn import functional

from bench.base.checks import within
from models import autoencoders
from models.autoencoder import ImageShape
from models.residual import Residual

PATCH = 4  # pixels a side of what is hidden or shown


@autoencoders.register("masked", "the residual one, half of each image hidden: masked(share=0.75)")
class Masked(Residual):
    """`Residual` that sees images with patches of 4×4 hidden, and is to return them whole.

    To fill a patch in takes knowing what the rest shows. Hidden patches are an even gray, and the
    error of all patches counts: the code is to hold the whole image. Layers and initial weights
    are those of `Residual`: the two differ in what they are trained on alone. Whole images are
    encoded.

    Parameters
    ----------
    image_shape : tuple of int
        (C, H, W); H and W multiples of 8.
    code : int
        Numbers of the code.
    share : float
        Share of patches hidden, 0 to 0.95.

    References
    ----------
    He, Chen, Xie, Li, Dollár, Girshick (2022), Masked autoencoders are scalable vision learners;
    Pathak et al. (2016), Context encoders: feature learning by inpainting.
    """

    family: ClassVar[str | None] = "residual"

    def __init__(self, image_shape: ImageShape, *, code: int = 128, share: float = 0.5) -> None:
        super().__init__(image_shape, code=code)
        within(0, 0.95, share=share)
        self.share = share

    def objective(self, x: Tensor) -> Tensor:
        """Return the error of whole images, reconstructed from what is shown of them."""
        height, width = x.shape[2] // PATCH, x.shape[3] // PATCH
        shown = torch.rand(len(x), 1, height, width, device=x.device) >= self.share
        whole = shown.repeat_interleave(PATCH, 2).repeat_interleave(PATCH, 3)
        _, reconstruction = self(x * whole)
        return functional.mse_loss(reconstruction, x)
