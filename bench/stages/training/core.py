"""Trains an autoencoder: Adam on the model's objective, data resident on the device."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor

from bench.base.memory import kept_memory
from bench.datasets.image_form import Images
from bench.stages.stage import Inputs, Steps, no_steps
from bench.stages.training.capture import Record, queued, record_graph, recorded
from bench.stages.training.convolution import spectral
from bench.stages.training.schedule import CONSTANT, Schedule, share
from bench.stages.training.state import Keeper, Training, drawing
from models.autoencoder import Autoencoder, ImageShape


@dataclass(frozen=True)
class Recipe:
    """How a model is trained; the same for every rival."""

    epochs: int  # passes over the training images
    lr: float  # Adam's learning rate
    batch_size: int  # images a step; the last batch of an epoch may be smaller
    schedule: Schedule = CONSTANT  # of the learning rate over the steps


def shape_of(images: Inputs) -> ImageShape:
    """Return the shape of one of a model's inputs: of an image (C, H, W), of a code (d,)."""
    shape = images.shape[1:]
    return (shape[2], shape[0], shape[1]) if len(shape) == 3 else tuple(shape)


def to_device(images: Inputs, device: torch.device) -> Tensor:
    """Put images (n, H, W, C) uint8 on a device as (n, C, H, W) uint8; codes as they are."""
    if isinstance(images, np.ndarray):
        # Copied, once: the source may be a read-only map, which torch would warn about.
        laid = images.transpose(0, 3, 1, 2) if images.ndim == 4 else images
        return torch.from_numpy(np.array(laid, order="C")).to(device)
    found = torch.empty(len(images), *shape_of(images), dtype=torch.uint8)
    for start, piece in images.arrays():
        found[start : start + len(piece)] = to_device(piece, torch.device("cpu"))
    return found.to(device)


def normalize(images: Tensor) -> Tensor:
    """Bring uint8 values to float32 in [-1, 1] by x / 255 · 2 − 1, as the homework does.

    Codes, which are float32, stay as they are.
    """
    if images.dtype == torch.float32:
        return images
    return images.to(torch.float32).mul_(2 / 255).sub_(1)


def build(model: type[Autoencoder], shape: ImageShape, seed: int) -> Autoencoder:
    """Build a model with initial weights that depend on the seed alone.

    The weights are drawn on the CPU, so that every device starts from the same; the global
    generator of the caller is left as it was.
    """
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        return model(shape)


class Trainer:
    """A training made ready: what comes once, such as recording a step, is done.

    The model is on the device of the images (n, C, H, W) uint8, and trained in place. The seed
    decides the order of batches, and what the model draws from torch's generators (dropout, noise).
    ``record`` says how steps are recorded, to be played back; None: as it pays on the device.
    """

    def __init__(
        self,
        model: Autoencoder,
        images: Tensor,
        recipe: Recipe,
        seed: int,
        record: Record | None = None,
    ) -> None:
        self.model, self.images, self.recipe, self.seed = model, images, recipe, seed
        model.train()
        self.batches = -(-len(images) // recipe.batch_size)  # of an epoch
        varies = recipe.schedule != CONSTANT
        self.training = Training(model, recipe.lr, seed, images.device, varies)
        if record is None and images.device.type == "cuda":
            record = record_graph
        with self._at_work():
            if record is None:
                self.epoch = queued(self._step, images, recipe.batch_size)
            else:
                self.epoch = recorded(self._step, images, recipe.batch_size, self.training, record)

    def run(
        self,
        progress: Steps = no_steps,
        keeper: Keeper | None = None,
    ) -> list[float]:
        """Train.

        ``progress`` is called after each step with the steps queued so far and the steps there are;
        a keeper saves the training now and then, and takes it up where it was.

        Returns
        -------
        list of float
            An entry an epoch: the sum over its batches of each batch's objective, by default its
            mean squared error, as the homework prints it. Ends early after one that is not
            finite.
        """
        training, epochs = self.training, self.recipe.epochs
        with self._at_work(), kept_memory():
            if keeper:
                keeper.restore(training)
            while training.epoch < epochs and math.isfinite(sum(training.history[-1:])):
                for _ in self.steps():
                    training.batch += 1
                    if keeper:
                        keeper.step(training)
                    done = training.epoch * self.batches + training.batch
                    progress(done, epochs * self.batches)
                training.end_epoch()
            if math.isfinite(sum(training.history[-1:])):
                self.prepare()
        return training.history

    def prepare(self) -> None:
        """Have the model prepare for an epoch, or for the time after the last."""
        done = self.training.epoch / self.recipe.epochs
        self.model.begin_epoch(done, self.images, lambda: codes(self.model, self.images))

    def steps(self) -> Iterator[None]:
        """Take the epoch's remaining steps: one each time the next is asked for."""
        training, recipe = self.training, self.recipe
        if training.batch == 0:
            self.prepare()
        first, steps = training.epoch * self.batches, recipe.epochs * self.batches
        epoch = self.epoch(training.permutation(len(self.images)), training.batch)
        for batch in range(training.batch, self.batches):
            training.set_rate(recipe.lr * share(recipe.schedule, first + batch, steps))
            yield next(epoch)

    def rehearse(self) -> None:
        """Take a step, without the model's preparations for an epoch: there are no real images."""
        with self._at_work():
            next(self.epoch(self.training.permutation(len(self.images)), 0))

    def _step(self, batch: Tensor) -> None:
        training = self.training
        training.total += step(self.model, training.optimizer, normalize(batch))

    @contextmanager
    def _at_work(self) -> Iterator[None]:
        device = self.images.device
        with drawing(self.seed, device), spectral(self.training.model, device):
            yield


def train(
    model: Autoencoder,
    images: Tensor,
    recipe: Recipe,
    seed: int,
    progress: Steps = no_steps,
    keeper: Keeper | None = None,
    record: Record | None = None,
) -> list[float]:
    """Train a model in place; parameters and result are those of `Trainer`."""
    return Trainer(model, images, recipe, seed, record).run(progress, keeper)


def largest_batch(
    model: type[Autoencoder], shape: ImageShape, recipe: Recipe, device: str
) -> int | None:
    """Find a batch that a training step has the memory for, by halving; None if even 1 is not."""
    size = recipe.batch_size // 2
    while size:
        try:
            warm_up(model, shape, Recipe(1, recipe.lr, size), device)
            return size
        except (RuntimeError, MemoryError) as error:
            if not out_of_memory(error):
                raise
            size //= 2
    return None


def out_of_memory(error: BaseException) -> bool:
    """Tell whether an error means that the device has no memory left."""
    # On the CPU torch raises a plain RuntimeError, which only its words tell apart.
    return isinstance(error, (torch.OutOfMemoryError, MemoryError)) or (
        isinstance(error, RuntimeError) and "allocate memory" in str(error)
    )


def free_memory(device: str) -> None:
    """Give what torch keeps for later back to the device."""
    if device != "cpu":
        getattr(torch, device).empty_cache()


def be_deterministic() -> None:
    """Have torch give the same bits every time on this process's devices.

    cuBLAS asks for the environment variable CUBLAS_WORKSPACE_CONFIG=:4096:8 as well, set before
    the device is first used.
    """
    torch.use_deterministic_algorithms(True)
    torch.backends.cudnn.benchmark = False


def set_precision(precision: str) -> None:
    """Have NVIDIA GPUs multiply in ``float32``, or in ``tf32``, whose factors have 10 bits."""
    fast = precision == "tf32"
    torch.set_float32_matmul_precision("high" if fast else "highest")
    torch.backends.cudnn.allow_tf32 = fast  # PyTorch's own default is true


def kernels(device: str) -> dict[str, Any]:
    """Return which kernels a device trains with: what the bits of a training depend on."""
    return {
        "device": torch.cuda.get_device_name() if device == "cuda" else device,
        "torch": torch.__version__,
        "cudnn": torch.backends.cudnn.version() if device == "cuda" else None,
        "threads": torch.get_num_threads(),
        "capability": torch.backends.cpu.get_cpu_capability(),
        "precision": torch.get_float32_matmul_precision(),
        "deterministic": torch.are_deterministic_algorithms_enabled(),
    }


def warm_up(
    model: type[Autoencoder], shape: ImageShape, recipe: Recipe | None, device: str
) -> None:
    """Have a device choose its kernels, with a model and images that are thrown away.

    On a CPU by one thread: the mathematical functions of its library choose their kernels at their
    first call, and when several threads made that call at once, about one process in forty ended at
    other last digits. Without a recipe one batch is encoded; with one, one step of training is
    taken.
    """
    threads = torch.get_num_threads()
    torch.set_num_threads(1 if device == "cpu" else threads)
    try:
        count = 1 if recipe is None else recipe.batch_size
        kind = torch.uint8 if len(shape) == 3 else torch.float32
        images = torch.zeros(count, *shape, dtype=kind, device=device)
        network = build(model, shape, seed=0).to(device)
        if recipe is None:
            encode(network, images)
        else:
            Trainer(network, images, Recipe(1, recipe.lr, recipe.batch_size), seed=0).rehearse()
    finally:
        torch.set_num_threads(threads)


def step(model: Autoencoder, optimizer: torch.optim.Optimizer, x: Tensor) -> Tensor:
    """Take one optimizer step on a batch (n, C, H, W) float32; return its loss, detached."""
    loss = model.objective(x)
    optimizer.zero_grad(set_to_none=True)
    loss.backward()
    optimizer.step()
    return loss.detach()


def fitting_batch(shape: ImageShape, most: int = 256) -> int:
    """Return how many inputs of a shape are encoded at a time: ``most``, of large images fewer.

    Of images of 224×224, 256 would take 150 MB for each array of them.
    """
    pixels = math.prod(shape[1:]) if len(shape) == 3 else 1
    return max(1, min(most, most * 64 * 64 // pixels))


@torch.inference_mode()
def encode(
    model: Autoencoder,
    images: Tensor,
    batch_size: int = 256,
    progress: Steps = no_steps,
    look: Callable[[Tensor, Tensor], None] = lambda reconstructions, errors: None,
) -> tuple[Tensor, float]:
    """Encode images (n, C, H, W) uint8, on the model's device, and measure their reconstruction.

    ``batch_size`` bounds memory, not results; ``progress`` is called with images done and images
    there are. ``look`` is shown each batch's reconstructions, (b, C, H, W) float32 on the device,
    and each image's mean squared error, (b,) float64 on the CPU.

    Returns
    -------
    codes : Tensor, shape (n, code size), float32, on the CPU
    loss : float
        Mean squared error over all images and pixel values, values in [-1, 1]; NaN for a model
        that does not decode.

    Raises
    ------
    ValueError
        If the model gives more or fewer codes than it is given images.
    """
    model.eval()
    # Laid out at once: pieces and what is joined from them are twice the codes of all images.
    found, squared_error = torch.empty(0), 0.0
    with spectral(model, images.device), kept_memory():
        for start in range(0, len(images), batch_size):
            x = normalize(images[start : start + batch_size])
            code, reconstruction = model(x)
            flat = code.flatten(1)
            if len(flat) != len(x):  # one code would be taken for that of each
                raise ValueError(f"the model gave {len(flat)} codes for {len(x)} images")
            if start == 0:
                found = torch.empty(len(images), flat.shape[1])
            found[start : start + batch_size] = flat
            # In double precision on the CPU: the sum must not depend on how images are batched.
            errors = torch.full((len(x),), math.nan, dtype=torch.float64)
            if model.decodes:
                errors = (reconstruction - x).square().flatten(1).mean(1).cpu().double()
            squared_error += float(errors.sum())
            look(reconstruction, errors)
            progress(min(start + batch_size, len(images)), len(images))
    loss = squared_error / len(images) if model.decodes else math.nan
    return found, loss


@torch.no_grad()
def codes(model: Autoencoder, images: Tensor, batch_size: int = 256) -> Tensor:
    """Return the codes of images, (n, code size) float32 on their device, amid a training."""
    model.eval()
    found = [model.encoder(normalize(batch)).flatten(1) for batch in images.split(batch_size)]
    model.train()
    return torch.cat(found)


def to_images(reconstructions: Tensor) -> Images:
    """Bring reconstructions (n, C, H, W) in [-1, 1] to images (n, H, W, C) uint8 in memory."""
    scaled = reconstructions.add(1).mul(255 / 2).round().clamp(0, 255).to("cpu", torch.uint8)
    return scaled.permute(0, 2, 3, 1).contiguous().numpy()
