"""The loop as a careful user writes it in plain PyTorch: the rival that the core should beat.

Images on the device, fused Adam, no look at the loss before the epoch's end; no graphs, and
PyTorch's own choice of kernels. What models ask for before epochs (`begin_epoch`) is done outside.
"""

from __future__ import annotations

import torch
from torch import Tensor

from bench.stages.training.core import Recipe
from models.autoencoder import Autoencoder


def train(model: Autoencoder, images: Tensor, recipe: Recipe, seed: int) -> list[float]:
    """Train a model in place.

    Parameters
    ----------
    model : Autoencoder
        On the device of the images.
    images : Tensor, shape (n, C, H, W), float32 in [-1, 1]
    recipe : Recipe
    seed : int
        Of the order of batches, which is the core's.

    Returns
    -------
    list of float
        The sum of batch losses of each epoch.
    """
    optimizer = torch.optim.Adam(model.parameters(), lr=recipe.lr, fused=True)
    generator = torch.Generator().manual_seed(seed)
    model.train()
    totals = []
    for _ in range(recipe.epochs):
        total = torch.zeros((), device=images.device)
        order = torch.randperm(len(images), generator=generator).to(images.device)
        for batch in order.split(recipe.batch_size):
            x = images[batch]
            loss = model.objective(x)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            total += loss.detach()
        totals.append(total)
    return [float(total) for total in totals]
