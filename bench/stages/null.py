"""The stage null: data without clusters, which shows what a chain makes up."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from bench.base.checks import ImageShape
from bench.stages.cost import matrix_rate
from bench.stages.stage import Array, Given, Job, Result, Stage, Task, megabytes

MEANING = "one Gaussian with the covariance of the same codes"  # as reports put it
DRAWS = 10  # of each pipeline, at the least
# The most images of a draw, and the least for each cluster: see `images`.
IMAGES, IMAGES_PER_CLUSTER = 200, 20
ROWS = 1000  # drawn at a time


@dataclass(frozen=True)
class Null(Stage):
    """Draws a null reference of codes."""

    name: ClassVar[str] = "null"
    reads: ClassVar[tuple[str, ...]] = ("encode",)
    path: ClassVar[str] = "null"
    uses: ClassVar[tuple[str, ...]] = ("numpy",)

    seed: int
    images: int

    def outputs(self, features: int) -> int:
        return features

    def job(self, given: Given) -> Job:
        codes = given.parents[0].require("train")
        return Job(lambda: null(codes, self.images, self.seed))

    def seconds(self, task: Task, shape: ImageShape) -> float:
        work = 2.0 * task.samples * self.images * task.features
        return 0.05 + work / matrix_rate("cpu")

    def megabytes(self, task: Task, shape: ImageShape, validation_images: int = 0) -> float:
        return megabytes(self.images * task.outputs)


def draws(seeds: int) -> int:
    """Return how many draws each seed has, so that all seeds together have ten or more."""
    return -(-DRAWS // seeds)


def images(count: int, clusters: int) -> int:
    """Return how many images a draw has, of a data set of ``count``.

    What a chain makes of a Gaussian depends little on their number, and t-SNE and UMAP of fewer
    images take a fraction of the time. Of codes as of the pixels of digits, and 10 clusters, the
    mean silhouette of draws of 200 and of 1,500 images was 0.073 and 0.066 with PCA, 0.354 and
    0.353 with t-SNE on it, 0.388 and 0.367 with UMAP; it varied more for 200. Of other covariances
    it was higher for 200 by up to 0.05.
    """
    return min(count, max(IMAGES, IMAGES_PER_CLUSTER * clusters))


def null(train: Array, count: int, seed: int) -> Result:
    """Draw data without clusters: one Gaussian with the mean and covariance of codes.

    What a chain finds in it is what the chain makes up. Of codes (n, d), the result has ``train``,
    (count, d) float32.

    References
    ----------
    Tibshirani, Walther, Hastie (2001), Estimating the number of clusters via the gap statistic:
    the same thought with a uniform null.
    """
    random = np.random.default_rng(seed)
    mean = train.mean(axis=0, dtype=np.float64).astype(np.float32)
    centered = train - mean
    drawn = np.empty((count, train.shape[1]), np.float32)
    # A mixture of all codes with normal weights has exactly their covariance, whatever its rank.
    for start in range(0, count, ROWS):
        rows = slice(start, start + ROWS)
        weights = random.standard_normal((len(drawn[rows]), len(train)), dtype=np.float32)
        drawn[rows] = weights @ centered
    return Result({"train": drawn / np.float32(math.sqrt(len(train) - 1)) + mean})
