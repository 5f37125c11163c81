"""What a grid consists of: tasks, and the cells that they are steps of."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from bench.clusterers.named import DEFAULT, Named
from reducers.chain import Chain

BEHIND_CHAIN = " → "  # what stands between a chain and its clusterer

# Stages that take long and share their work among several processor threads; others have one.
PARALLEL = ("train", "encode", "reduce")

# Where an artifact is in the store: its stage and its key.
Place = tuple[str, str]


@dataclass(frozen=True)
class Task:
    """One stage on its inputs.

    Attributes
    ----------
    stage : str
        One of `bench.stages.stages.STAGES`, or of those that stand beside a cell: ``null``,
        ``resample`` and ``agree``, and ``scan``.
    key : str
        Name of its artifact.
    reads : tuple of Place
        The artifacts that it reads, in the order in which its stage takes them.
    settings : dict
        What the stage is called with, beside arrays.
    inputs : dict
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
    reads: tuple[Place, ...]
    settings: dict[str, Any]
    inputs: dict[str, Any]
    label: str
    samples: int
    features: int
    outputs: int
    threads: int = 1


@dataclass(frozen=True)
class Way:
    """The way from codes to clusters; its text is what tables call a chain."""

    chain: Chain
    clusterer: Named

    def __str__(self) -> str:
        """Return the chain, with the clusterer behind it unless that is the default."""
        by = str(self.clusterer)
        return f"{self.chain}" if by == DEFAULT else f"{self.chain}{BEHIND_CHAIN}{by}"


@dataclass(frozen=True)
class Cell:
    """One combination, repeated with one seed.

    Attributes
    ----------
    model : str
    chain : Chain
    clusterer : Named
    index : int
        Which repetition, from 0.
    tasks : tuple of Task
        From training to scoring; none where the cell is impossible.
    impossible : str
        Why chain or clusterer cannot work on the model's codes; empty where they can.
    null : tuple of Task
        The chain and clusterer on data without clusters, the same for all repetitions; none where
        that is not asked for.
    resamples : tuple of Task
        The chain and clusterer on draws of the images, and last how far the clusters agree; none
        where that is not asked for.
    """

    model: str
    chain: Chain
    clusterer: Named
    index: int
    tasks: tuple[Task, ...]
    impossible: str = ""
    null: tuple[Task, ...] = ()
    resamples: tuple[Task, ...] = ()

    @property
    def way(self) -> Way:
        """The way from codes to clusters."""
        return Way(self.chain, self.clusterer)

    def task(self, stage: str) -> Task:
        """Return the cell's task of a stage; of several links the last."""
        return [task for task in self.tasks if task.stage == stage][-1]
