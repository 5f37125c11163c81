"""The loop as a student would write it: what the core's speed is measured against.

Nothing here is tuned, on purpose: a loader that collects images one by one, Adam as it comes,
and a look at the loss after every batch. What models
ask for before epochs (`begin_epoch`) is done outside of it.
"""

from __future__ import annotations

from collections.abc import Iterator

import torch
from torch import Tensor
from torch.utils.data import DataLoader, Sampler

from bench.datasets.image_form import Images
from bench.stages.training.core import Recipe
from models.autoencoder import Autoencoder


class Order(Sampler[int]):
    """A new permutation every epoch, the same as the core's, so that losses can be compared.

    Parameters
    ----------
    count : int
        Images.
    seed : int
    """

    def __init__(self, count: int, seed: int) -> None:
        self.count = count
        self.generator = torch.Generator().manual_seed(seed)

    def __iter__(self) -> Iterator[int]:
        yield from torch.randperm(self.count, generator=self.generator).tolist()

    def __len__(self) -> int:
        return self.count


def load(images: Images, batch_size: int, seed: int | None = None) -> DataLoader[Tensor]:
    """Scale all images to [-1, 1] as the homework does, and make a loader over them.

    Parameters
    ----------
    images : ndarray, shape (n, H, W, C), uint8
    batch_size : int
    seed : int or None
        Of the order of images; None: as they are.
    """
    x = torch.from_numpy(images.copy()).permute(0, 3, 1, 2).float() / 255 * 2 - 1
    order = None if seed is None else Order(len(x), seed)
    return DataLoader(x, batch_size=batch_size, sampler=order)  # type: ignore[arg-type]


def train(model: Autoencoder, loader: DataLoader[Tensor], recipe: Recipe) -> list[float]:
    """Train a model in place, on the device it is on.

    Returns
    -------
    list of float
        The sum of batch losses of each epoch.
    """
    device = next(model.parameters()).device
    optimizer = torch.optim.Adam(model.parameters(), lr=recipe.lr)
    model.train()
    history = []
    for _ in range(recipe.epochs):
        epoch_loss = 0.0
        for batch in loader:
            x = batch.to(device)
            loss = model.objective(x)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            epoch_loss += loss.item()
        history.append(epoch_loss)
    return history


def encode(model: Autoencoder, loader: DataLoader[Tensor]) -> Tensor:
    """Return codes, (n, code size) on the CPU."""
    device = next(model.parameters()).device
    model.eval()
    codes = []
    with torch.no_grad():
        for batch in loader:
            code, _ = model(batch.to(device))
            codes.append(code.flatten(1).cpu())
    return torch.cat(codes)
