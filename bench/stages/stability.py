"""The stage stability: how far clusters stay the same when fewer images are seen."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

from bench.stages.metrics import clustering, table
from bench.stages.metrics.clustering import Integers
from bench.stages.stage import Context, Given, Job, Result, Stage, Task, importing


@dataclass(frozen=True)
class Stability(Stage):
    """Compares clusters of all images with those of resamples."""

    name: ClassVar[str] = "stability"
    reads: ClassVar[tuple[str, ...]] = ("cluster", "resample")
    path: ClassVar[str] = "resample"
    uses: ClassVar[tuple[str, ...]] = ("scikit-learn",)
    exact: ClassVar[bool] = True
    per_pipeline: ClassVar[bool] = True

    def sources(self) -> tuple[Any, ...]:
        return (*table.families(self.name), clustering, table)

    def features(self, context: Context, parents: list[Task]) -> int:
        return 1

    def job(self, given: Given) -> Job:
        clustered, *others = given.parents
        clusters = clustered.require("train")
        again = [
            (drawn.require("chosen"), found.require("train"))
            for drawn, found in zip(others[::2], others[1::2], strict=True)
        ]
        return Job(lambda: stability(clusters, again), importing("sklearn.metrics"))


def stability(clusters: Integers, resamples: list[tuple[Integers, Integers]]) -> Result:
    """Compare clusters with those of resamples: positions of their images, and clusters there."""
    return Result({}, table.evaluate("stability", clusters=clusters, resamples=resamples))
