"""The stage encode: codes of all images, and how well the training images are reconstructed."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from bench.base.checks import ImageShape
from bench.datasets.image_form import Images
from bench.stages import train as train_stage
from bench.stages.cost import SHARE_OF_MATRIX_RATE, matrix_rate
from bench.stages.stage import Array, Given, Job, Result, Steps, Task, megabytes, no_steps
from bench.stages.train import WithModel, warm_up
from bench.stages.training.probe import forward_flops

if TYPE_CHECKING:
    from torch import Tensor

    from models.autoencoder import Autoencoder

PICTURED = 20_000  # images whose reconstructions are kept, for people to look at
BATCH = 256  # images encoded at a time
SMALL_BATCH = 16  # the same where the device's memory is short


@dataclass(frozen=True)
class Encode(WithModel):
    """Encodes training and validation images."""

    name: ClassVar[str] = "encode"
    reads: ClassVar[tuple[str, ...]] = ("train",)
    data: ClassVar[tuple[str, ...]] = ("images", "validation_images")

    pictured: int = PICTURED

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
        (trained,) = given.parents
        weights, data = trained.arrays(), given.data
        images, model = (data.images, data.validation_images), self.item
        return Job(
            lambda: encode(model, weights, *images, self.device, self.pictured, given.steps),
            lambda: warm_up(model, data.images, None, self.device),
        )

    def seconds(self, task: Task, shape: ImageShape) -> float:
        flops = forward_flops(self.model, shape) * task.samples
        return 0.05 + flops / matrix_rate(self.device) / SHARE_OF_MATRIX_RATE

    def megabytes(self, task: Task, shape: ImageShape, validation_images: int = 0) -> float:
        codes = (task.samples + validation_images) * task.outputs
        return megabytes(codes + min(task.samples, self.pictured) * math.prod(shape) / 4)


def encode(
    model: type[Autoencoder],
    weights: dict[str, Array],
    images: Images,
    validation_images: Images,
    device: str,
    pictured: int = PICTURED,
    progress: Steps = no_steps,
) -> Result:
    """Encode all images, and measure the reconstruction of the training images.

    Returns
    -------
    Result
        Arrays: ``train`` (n, code size) and, where there are validation images, ``validation``
        (m, code size), float32 codes; and where the model decodes ``errors`` (n,) float32, each
        training image's mean squared error, and ``reconstructions`` (k, 32, 32, 3) uint8 of the
        images ``pictured`` (k,), all of them or so many, evenly spaced. Values:
        ``reconstruction_loss`` (None where the model does not decode), ``code_size``,
        ``encode_batch_size`` (less than usual where the device's memory asked for it).
    """
    import torch

    from bench.stages.training import core

    network = core.build(model, (3, *images.shape[1:3]), seed=0)
    network.load_state_dict({name: torch.tensor(value) for name, value in weights.items()})
    network.to(device)
    target = torch.device(device)
    resident = core.to_device(images, target)
    for size in (BATCH, SMALL_BATCH):
        album = Album(len(images), pictured)
        try:
            codes, loss = core.encode(network, resident, size, progress, album.add)
            break
        except (RuntimeError, MemoryError) as error:
            if size == SMALL_BATCH or not core.out_of_memory(error):
                raise
        core.free_memory(device)
    # By pieces: torch makes a copy of all that it is asked of.
    finite = all(bool(torch.isfinite(piece).all()) for piece in codes.split(BATCH))
    if not (finite and (math.isfinite(loss) or not model.decodes)):
        raise FloatingPointError("codes or reconstructions hold values that are not finite")
    arrays = {"train": codes.numpy()}
    if model.decodes:
        arrays |= album.arrays()
    if len(validation_images):
        held_out, _ = core.encode(network, core.to_device(validation_images, target), size)
        arrays["validation"] = held_out.numpy()
    values = {
        "reconstruction_loss": loss if model.decodes else None,
        "code_size": codes.shape[1],
        "encode_batch_size": size,
    }
    return Result(arrays, values)


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
