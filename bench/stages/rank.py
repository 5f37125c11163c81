"""The stage rank: the neighbors of codes by rank, once for all chains that start from them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

from bench.base import seeds
from bench.base.checks import ImageShape
from bench.stages.cost import megabytes_of_pairs, seconds_by_pairs
from bench.stages.metrics import neighbors
from bench.stages.stage import Array, Given, Job, Result, Stage, Task, importing


@dataclass(frozen=True)
class Rank(Stage):
    """Ranks the neighbors of codes."""

    name: ClassVar[str] = "rank"
    reads: ClassVar[tuple[str, ...]] = ("encode",)
    uses: ClassVar[tuple[str, ...]] = ("scikit-learn",)

    def sources(self) -> tuple[Any, ...]:
        return (neighbors, seeds)

    def job(self, given: Given) -> Job:
        codes = given.parents[0].require("train")
        return Job(lambda: rank(codes), importing("sklearn.metrics"))

    def seconds(self, task: Task, shape: ImageShape) -> float:
        return seconds_by_pairs(task)

    def megabytes(self, task: Task, shape: ImageShape, validation_images: int = 0) -> float:
        return megabytes_of_pairs(task)


def rank(train: Array) -> Result:
    """Rank the neighbors of codes, (n, d) float32.

    Returns
    -------
    Result
        Arrays: ``ranks`` (m, m), uint16, of the images `bench.stages.metrics.neighbors.sample`.
    """
    chosen = train[neighbors.sample(len(train))]
    return Result({"ranks": neighbors.ranks(neighbors.distances(chosen))})
