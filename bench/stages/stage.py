"""What every stage is: the base class, the task it becomes in a plan, and the result it leaves."""

from __future__ import annotations

import sys
from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, ClassVar, Protocol

import numpy as np
from numpy.typing import NDArray

from bench.base import keys

if TYPE_CHECKING:
    from bench.stages.training.state import Keeper
    from models.autoencoder import ImageShape

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
    """One stage on its inputs.

    Attributes
    ----------
    stage : str
        Name of the stage.
    key : str
        Name of its artifact.
    parents : tuple of Place
        The artifacts that it reads, in the order in which its stage takes them.
    settings : dict
        Fields of the stage that are set.
    key_inputs : dict
        All that the key is a hash of.
    label : str
        What users see while it runs.
    samples, features : int
        Shape of the array that it works on.
    outputs : int
        Numbers that it leaves for each training image.
    threads : int
        Processor threads that it is given.
    """

    stage: str
    key: str
    parents: tuple[Place, ...]
    settings: dict[str, Any]
    key_inputs: dict[str, Any]
    label: str
    samples: int
    features: int
    outputs: int
    threads: int = 1


@dataclass(frozen=True)
class Context:
    """What a stage is planned from.

    Attributes
    ----------
    model, link, clusterer : str
        As users write them; ``link`` is one reducer of the chain.
    title : str
        What the codes are of, for labels: ``dnn, seed 0``.
    pipeline : str
        Chain and clusterer as users write them, for labels.
    images, clusters : int
        Their numbers.
    image_shape : tuple of int
        (C, H, W).
    fingerprint : str
        Of the training images.
    recipe : dict
        ``epochs``, ``lr`` and ``batch_size``.
    on_device : dict
        Settings of stages that work on the device: ``device`` and how.
    seed : callable
        Given what it belongs to (``model``, ``reducer`` or ``clusterer``, which `--vary` may hold
        fixed, or ``always``) and names, returns the seed of this repetition.
    """

    model: str
    link: str
    clusterer: str
    title: str
    pipeline: str
    images: int
    clusters: int
    image_shape: ImageShape
    fingerprint: str
    recipe: dict[str, Any]
    on_device: dict[str, Any]
    seed: Callable[..., int]


class Artifact(Protocol):
    """What a stage left, as the store gives it back."""

    def require(self, name: str) -> Array:
        """Return an array."""

    def array(self, name: str) -> Array | None:
        """Return an array, None where there is none of that name."""

    def arrays(self) -> dict[str, Array]:
        """Return all arrays."""


@dataclass(frozen=True)
class Data:
    """The arrays of a data set, as `bench.datasets.dataset.Dataset` describes them."""

    images: NDArray[np.uint8]
    validation_images: NDArray[np.uint8]
    labels: NDArray[np.int64] | None
    validation_labels: NDArray[np.int64] | None


@dataclass(frozen=True)
class Given:
    """What a stage is given when it runs.

    Attributes
    ----------
    task : Task
    data : Data
    parents : tuple of Artifact
        In the order of ``task.parents``.
    steps : callable
        Told how far the stage is.
    keeper : Keeper or None
        Keeps checkpoints of a training.
    """

    task: Task
    data: Data
    parents: tuple[Artifact, ...]
    steps: Steps = no_steps
    keeper: Keeper | None = None


@dataclass(frozen=True)
class Job:
    """A stage whose input was read: what to do before the clock starts, and what to time."""

    call: Callable[[], Result]
    warm_up: Callable[[], object] = lambda: None


@dataclass(frozen=True)
class Stage(ABC):
    """A stage; its fields are its settings, which shape its key and are saved with its artifact.

    To add a stage, write a file with one subclass in this package. A stage of the path ``run`` is
    then part of every run, its numbers are columns of the records, and its time is in the report.
    The key takes the source of everything in the stage's file, and of what `sources` returns.

    Attributes
    ----------
    name : str
        Unique; the module has the same name.
    reads : tuple of str
        Names of the stages whose artifacts it reads.
    path : str
        ``run``: part of every run. Other paths are planned by `bench.planning.plan`.
    is_work : bool
        Whether its time counts as the pipeline's; other stages only measure.
    per_pipeline : bool
        Whether chain and clusterer shape it, so that its label names them.
    parallel : bool
        Whether it shares its work among several processor threads.
    data : tuple of str
        Arrays of the data set that it reads: ``images``, ``validation_images``, ``labels``.
    uses : tuple of str
        Distributions whose versions shape its result; see `libraries`.
    exact : bool
        Whether its result is the same with any number of threads and on any processor.
    """

    name: ClassVar[str]
    reads: ClassVar[tuple[str, ...]] = ()
    path: ClassVar[str] = "run"
    per_pipeline: ClassVar[bool] = False
    is_work: ClassVar[bool] = False
    parallel: ClassVar[bool] = False
    data: ClassVar[tuple[str, ...]] = ()
    uses: ClassVar[tuple[str, ...]] = ()
    exact: ClassVar[bool] = False

    @classmethod
    def plan(cls, context: Context) -> Stage:
        """Return the stage with its settings."""
        return cls()

    @property
    def settings(self) -> dict[str, Any]:
        """The fields that are set."""
        return {name: value for name, value in vars(self).items() if value is not None}

    @property
    def libraries(self) -> tuple[str, ...]:
        """Distributions whose versions shape its result."""
        return self.uses

    @property
    def numerics_dependent(self) -> bool:
        """Whether its last digits depend on threads and on the processor's kernels."""
        return not self.exact

    def sources(self) -> tuple[Any, ...]:
        """Return modules, classes and functions outside of the stage's file that shape its result."""
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

    def megabytes(self, task: Task, shape: ImageShape, validation_images: int = 0) -> float:
        """Estimate the size of the artifact in MB."""
        return megabytes((task.samples + validation_images) * task.outputs)


def megabytes(numbers: float) -> float:
    """Return the size in MB of an artifact with so many 32-bit numbers."""
    return (4 * numbers + 2000) / 1e6
