"""A variational autoencoder whose prior has a weight."""

from __future__ import annotations

import math

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
    "variational", "β-variational autoencoder, code 32: variational(beta=4,code=16)"
)
class Variational(Autoencoder):
    """Codes are distributions, held towards a normal one; their means are what is clustered.

    Layers as in `models.dnn.DNN`, two to the means and variances, three back.
    Trained on mean squared error + beta · (divergence from the normal distribution, in nats a
    pixel value). The decoder is given draws in training, and means otherwise. At 3×32×32 it has
    8,494,144 parameters.

    Parameters
    ----------
    code : int
        Numbers of the code, 1 to 16,384.
    beta : float
        Weight of the prior, 0 to 1000; higher for numbers that vary apart.

    References
    ----------
    Kingma, Welling (2014), Auto-encoding variational Bayes; Higgins et al. (2017), beta-VAE.
    """

    def __init__(self, image_shape: ImageShape, *, code: int = 32, beta: float = 1.0) -> None:
        super().__init__()
        check_code(code)
        within(0, 1000, beta=beta)
        self.beta = beta
        pixels = math.prod(image_shape)
        self.encoder = nn.Sequential(
            nn.Sequential(
                nn.Flatten(),
                *(*_layer(pixels, WIDTH), nn.Tanh()),
                *(*_layer(WIDTH, WIDTH), nn.Tanh()),
            ),
            nn.Linear(WIDTH, code),
        )
        self.log_variance = nn.Linear(WIDTH, code)
        self.decoder = nn.Sequential(
            *(*_layer(code, WIDTH), nn.Tanh()),
            *(*_layer(WIDTH, WIDTH), nn.Tanh()),
            *(nn.Linear(WIDTH, pixels), nn.Tanh()),
            nn.Unflatten(1, image_shape),
        )

    def objective(self, x: Tensor) -> Tensor:
        """Return the error of an image decoded from a draw, plus the weighted divergence."""
        trunk, to_mean = self.encoder.children()
        hidden = trunk(x)
        mean, log_variance = to_mean(hidden), self.log_variance(hidden)
        drawn = mean + torch.randn_like(mean) * (log_variance / 2).exp()
        # Kingma and Welling, appendix B, equation 10.
        divergence = (mean.square() + log_variance.exp() - 1 - log_variance).sum(1).mean() / 2
        error = functional.mse_loss(self.decoder(drawn), x)
        return error + self.beta * divergence / x[0].numel()
