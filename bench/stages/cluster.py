"""The stage cluster: groups the training images in what the chain left."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from bench.base.checks import ImageShape
from bench.base.processors import limited
from bench.clusterers import clusterers
from bench.clusterers.named import Named
from bench.stages import fitted
from bench.stages.fitted import fitted_arrays
from bench.stages.stage import Array, Context, Given, Job, Result, Stage, Task, importing

if TYPE_CHECKING:
    from bench.clusterers.clusterer import Clusterer


@dataclass(frozen=True)
class Cluster(Stage):
    """Clusters an embedding."""

    name: ClassVar[str] = "cluster"
    reads: ClassVar[tuple[str, ...]] = ("reduce",)
    per_pipeline: ClassVar[bool] = True
    is_work: ClassVar[bool] = True

    clusterer: str
    clusters: int
    seed: int | None = None

    @classmethod
    def plan(cls, context: Context) -> Cluster:
        made = cls(context.clusterer, context.clusters)
        if made.item.deterministic:
            return made
        return replace(made, seed=context.seed("clusterer", context.clusterer))

    @property
    def item(self) -> Any:
        return clusterers[Named.parse(self.clusterer).name]

    def sources(self) -> tuple[Any, ...]:
        return (self.item, fitted)

    def outputs(self, features: int) -> int:
        return 1

    def job(self, given: Given) -> Job:
        reduced = given.parents[0]
        train, validation = reduced.require("train"), reduced.array("validation")
        clusterer = Named.parse(self.clusterer).build(self.clusters, self.seed)
        return Job(
            lambda: cluster(clusterer, train, validation),
            importing("sklearn.cluster"),
        )

    def seconds(self, task: Task, shape: ImageShape) -> float:
        clusterer = Named.parse(self.clusterer).build(self.clusters)
        return clusterer.seconds(task.samples, task.features)

    def memory(self, task: Task, shape: ImageShape) -> float:
        clusterer = Named.parse(self.clusterer).build(self.clusters)
        return clusterer.memory(task.samples, task.features)


def cluster(clusterer: Clusterer, train: Array, validation: Array | None) -> Result:
    """Group the training images, (n, k) float32, and place the validation images, (m, k), if any.

    Returns
    -------
    Result
        Arrays: ``train`` (n,) and, where they were placed and the clusterer has a ``predict``,
        ``validation`` (m,), int64 cluster numbers, -1 for images in none; and ``fitted.NAME``,
        what the clusterer keeps of its fit. Values: ``clusters_found``, those with images, and
        ``noise``, training images in none.
    """
    # With more threads than one the sums' order, and so their last digits, would vary.
    with limited(1, "openmp"):
        arrays = {"train": clusterer.fit_predict(train)}
        if len(arrays["train"]) != len(train):
            raise ValueError(
                f"the clusterer gave {len(arrays['train'])} rows for {len(train)} images"
            )
        if validation is not None and hasattr(clusterer, "predict"):
            arrays["validation"] = clusterer.predict(validation)
    arrays |= fitted_arrays(clusterer)
    noise = int((arrays["train"] < 0).sum())
    found = len(np.unique(arrays["train"])) - (noise > 0)
    return Result(arrays, {"clusters_found": int(found), "noise": noise})
