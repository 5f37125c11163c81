"""The stage scan: several numbers of clusters tried on an embedding, to suggest one."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

from bench.base import seeds
from bench.base.checks import ImageShape
from bench.clusterers.kmeans import ITERATIONS, KMeans
from bench.clusterers.named import DEFAULT
from bench.stages import cluster as cluster_stage
from bench.stages.cluster import cluster
from bench.stages.cost import matrix_rate
from bench.stages.metrics import neighbors, reference_space
from bench.stages.metrics.clustering import Integers
from bench.stages.stage import Array, Context, Given, Job, Result, Stage, Task, importing

LEAST, MOST = 2, 15  # clusters
SCAN_STARTS = 3  # of k-means


@dataclass(frozen=True)
class Scan(Stage):
    """Clusters an embedding by k-means with several numbers of clusters."""

    name: ClassVar[str] = "scan"
    reads: ClassVar[tuple[str, ...]] = ("reduce", "reference")
    path: ClassVar[str] = "scan"
    uses: ClassVar[tuple[str, ...]] = ("scikit-learn",)
    per_pipeline: ClassVar[bool] = True

    counts: tuple[int, ...]
    seed: int
    starts: int = SCAN_STARTS

    @classmethod
    def plan(cls, context: Context) -> Scan:
        return cls(counts(context.images), context.seed("clusterer", DEFAULT))

    def sources(self) -> tuple[Any, ...]:
        return (KMeans, cluster_stage, reference_space, neighbors, seeds)

    def job(self, given: Given) -> Job:
        reduced, placed = given.parents
        train, near = reduced.require("train"), placed.require("near")
        return Job(
            lambda: scan(train, near, self.counts, self.seed, self.starts),
            importing("sklearn.cluster"),
        )

    def seconds(self, task: Task, shape: ImageShape) -> float:
        points = min(task.samples, neighbors.MOST)
        tries = sum(self.counts) * self.starts
        distances = 2.0 * points * task.features * tries * ITERATIONS
        return 0.3 + distances / matrix_rate("cpu") / 0.2


def counts(images: int) -> tuple[int, ...]:
    """Return the numbers of clusters that are tried: 2 to 15, fewer than there are images."""
    return tuple(range(LEAST, min(MOST, max(LEAST, images - 1)) + 1))


def scan(train: Array, near: Integers, counts: tuple[int, ...], seed: int, starts: int) -> Result:
    """Measure how well k-means groups an embedding, for several numbers of clusters.

    Of the neighbors in the reference space, ``near``, (m, k), as the stage reference leaves them,
    the 10 nearest count. Wider neighborhoods would not see small groups: of 80 images of a digit,
    30 reach into the next. Of an embedding (n, k) of more than 2,000 images a sample is clustered.

    Returns
    -------
    Result
        Values: ``counts``, and ``knn_modularity`` for each.
    """
    chosen = train[neighbors.sample(len(train))]
    near = near[:, : neighbors.NEIGHBORS]
    found = []
    for count in counts:
        kmeans = KMeans(count, starts=starts, random_state=seed)
        clusters = cluster(kmeans, chosen, None).arrays["train"]
        found.append(float(reference_space.modularity_by_image(near, clusters).mean()))
    return Result({}, {"counts": list(counts), "knn_modularity": found})
