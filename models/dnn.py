"""The HW5 report's fully connected autoencoder, and what it is trained on instead.

`Denoising` and `Sparse` have the layers and initial weights of `DNN`, and another objective.
"""

from __future__ import annotations

import math
from typing import ClassVar

import torch
from torch import Tensor, nn
from torch.nn import functional

from bench.base.checks import check_code, within
from models import autoencoders
from models.autoencoder import Autoencoder, ImageShape

WIDTH = 1024


def _layer(inputs: int, outputs: int) -> list[nn.Module]:
    return [nn.Linear(inputs, outputs), nn.LeakyReLU(0.5)]


@autoencoders.register(
    "dnn", "the HW5 report's fully connected autoencoder, code 1024: dnn, dnn(code=32)"
)
class DNN(Autoencoder):
    """Three linear layers to the code, three back, LeakyReLU 0.5 and Tanh between.

    At 3×32×32 and with the HW5 report's code of 1024 it has 10,493,952 parameters, 5,245,952 of
    them in the encoder.

    Parameters
    ----------
    code : int
        Numbers of the code, 1 to 16,384; a bottleneck where it is small.

    References
    ----------
    Machine Learning Fall 2020, report on Homework 5, section 1.
    """

    def __init__(self, image_shape: ImageShape, *, code: int = WIDTH) -> None:
        super().__init__()
        check_code(code)
        pixels = math.prod(image_shape)
        self.encoder = nn.Sequential(
            nn.Flatten(),
            *(*_layer(pixels, WIDTH), nn.Tanh()),
            *(*_layer(WIDTH, WIDTH), nn.Tanh()),
            *_layer(WIDTH, code),
        )
        self.decoder = nn.Sequential(
            *(*_layer(code, WIDTH), nn.Tanh()),
            *(*_layer(WIDTH, WIDTH), nn.Tanh()),
            *(*_layer(WIDTH, pixels), nn.Tanh()),
            nn.Unflatten(1, image_shape),
        )


@autoencoders.register("denoising", "the dnn trained on noisy images: denoising(noise=0.5)")
class Denoising(DNN):
    """`DNN` that sees images with Gaussian noise, and is to return them without.

    This keeps a code of the HW5 report's size from becoming a mere copy. Layers and initial weights
    are those of `DNN`: the two differ only in their objective. Clean images are encoded.

    Parameters
    ----------
    code : int
        Numbers of the code, 1 to 16,384.
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


@autoencoders.register("sparse", "the dnn with an L1 penalty on its code: sparse(weight=0.1)")
class Sparse(DNN):
    """`DNN` trained on mean squared error + weight · mean of the code's absolute values.

    Few of the code's numbers describe an image. Layers and initial weights are those of `DNN`: the
    two differ only in their objective.

    Parameters
    ----------
    code : int
        Numbers of the code, 1 to 16,384.
    weight : float
        Of the penalty, 0 to 100.

    References
    ----------
    Ranzato, Boureau, LeCun (2007), Sparse feature learning for deep belief networks; Goodfellow,
    Bengio, Courville (2016), Deep learning, section 14.2.1.
    """

    family: ClassVar[str | None] = "dnn"

    def __init__(self, image_shape: ImageShape, *, code: int = WIDTH, weight: float = 0.05) -> None:
        super().__init__(image_shape, code=code)
        within(0, 100, weight=weight)
        self.weight = weight

    def objective(self, x: Tensor) -> Tensor:
        """Return the error of reconstruction plus the penalty on the code."""
        code, reconstruction = self(x)
        return functional.mse_loss(reconstruction, x) + self.weight * code.abs().mean()
