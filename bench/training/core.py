"""Trains an autoencoder: Adam on the mean squared error, data resident on the device."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional

from bench.datasets.source import Images
from models.autoencoder import Autoencoder, ImageShape


@dataclass(frozen=True)
class Recipe:
    """How a model is trained; the same for every rival.

    Attributes
    ----------
    epochs : int
        Passes over the training images.
    lr : float
        Adam's learning rate.
    batch_size : int
        Images a step; the last batch of an epoch may be smaller.
    """

    epochs: int
    lr: float
    batch_size: int


def to_device(images: Images, device: torch.device) -> Tensor:
    """Put images (n, H, W, C) uint8 on a device as (n, C, H, W) uint8."""
    # Copied: the source may be a read-only map, which torch would warn about.
    tensor = torch.from_numpy(images.copy()).permute(0, 3, 1, 2)
    return tensor.contiguous().to(device)


def normalise(images: Tensor) -> Tensor:
    """Bring uint8 values to float32 in [-1, 1] by x / 255 · 2 − 1, as the homework does."""
    return images.to(torch.float32).mul_(2 / 255).sub_(1)


def build(model: type[Autoencoder], shape: ImageShape, seed: int) -> Autoencoder:
    """Build a model with initial weights that depend on the seed alone.

    The weights are drawn on the CPU, so that every device starts from the same; the global
    generator of the caller is left as it was.
    """
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        return model(shape)


def train(
    model: Autoencoder,
    images: Tensor,
    recipe: Recipe,
    seed: int,
    progress: Callable[[int, int], None] = lambda done, total: None,
) -> list[float]:
    """Train a model in place.

    Parameters
    ----------
    model : Autoencoder
        On the device of the images.
    images : Tensor, shape (n, C, H, W), uint8
        Training images.
    recipe : Recipe
    seed : int
        Decides the order of batches, and nothing else.
    progress : callable
        Called after each step with the steps queued so far and the steps there are.

    Returns
    -------
    list of float
        An entry an epoch: the sum over its batches of each batch's mean squared error, as the
        homework prints it.
    """
    model.train()
    optimizer = torch.optim.Adam(model.parameters(), lr=recipe.lr, fused=True)
    order = torch.Generator().manual_seed(seed)
    batches = -(-len(images) // recipe.batch_size)
    history = []
    for epoch in range(recipe.epochs):
        permutation = torch.randperm(len(images), generator=order).to(images.device)
        # Summed on the device and read once an epoch: reading a batch's loss waits for it.
        total = torch.zeros((), device=images.device)
        for number, batch in enumerate(permutation.split(recipe.batch_size), start=1):
            total += step(model, optimizer, normalise(images[batch]))
            progress(epoch * batches + number, recipe.epochs * batches)
        history.append(float(total))
    return history


def warm_up(model: type[Autoencoder], shape: ImageShape, recipe: Recipe, device: str) -> None:
    """Have a device choose its kernels, by one step of a model that is thrown away."""
    images = torch.zeros(recipe.batch_size, *shape, dtype=torch.uint8, device=device)
    one_epoch = Recipe(1, recipe.lr, recipe.batch_size)
    train(build(model, shape, seed=0).to(device), images, one_epoch, seed=0)


def step(model: nn.Module, optimizer: torch.optim.Optimizer, x: Tensor) -> Tensor:
    """Take one optimiser step on a batch (n, C, H, W) float32; return its loss, detached."""
    _, reconstruction = model(x)
    loss = functional.mse_loss(reconstruction, x)
    optimizer.zero_grad(set_to_none=True)
    loss.backward()
    optimizer.step()
    return loss.detach()


@torch.inference_mode()
def encode(
    model: Autoencoder,
    images: Tensor,
    batch_size: int = 256,
    progress: Callable[[int, int], None] = lambda done, total: None,
) -> tuple[Tensor, float]:
    """Encode images and measure how well they are reconstructed.

    Parameters
    ----------
    model : Autoencoder
        On the device of the images.
    images : Tensor, shape (n, C, H, W), uint8
    batch_size : int
        Images at a time; bounds memory, not results.
    progress : callable
        Called with images done and images there are.

    Returns
    -------
    codes : Tensor, shape (n, code size), float32, on the CPU
    loss : float
        Mean squared error over all images and pixel values, values in [-1, 1].
    """
    model.eval()
    codes, squared_error = [], 0.0
    for start in range(0, len(images), batch_size):
        x = normalise(images[start : start + batch_size])
        code, reconstruction = model(x)
        codes.append(code.flatten(1).to("cpu", torch.float32))
        # In double precision on the CPU: the sum must not depend on how images are batched.
        error = (reconstruction - x).square().flatten(1).mean(1)
        squared_error += float(error.cpu().double().sum())
        progress(min(start + batch_size, len(images)), len(images))
    return torch.cat(codes), squared_error / len(images)


@torch.inference_mode()
def reconstruct(model: Autoencoder, images: Tensor) -> Tensor:
    """Return reconstructions, (n, C, H, W) uint8 on the CPU, of images of the same form."""
    model.eval()
    _, reconstruction = model(normalise(images))
    return reconstruction.add(1).mul(255 / 2).round().clamp(0, 255).to("cpu", torch.uint8)
