"""The stage measure: an embedding and its clusters, measured without labels."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from bench.base import seeds
from bench.base.checks import ImageShape
from bench.stages.cost import seconds_by_pairs
from bench.stages.metrics import neighbors, reference_space, table
from bench.stages.metrics.clustering import Integers
from bench.stages.stage import Array, Given, Job, Result, Stage, Task, importing


@dataclass(frozen=True)
class Measure(Stage):
    """Measures an embedding; that of the null reference without its codes and reference space."""

    name: ClassVar[str] = "measure"
    reads: ClassVar[tuple[str, ...]] = ("reduce", "cluster", "rank", "reference")
    uses: ClassVar[tuple[str, ...]] = ("scikit-learn",)
    per_pipeline: ClassVar[bool] = True

    def sources(self) -> tuple[Any, ...]:
        return (*table.families(self.name), neighbors, reference_space, table, seeds)

    def job(self, given: Given) -> Job:
        reduced, clustered, *others = given.parents
        train, clusters = reduced.require("train"), clustered.require("train")
        codes = others[0].require("ranks") if others else None
        placed = others[1].arrays() if others else None
        return Job(lambda: measure(train, clusters, codes, placed), importing("sklearn.metrics"))

    def seconds(self, task: Task, shape: ImageShape) -> float:
        return seconds_by_pairs(task)


def measure(
    train: Array,
    clusters: Integers,
    codes: Array | None = None,
    placed: Mapping[str, Array] | None = None,
) -> Result:
    """Measure an embedding, (n, k), and its clusters, (n,), without labels.

    ``codes`` are the ranks of the codes' neighbors, as `rank` leaves them, (m, m) uint16; None
    where the embedding is not compared with its codes. ``placed`` are distances and neighbors in
    the reference space, the arrays that `reference` leaves.

    Returns
    -------
    Result
        Values: the metrics of this stage, None where there is no input or there are too few images.
        Arrays, of the images `bench.stages.metrics.neighbors.sample`: ``near`` (m, 10), the nearest
        neighbors as positions in that sample, and ``modularity_by_image`` (m,), each image's part
        in the kNN modularity.
    """
    chosen = neighbors.sample(len(train))
    between = neighbors.distances(train[chosen])
    groups = clusters[chosen]
    if codes is None or placed is None:
        return Result({}, table.evaluate("measure", between=between, clusters=groups))
    ranks, count = neighbors.ranks(between), neighbors.neighborhood(len(chosen))
    modularity = None  # the reference space has no room for so few images
    if placed["near"].size:
        modularity = reference_space.modularity_by_image(placed["near"], groups)
    values = table.evaluate(
        "measure",
        between=between,
        clusters=groups,
        codes=codes,
        embedding=ranks,
        neighbors=count or None,
        modularity=modularity,
        reference_between=None if modularity is None else placed["between"],
    )
    by_image = np.empty(0) if modularity is None else modularity
    near = neighbors.nearest(ranks, count).astype(np.int32)
    return Result({"near": near, "modularity_by_image": by_image.astype(np.float32)}, values)
