"""The stage null: data without clusters, which shows what a chain makes up."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from bench.base.checks import ImageShape
from bench.stages.cost import matrix_rate
from bench.stages.stage import Array, Context, Given, Job, Result, Stage, Task

MEANING = "one Gaussian with the covariance of the same codes"  # as reports put it
ROWS = 1000  # drawn at a time


@dataclass(frozen=True)
class Null(Stage):
    """Draws the null reference of codes."""

    name: ClassVar[str] = "null"
    reads: ClassVar[tuple[str, ...]] = ("encode",)
    path: ClassVar[str] = "null"
    uses: ClassVar[tuple[str, ...]] = ("numpy",)

    seed: int

    @classmethod
    def plan(cls, context: Context) -> Null:
        return cls(context.seed("always", "null"))

    def outputs(self, features: int) -> int:
        return features

    def job(self, given: Given) -> Job:
        codes = given.parents[0].require("train")
        return Job(lambda: null(codes, self.seed))

    def seconds(self, task: Task, shape: ImageShape) -> float:
        return 0.05 + 2.0 * task.samples**2 * task.features / matrix_rate("cpu")


def null(train: Array, seed: int) -> Result:
    """Draw data without clusters: one Gaussian with the mean and covariance of codes.

    What a chain finds in it is what the chain makes up. The result has ``train``, of the shape of
    the codes, (n, d) float32.

    References
    ----------
    Tibshirani, Walther, Hastie (2001), Estimating the number of clusters via the gap statistic:
    the same thought with a uniform null.
    """
    random = np.random.default_rng(seed)
    mean = train.mean(axis=0, dtype=np.float64).astype(np.float32)
    centered = train - mean
    drawn = np.empty_like(centered)
    # A mixture of all codes with normal weights has exactly their covariance, whatever its rank.
    for start in range(0, len(train), ROWS):
        rows = slice(start, start + ROWS)
        weights = random.standard_normal((len(drawn[rows]), len(train)), dtype=np.float32)
        drawn[rows] = weights @ centered
    return Result({"train": drawn / np.float32(math.sqrt(len(train) - 1)) + mean})
