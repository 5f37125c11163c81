"""The stage resample: a draw of four fifths of the images, the same for every pipeline."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from bench.stages.stage import Given, Job, Result, Stage

SHARE = 0.8  # of the images


@dataclass(frozen=True)
class Resample(Stage):
    """Draws images without replacement."""

    name: ClassVar[str] = "resample"
    path: ClassVar[str] = "resample"
    uses: ClassVar[tuple[str, ...]] = ("numpy",)
    exact: ClassVar[bool] = True

    seed: int
    images: int
    share: float = SHARE

    def outputs(self, features: int) -> int:
        return 1

    def job(self, given: Given) -> Job:
        return Job(lambda: resample(self.images, self.seed))


def resample(count: int, seed: int) -> Result:
    """Draw four fifths of ``count`` images without replacement; the same for every pipeline.

    The result has ``chosen``, int64 positions in order.
    """
    random = np.random.default_rng(seed)
    return Result({"chosen": np.sort(random.choice(count, resampled(count), replace=False))})


def resampled(count: int) -> int:
    """Return how many of so many images a resample has."""
    return max(1, round(SHARE * count))
