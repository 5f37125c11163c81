"""What a grid and what works for it say to each other."""

from __future__ import annotations

from collections.abc import Callable, Generator
from dataclasses import dataclass
from pathlib import Path

from bench.stages.stage import Task


@dataclass(frozen=True)
class Setup:
    """What a worker has to know before its first task."""

    store: Path
    data: str  # key of the artifact that holds the data set's arrays
    device: str
    threads: int
    deterministic: bool
    precision: str
    checkpoint: float  # seconds
    plugins: tuple[Path, ...]
    items: bytes  # the grid's models and reducers, for those that only this process knows


@dataclass(frozen=True)
class Order:
    """A task to do; ``force``: although its artifact is there."""

    task: Task
    force: bool


@dataclass(frozen=True)
class Progressed:
    """So many steps of so many."""

    done: int
    total: int


class Waiting:
    """Another process is doing the task."""


class Ready:
    """The worker is set up."""


@dataclass(frozen=True)
class Done:
    """The artifact is there; ``computed``: by this worker."""

    computed: bool


@dataclass(frozen=True)
class Raised:
    """The task raised: error in one line, and the whole traceback."""

    error: str
    traceback: str


@dataclass(frozen=True)
class Damaged:
    """An artifact that the task reads is damaged."""

    stage: str
    key: str
    reason: str


@dataclass(frozen=True)
class Stuck:
    """The store cannot be used, and no task would fare better."""

    message: str


# How a task ended.
End = Done | Raised | Damaged | Stuck
Ends = Generator[tuple[Task, End], None, None]

# What every engine offers: do tasks, parents first, and yield each as it ends, except those behind
# one that was not done. Closing the generator gives up what has not ended.
Run = Callable[[list[Order]], Ends]
