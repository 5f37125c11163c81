"""What every stage is: the base class, the task it becomes in a plan, and the result it leaves."""

from __future__ import annotations

import importlib
import sys
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, ClassVar, Protocol

import numpy as np
from numpy.typing import NDArray

from bench.base import keys
from bench.base.checks import ImageShape
from bench.datasets.pieces import ImageNames, ImageSet

if TYPE_CHECKING:
    from bench.stages.training.state import Keeper

Array = NDArray[Any]
Steps = Callable[[int, int], None]
# An artifact in the store: its stage and its key.
Place = tuple[str, str]


def no_steps(done: int, total: int) -> None:
    """Report nothing."""


@dataclass(frozen=True)
class Result:
    """What a stage leaves: arrays by name, and numbers by name."""

    arrays: dict[str, Array] = field(default_factory=dict)
    values: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Task:
    """One stage on its inputs."""

    stage: str
    key: str  # the name of its artifact
    parents: tuple[Place, ...]  # artifacts that it reads, in the order in which its stage does
    settings: dict[str, Any]  # fields of the stage that are set
    key_inputs: dict[str, Any]  # all that the key is a hash of
    label: str  # what users see while it runs
    samples: int  # with ``features``, the shape of the array that it works on
    features: int
    outputs: int  # numbers that it leaves for each training image
    threads: int = 1  # of the processor, that it is given
    data: str = ""  # key of the data set that it reads, where it is not the grid's


@dataclass(frozen=True)
class Context:
    """What a stage is planned from."""

    model: str  # as users write it
    link: str  # one reducer of the chain, as users write it
    clusterer: str  # as users write it
    title: str  # what the codes are of, for labels: ``dnn, seed 0``
    pipeline: str  # chain and clusterer as users write them, for labels
    images: int  # how many
    clusters: int  # how many
    image_shape: ImageShape  # (C, H, W)
    fingerprint: str  # of the training images, of the grid's size
    recipe: dict[str, Any]  # ``epochs``, ``lr``, ``batch_size`` and ``schedule``
    on_device: dict[str, Any]  # settings of stages on the device: ``device`` and how
    # Given what it belongs to (``model``, ``reducer`` or ``clusterer``, which `--vary` may hold
    # fixed, or ``always``) and names, returns the seed of this repetition.
    seed: Callable[..., int]
    part: int = 0  # the seed whose images they are, where each seed has its own


class Artifact(Protocol):
    """What a stage left, as the store gives it back."""

    def require(self, name: str) -> Array:
        """Return an array."""

    def array(self, name: str) -> Array | None:
        """Return an array, None where there is none of that name."""

    def arrays(self) -> dict[str, Array]:
        """Return all arrays."""


Images = NDArray[np.uint8] | ImageSet
Inputs = Images | NDArray[np.float32]  # of models: images, or codes of another model


@dataclass(frozen=True)
class Data:
    """The arrays of a data set, as `bench.datasets.dataset.Dataset` describes them."""

    images: Images
    validation_images: Images
    labels: NDArray[np.int64] | None
    validation_labels: NDArray[np.int64] | None
    names: ImageNames = field(default_factory=ImageNames)
    # Training and validation images at sizes that models ask for.
    own_sizes: Mapping[int, tuple[Images, Images]] = field(default_factory=dict)

    def at(self, size: int | None) -> tuple[Images, Images]:
        """Return training and validation images of a size; None: of the grid's."""
        return self.own_sizes[size] if size else (self.images, self.validation_images)


@dataclass(frozen=True)
class Given:
    """What a stage is given when it runs."""

    task: Task
    data: Data
    parents: tuple[Artifact, ...]  # in the order of ``task.parents``
    steps: Steps = no_steps  # told how far the stage is
    keeper: Keeper | None = None  # keeps checkpoints of a training


@dataclass(frozen=True)
class Job:
    """A stage whose input was read: what to do before the clock starts, and what to time."""

    call: Callable[[], Result]
    warm_up: Callable[[], object] = lambda: None


def importing(module: str) -> Callable[[], object]:
    """Return a warm-up that imports a module."""
    return lambda: importlib.import_module(module)


@dataclass(frozen=True)
class Stage(ABC):
    """A stage; its fields are its settings, which shape its key and are saved with its artifact.

    To add a stage, write a file with one subclass in this package. A stage of the path ``run`` is
    then part of every run, its numbers are columns of the records, and its time is in the report.
    The key takes the source of everything in the stage's file, and of what `sources` returns.
    """

    name: ClassVar[str]  # unique; the module has the same name
    # Names of the stages whose artifacts it reads; ``base`` are codes that a model stands on.
    reads: ClassVar[tuple[str, ...]] = ()
    # ``run``: part of every run. Other paths are planned by `bench.planning.plan`.
    path: ClassVar[str] = "run"
    per_pipeline: ClassVar[bool] = False  # chain and clusterer shape it: its label names them
    is_work: ClassVar[bool] = False  # its time counts as the pipeline's; others only measure
    long: ClassVar[bool] = False  # it may take minutes
    # What it reads of the data set: ``images``, ``validation_images``, ``labels``, ``names``.
    data: ClassVar[tuple[str, ...]] = ()
    uses: ClassVar[tuple[str, ...]] = ()  # distributions whose versions shape its result
    exact: ClassVar[bool] = False  # its result is the same with any threads, on any processor

    @classmethod
    def plan(cls, context: Context) -> Stage:
        """Return the stage with its settings."""
        return cls()

    @property
    def reads_data(self) -> tuple[str, ...]:
        """What it reads of the data set, with its settings."""
        return self.data

    @property
    def own_size(self) -> int | None:
        """The size of the images that it reads, None for the grid's."""
        return None

    @property
    def settings(self) -> dict[str, Any]:
        """The fields that are set."""
        return {name: value for name, value in vars(self).items() if value is not None}

    @property
    def item(self) -> Any:
        """The class of the model, reducer or clusterer that it works with, None for none."""
        return None

    @property
    def parallel(self) -> bool:
        """Whether it shares its work among several processor threads."""
        return False

    @property
    def libraries(self) -> tuple[str, ...]:
        """Distributions whose versions shape its result."""
        return self.uses if self.item is None else tuple(self.item.libraries)

    @property
    def numerics_dependent(self) -> bool:
        """Whether its last digits depend on threads and on the processor's kernels."""
        return not self.exact

    def sources(self) -> tuple[Any, ...]:
        """Return modules, classes and functions of other files that shape its result."""
        return ()

    def source(self) -> str:
        """Return a hash of all code that shapes its result; see `bench.base.keys.source`."""
        return keys.source(sys.modules[type(self).__module__], *self.sources())

    def label(self, context: Context) -> str:
        """Return what users see while it runs."""
        return f"{context.pipeline}, {context.title}" if self.per_pipeline else context.title

    def features(self, context: Context, parents: list[Task]) -> int:
        """Return the dimensions of the array that it works on."""
        return parents[0].outputs if parents else 1

    def outputs(self, features: int) -> int:
        """Return how many numbers it leaves for each training image."""
        return 0

    @abstractmethod
    def job(self, given: Given) -> Job:
        """Read the input, and return what is to be done with it."""

    def has_checkpoints(self) -> bool:
        """Tell whether it can be continued where it was killed."""
        return False

    def checkpoint_megabytes(self, task: Task, shape: ImageShape) -> float:
        """Estimate what its checkpoints take in MB until it ends."""
        return 0.0

    def seconds(self, task: Task, shape: ImageShape) -> float:
        """Estimate the wall clock in seconds; ``shape``: of an image, (C, H, W)."""
        return 0.02

    def memory(self, task: Task, shape: ImageShape) -> float:
        """Estimate the memory in MB that it takes while it runs, beside that of its process.

        By default twice what it reads and leaves, in 64 bits.
        """
        return 16e-6 * task.samples * (task.features + task.outputs)

    def megabytes(self, task: Task, shape: ImageShape, validation_images: int = 0) -> float:
        """Estimate the size of the artifact in MB."""
        return megabytes((task.samples + validation_images) * task.outputs)


def megabytes(numbers: float) -> float:
    """Return the size in MB of an artifact with so many 32-bit numbers."""
    return (4 * numbers + 2000) / 1e6
