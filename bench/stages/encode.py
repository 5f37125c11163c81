"""The stage encode: codes of all images, and how well the training images are reconstructed."""

from __future__ import annotations

import functools
import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from bench.base.checks import ImageShape
from bench.datasets.pieces import ImageNames
from bench.stages import train as train_stage
from bench.stages.stage import Array, Given, Inputs, Job, Result, Steps, Task, megabytes, no_steps
from bench.stages.train import BASE, WithModel, warm_up
from bench.stages.training.probe import forward_seconds, input_shape

if TYPE_CHECKING:
    from torch import Tensor

    from models.autoencoder import Autoencoder

PICTURED = 20_000  # images whose reconstructions are kept, for people to look at
BATCH = 256  # images encoded at a time, at most
PIECE = 4096  # codes whose variance is computed at a time
SMALL_BATCH = 16  # the same where the device's memory is short


@dataclass(frozen=True)
class Encode(WithModel):
    """Encodes training and validation images."""

    name: ClassVar[str] = "encode"
    reads: ClassVar[tuple[str, ...]] = ("train", BASE)
    data: ClassVar[tuple[str, ...]] = ("images", "validation_images")

    pictured: int = PICTURED

    @property
    def reads_data(self) -> tuple[str, ...]:
        """Images; of a model whose codes are in a file, their names."""
        return ("names",) if self.item.from_names else super().reads_data

    @property
    def numerics_dependent(self) -> bool:
        """Whether it works on the CPU."""
        return self.device == "cpu"

    def sources(self) -> tuple[Any, ...]:
        from bench.stages.training import convolution, core

        return (train_stage, core, convolution)

    def outputs(self, features: int) -> int:
        return features

    def job(self, given: Given) -> Job:
        model, names = self.network_class(), given.data.names
        if model.from_names:
            return Job(lambda: look_up(model, names))
        trained, *bases = given.parents
        weights = trained.arrays()
        images = given.data.at(self.size)
        if bases:
            held_out = bases[0].array("validation")
            train = bases[0].require("train")
            images = (train, train[:0] if held_out is None else held_out)
        return Job(
            lambda: encode(model, weights, *images, self.device, self.pictured, given.steps),
            lambda: warm_up(model, images[0], None, self.device),
        )

    def seconds(self, task: Task, shape: ImageShape) -> float:
        if self.item.from_names:
            return 0.1
        once = forward_seconds(self.model, shape, BATCH, self.device, task.threads)
        return 0.05 + task.samples * once

    def megabytes(self, task: Task, shape: ImageShape, validation_images: int = 0) -> float:
        codes = (task.samples + validation_images) * task.outputs
        pictured = min(task.samples, self.pictured) if self.item.decodes else 0
        return megabytes(codes + pictured * math.prod(input_shape(self.model, shape)) / 4)


def encode(
    model: type[Autoencoder],
    weights: dict[str, Array],
    images: Inputs,
    validation_images: Inputs,
    device: str,
    pictured: int = PICTURED,
    progress: Steps = no_steps,
) -> Result:
    """Encode all images, and measure the reconstruction of the training images.

    ``images`` are (n, H, W, 3) uint8, or codes (n, d) float32 for a model that stands on these.

    Returns
    -------
    Result
        Arrays: ``train`` (n, code size) and, where there are validation images, ``validation``
        (m, code size), float32 codes; and where the model decodes images ``errors`` (n,) float32,
        each training image's mean squared error, and ``reconstructions`` (k, H, W, 3) uint8 of the
        images ``pictured`` (k,), all of them or so many, evenly spaced. Values:
        ``reconstruction_loss`` (None where the model does not decode images), ``code_loss`` (None
        where it does not decode codes), ``code_size``, ``encode_batch_size`` (less than usual where
        the device's memory asked for it).
    """
    import torch

    from bench.stages.training import core

    network = core.build(model, core.shape_of(images), seed=0)
    if not model.frozen:
        network.load_state_dict({name: torch.tensor(value) for name, value in weights.items()})
    network.to(device)
    of_images = model.decodes and model.base is None
    most = core.fitting_batch(core.shape_of(images), BATCH)
    for size in (most, min(most, SMALL_BATCH)):
        album = Album(len(images), pictured if of_images else 0)
        try:
            codes, loss = _encode(network, images, device, size, progress, album)
            break
        except (RuntimeError, MemoryError) as error:
            if size <= SMALL_BATCH or not core.out_of_memory(error):
                raise
        core.free_memory(device)
    # By pieces: torch makes a copy of all that it is asked of.
    finite = all(bool(torch.isfinite(piece).all()) for piece in codes.split(BATCH))
    if not (finite and (math.isfinite(loss) or not model.decodes)):
        raise FloatingPointError("codes or reconstructions hold values that are not finite")
    arrays = {"train": codes.numpy()}
    if of_images:
        arrays |= album.arrays()
    if len(validation_images):
        held_out, _ = _encode(network, validation_images, device, size)
        arrays["validation"] = held_out.numpy()
    values = {
        "reconstruction_loss": loss if of_images else None,
        "code_loss": code_loss(loss, np.asarray(images))
        if model.decodes and not of_images
        else None,
        "code_size": codes.shape[1],
        "encode_batch_size": size,
    }
    return Result(arrays, values)


def _encode(
    network: Autoencoder,
    images: Inputs,
    device: str,
    size: int,
    progress: Steps = no_steps,
    album: Album | None = None,
) -> tuple[Tensor, float]:
    """Encode images that may come in pieces, of which one at a time is on the device."""
    import torch

    from bench.stages.training import core

    pieces = [(0, images)] if isinstance(images, np.ndarray) else images.arrays()
    target, total = torch.device(device), len(images)
    codes, loss = torch.empty(0), 0.0
    for start, piece in pieces:
        steps = functools.partial(_steps, progress, start, total)
        look = (album.add,) if album else ()
        found, its_loss = core.encode(network, core.to_device(piece, target), size, steps, *look)
        if start == 0:
            codes = torch.empty(total, found.shape[1])
        codes[start : start + len(found)] = found
        loss += its_loss * (len(found) / total)
    return codes, loss


def _steps(progress: Steps, start: int, total: int, done: int, of: int) -> None:
    progress(start + done, total)


def code_loss(loss: float, codes: Array) -> float:
    """Return a mean squared error over codes (n, d) as a share of their variance."""
    # By pieces: in double precision all codes would take twice their memory.
    pieces = [codes[start : start + PIECE] for start in range(0, len(codes), PIECE)]
    mean = codes.mean(axis=0, dtype=np.float64)
    variance = sum(float(np.square(piece - mean).sum()) for piece in pieces) / codes.size
    return loss / variance if variance else math.nan


def look_up(model: Any, names: ImageNames) -> Result:
    """Return the codes of images that a file holds; see `encode` for the result."""
    train, validation = model((3, 1, 1)).rows(names)
    if not (np.isfinite(train).all() and np.isfinite(validation).all()):
        raise FloatingPointError("the embeddings hold values that are not finite")
    arrays = {"train": train} | ({"validation": validation} if len(validation) else {})
    return Result(
        arrays, {"reconstruction_loss": None, "code_loss": None, "code_size": train.shape[1]}
    )


class Album:
    """Keeps reconstructions of ``count`` images that come in batches, for people to look at.

    At most ``pictured`` are kept, of evenly spaced images, and every image's error.
    """

    def __init__(self, count: int, pictured: int) -> None:
        self.pictured = np.linspace(0, count - 1, min(pictured, count)).astype(np.int64)
        self.errors: list[Array] = []
        self.kept: list[Array] = []
        self.seen = 0

    def add(self, reconstructions: Tensor, errors: Tensor) -> None:
        """Keep what is wanted of a batch."""
        from bench.stages.training import core

        begin, end = np.searchsorted(self.pictured, [self.seen, self.seen + len(errors)])
        if begin < end:
            wanted = self.pictured[begin:end] - self.seen
            self.kept.append(core.to_images(reconstructions[wanted]))
        self.errors.append(errors.numpy().astype(np.float32))
        self.seen += len(errors)

    def arrays(self) -> dict[str, Array]:
        """Return ``pictured``, ``reconstructions`` and ``errors``; see `encode`."""
        return {
            "pictured": self.pictured,
            "reconstructions": np.concatenate(self.kept),
            "errors": np.concatenate(self.errors),
        }
