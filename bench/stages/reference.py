"""The stage reference: images in the reference space, once for all pipelines."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from bench.base import seeds
from bench.base.checks import ImageShape
from bench.datasets.image_form import Images
from bench.datasets.pieces import ImageSet
from bench.stages.cost import megabytes_of_pairs, seconds_by_pairs
from bench.stages.metrics import neighbors, reference_space
from bench.stages.stage import Context, Given, Job, Result, Stage, Task, importing


@dataclass(frozen=True)
class Reference(Stage):
    """Finds distances and neighbors in the reference space."""

    name: ClassVar[str] = "reference"
    data: ClassVar[tuple[str, ...]] = ("images",)
    uses: ClassVar[tuple[str, ...]] = ("torch", "scipy", "scikit-learn")

    def sources(self) -> tuple[Any, ...]:
        return (reference_space, neighbors, seeds)

    def label(self, context: Context) -> str:
        return "space"

    def features(self, context: Context, parents: list[Task]) -> int:
        return 2048

    def job(self, given: Given) -> Job:
        images = given.data.images
        return Job(lambda: reference(images), importing("sklearn.metrics"))

    def seconds(self, task: Task, shape: ImageShape) -> float:
        return seconds_by_pairs(task)

    def megabytes(self, task: Task, shape: ImageShape, validation_images: int = 0) -> float:
        return megabytes_of_pairs(task)


def reference(images: Images | ImageSet) -> Result:
    """Find distances and neighbors of images in the reference space.

    Returns
    -------
    Result
        Arrays, of the images `bench.stages.metrics.neighbors.sample`: ``between`` (m, m), float32
        distances; ``near`` (m, 30), nearest neighbors as positions in that sample.
    """
    chosen = images[neighbors.sample(len(images))]
    between = neighbors.distances(reference_space.transform(chosen))
    count = reference_space.neighborhood(len(chosen))
    near = neighbors.nearest(neighbors.ranks(between), count).astype(np.int32)
    return Result({"between": between.astype(np.float32), "near": near})
