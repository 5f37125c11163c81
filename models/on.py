"""A small autoencoder on top of codes that do not change."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from bench.base.checks import need, within
from bench.base.extras import require
from bench.base.grammar import GrammarError
from models import autoencoders
from models.autoencoder import Autoencoder, ImageShape
from models.named import Named

PIECE = 4096  # codes whose deviations are computed at a time


def _layers(*widths: int) -> nn.Sequential:
    found: list[nn.Module] = []
    for inputs, outputs in itertools.pairwise(widths):
        found += [nn.Linear(inputs, outputs), nn.ReLU()]
    return nn.Sequential(*found[:-1])


class Standardized(nn.Module):
    """Layers on codes of which a mean is subtracted, and which are divided by one number.

    One number for all dimensions, and not one for each: Euclidean distances, which clusterers
    go by, keep their proportions, and dimensions that hardly vary are not made as important as
    the others. Codes are not brought to one length first: the length would be lost, and with it a
    part of what is to be reconstructed.
    """

    mean: Tensor
    scale: Tensor

    def __init__(self, size: int, layers: nn.Module) -> None:
        super().__init__()
        self.layers = layers
        self.register_buffer("mean", torch.zeros(size))
        self.register_buffer("scale", torch.ones(()))

    @torch.no_grad()
    def measure(self, codes: Tensor) -> None:
        """Find mean and scale of codes, (n, size) float32: the root mean squared deviation."""
        self.mean.copy_(codes.mean(0))
        squares = [(piece - self.mean).square().sum() for piece in codes.split(PIECE)]
        scale = (torch.stack(squares).sum() / codes.numel()).sqrt()
        # Of codes that are all the same it is 0.
        self.scale.copy_(torch.where(scale > 0, scale, torch.ones_like(scale)))

    def apart(self, x: Tensor) -> Tensor:
        """Return codes (n, size), standardized."""
        return (x - self.mean) / self.scale

    def back(self, x: Tensor) -> Tensor:
        """Return standardized codes (n, size) in the units of the codes."""
        return x * self.scale + self.mean

    def forward(self, x: Tensor) -> Tensor:
        """Return what the layers make of codes (n, size)."""
        found: Tensor = self.layers(self.apart(x))
        return found


@autoencoders.register(
    "on", "a small autoencoder on the codes of a model that does not train: on(model=hand-crafted)"
)
class On(Autoencoder):
    """An autoencoder of codes, d-hidden-code-hidden-d with ReLU between.

    It shows whether training on the images at hand adds anything to frozen codes: its own code is
    to be compared with those, and with that of ``untrained-on``, which is a random projection.

    The codes are standardized by their mean and by one scale, so that the objective, the mean
    squared error of standardized codes, is 1 for the mean code whatever the model below. Its
    untrained variant, which sees no data, is given the codes as they are.

    Parameters
    ----------
    model : str
        The model below, as users write it; one that does not train, and stands on no other.
    code : int
        Numbers of the code, 2 to 1024; 32 to 128 are usual.
    hidden : int
        Units of the layers between, 2 to 8192.
    """

    encoder: Standardized

    def __init__(
        self, image_shape: ImageShape, *, model: str, code: int = 64, hidden: int = 512
    ) -> None:
        super().__init__()
        within(2, 1024, code=code)
        within(2, 8192, hidden=hidden)
        need(len(image_shape) == 1, f"works on codes (size,), found images {tuple(image_shape)}")
        (size,) = image_shape
        self.encoder = Standardized(size, _layers(size, hidden, code))
        self.decoder = _layers(code, hidden, size)

    @classmethod
    def attributes(cls, **settings: Any) -> dict[str, Any]:
        try:
            named = Named.parse(settings["model"])
        except GrammarError as error:  # of the model below: for its user it is a setting of this
            raise ValueError(str(error)) from None
        require(autoencoders, named.name)
        item = named.item()
        if item.trains:
            raise ValueError(
                f"{named} trains, so that its codes would not stay as they are: name one that does "
                f"not, {', '.join(_frozen())} or untrained-NAME"
            )
        need(item.base is None, f"{named} stands on another model itself: name {item.base}")
        return {"base": str(named), "pretrained": item.pretrained}

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Encode codes (n, d) float32, and reconstruct them in their units.

        Returns
        -------
        code : Tensor, shape (n, code), float32
        reconstruction : Tensor, shape (n, d), float32
        """
        code = self.encoder(x)
        return code, self.encoder.back(self.decoder(code))

    def objective(self, x: Tensor) -> Tensor:
        """Return the mean squared error of standardized codes, of a batch (n, d) float32."""
        return functional.mse_loss(self.decoder(self.encoder(x)), self.encoder.apart(x))

    def begin_epoch(self, done: float, images: Tensor, encode: Callable[[], Tensor]) -> None:
        """Find the mean and scale of the codes, ``images`` (n, d) float32, before the first."""
        if done == 0:
            self.encoder.measure(images)


def _frozen() -> list[str]:
    """Return the models that do not train, without untrained variants and those on others."""
    return [
        entry.name
        for entry in autoencoders
        if entry.origin is None and not getattr(entry.item, "trains", True)
    ]
