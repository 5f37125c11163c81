"""The stage train: builds a model, and trains it where it is trained at all."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, ClassVar, Self

from bench.base.checks import ImageShape
from bench.stages.stage import (
    Context,
    Given,
    Inputs,
    Job,
    Result,
    Stage,
    Steps,
    Task,
    megabytes,
    no_steps,
)
from bench.stages.training.probe import probe, step_seconds
from bench.stages.training.schedule import CONSTANT, Schedule
from models.named import Named, find, fingerprint

if TYPE_CHECKING:
    from bench.stages.training.core import Recipe
    from bench.stages.training.state import Keeper
    from models.autoencoder import Autoencoder

# The path, in a plan, of the codes that a model stands on.
BASE = "base"

SECONDS_TO_DRAW = 1e-8  # a parameter's first value
LEAST_STEP = 2e-4


@dataclass(frozen=True)
class WithModel(Stage):
    """Base class of the stages that work with a model, on the device."""

    is_work: ClassVar[bool] = True
    long: ClassVar[bool] = True

    model: str
    device: str
    deterministic: bool | None = None
    precision: str | None = None
    clusters: int | None = None
    size: int | None = None  # of the images, where it is not the grid's
    files: str | None = None  # a hash of what the model reads

    @classmethod
    def plan(cls, context: Context) -> Self:
        named = Named.parse(context.model)
        made = cls(
            context.model,
            clusters=context.clusters if named.needs_clusters else None,
            **context.on_device,
        )
        size = getattr(made.item, "image_size", None)
        own = size if made.item.base is None and size != context.image_shape[1] else None
        return replace(made, size=own, files=fingerprint(made.item))

    @property
    def parallel(self) -> bool:
        return True

    @property
    def own_size(self) -> int | None:
        return self.size

    @property
    def reads_data(self) -> tuple[str, ...]:
        """Images, unless the model stands on codes."""
        return self.data if self.item.base is None else ()

    def network_class(self) -> type[Autoencoder]:
        """Return the model's class; raise `ValueError` if its files have changed since planning."""
        item = self.item
        if fingerprint(item) != self.files:
            raise ValueError(f"the files of {self.model} have changed: run the grid again")
        return item

    @property
    def item(self) -> type[Autoencoder]:
        return find(self.model, self.clusters)

    def features(self, context: Context, parents: list[Task]) -> int:
        return probe(self.model, context.image_shape).code_size


@dataclass(frozen=True)
class Train(WithModel):
    """Trains a model on the training images."""

    name: ClassVar[str] = "train"
    reads: ClassVar[tuple[str, ...]] = (BASE,)
    data: ClassVar[tuple[str, ...]] = ("images",)

    weights_seed: int | None = None
    batches_seed: int | None = None
    epochs: int | None = None
    lr: float | None = None
    batch_size: int | None = None
    schedule: Schedule | None = None

    @classmethod
    def plan(cls, context: Context) -> Self:
        made = super().plan(context)
        settings: dict[str, Any] = {}
        if not made.item.deterministic:
            names = ("weights", context.fingerprint, Named.parse(context.model).family)
            settings["weights_seed"] = context.seed("model", *names)
        if made.item.trains:
            settings["batches_seed"] = context.seed("model", "batches", context.fingerprint)
            settings |= context.recipe
        return replace(made, **settings)

    @property
    def numerics_dependent(self) -> bool:
        """Whether it trains on the CPU; a model that is told the clusters seeks them there."""
        return self.item.trains and (self.device == "cpu" or self.clusters is not None)

    def sources(self) -> tuple[Any, ...]:
        from bench.stages.training import capture, convolution, core, schedule, state

        return (self.item, core, state, schedule, capture, convolution)

    def has_checkpoints(self) -> bool:
        return self.epochs is not None

    def job(self, given: Given) -> Job:
        from bench.stages.training.core import Recipe

        model = self.network_class()
        codes = [parent.require("train") for parent in given.parents]
        images = codes[0] if codes else given.data.at(self.size)[0]
        recipe = Recipe(
            self.epochs or 0, self.lr or 0.0, self.batch_size or 1, self.schedule or CONSTANT
        )
        seeds = self.weights_seed or 0, self.batches_seed or 0
        return Job(
            lambda: train(model, images, recipe, *seeds, self.device, given.steps, given.keeper),
            lambda: warm_up(model, images, recipe, self.device) if model.trains else None,
        )

    def seconds(self, task: Task, shape: ImageShape) -> float:
        if self.item.frozen:
            return 0.01
        parameters = probe(self.model, shape).parameters
        fresh = 0.01 + SECONDS_TO_DRAW * parameters
        if not self.epochs or not self.batch_size:
            return fresh
        steps = self.epochs * -(-task.samples // self.batch_size)
        once = step_seconds(self.model, shape, self.batch_size, self.device, task.threads)
        return fresh + steps * max(once, LEAST_STEP)

    def memory(self, task: Task, shape: ImageShape) -> float:
        # Weights, gradients, Adam's two moments and a checkpoint; a batch's activations, of which
        # there may be some hundred for each pixel; the images as numbers.
        parameters = 0 if self.item.frozen else probe(self.model, shape).parameters
        pixels = math.prod(shape) * ((self.batch_size or 1) * 100 + task.samples)
        return 4e-6 * (5 * parameters + pixels)

    def megabytes(self, task: Task, shape: ImageShape, validation_images: int = 0) -> float:
        return megabytes(0 if self.item.frozen else probe(self.model, shape).parameters)

    def checkpoint_megabytes(self, task: Task, shape: ImageShape) -> float:
        return 6 * self.megabytes(task, shape) if self.has_checkpoints() else 0.0


def warm_up(model: type[Autoencoder], images: Inputs, recipe: Recipe | None, device: str) -> None:
    """Run a step before the clock starts; running out of memory is for the stage to report."""
    from bench.stages.training import core

    try:
        core.warm_up(model, core.shape_of(images), recipe, device)
    except (RuntimeError, MemoryError) as error:
        if not core.out_of_memory(error):
            raise


def train(
    model: type[Autoencoder],
    images: Inputs,
    recipe: Recipe,
    weights_seed: int,
    batches_seed: int,
    device: str,
    progress: Steps = no_steps,
    keeper: Keeper | None = None,
) -> Result:
    """Build a model and train it; a model that does not train keeps its initial weights.

    ``images`` are (n, H, W, 3) uint8, or codes (n, d) float32 for a model that stands on these.

    Returns
    -------
    Result
        Arrays: the weights by their names in the model. Values: ``history``, the summed
        objective of each epoch (empty for a model that does not train), and
        ``objective_is_loss``, whether that is the mean squared error, and so can be compared.

    Raises
    ------
    FloatingPointError
        If the loss becomes infinite or no number.
    MemoryError
        If a step does not fit in the device's memory; says which batch would.
    """
    import torch

    from bench.stages.training import core
    from models.autoencoder import Autoencoder

    if model.frozen:  # its weights are in the files that it reads
        return Result({}, {"history": [], "objective_is_loss": False})
    shape = core.shape_of(images)
    network = core.build(model, shape, weights_seed).to(device)
    history: list[float] = []
    if model.trains:
        reason = None
        try:
            resident = core.to_device(images, torch.device(device))
            history = core.train(network, resident, recipe, batches_seed, progress, keeper)
        except (RuntimeError, MemoryError) as error:
            if not core.out_of_memory(error):
                raise
            reason = str(error)
        if reason is not None:
            # Here and not above: an error in flight keeps hold of the memory it ran out of.
            del network, resident
            core.free_memory(device)
            fits = core.largest_batch(model, shape, recipe, device)
            would = f"batches of {fits} would: --batch-size {fits}"
            advice = would if fits else "nor does a single image"
            raise MemoryError(
                f"batches of {recipe.batch_size} do not fit in the memory of {device}; {advice} "
                f"({reason})"
            )
        if not math.isfinite(history[-1]):
            raise FloatingPointError(
                f"the loss became {history[-1]} in epoch {len(history)} of training with lr "
                f"{recipe.lr:g}; a smaller learning rate may help"
            )
    weights = {name: value.cpu().numpy() for name, value in network.state_dict().items()}
    is_loss = model.objective is Autoencoder.objective and model.base is None
    return Result(weights, {"history": history, "objective_is_loss": is_loss})
