"""The stage stability: how far clusters stay the same when fewer images are seen."""

from __future__ import annotations

import importlib
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from bench.stages.metrics import clustering
from bench.stages.metrics.clustering import Integers
from bench.stages.stage import Context, Given, Job, Result, Stage, Task


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
        return (clustering,)

    def features(self, context: Context, parents: list[Task]) -> int:
        return 1

    def job(self, given: Given) -> Job:
        clustered, *others = given.parents
        clusters = clustered.require("train")
        again = [
            (drawn.require("chosen"), found.require("train"))
            for drawn, found in zip(others[::2], others[1::2], strict=True)
        ]
        return Job(
            lambda: stability(clusters, again),
            lambda: importlib.import_module("sklearn.metrics"),
        )


def stability(clusters: Integers, again: list[tuple[Integers, Integers]]) -> Result:
    """Say how far clusters stay the same when the chain and clusterer see fewer images.

    Parameters
    ----------
    clusters : ndarray, shape (n,)
        Of all images.
    again : list of (chosen, clusters)
        Images of each resample and their clusters there.

    Returns
    -------
    Result
        Values: ``stability``, the mean adjusted Rand index on the images that both have.

    References
    ----------
    Ben-Hur, Elisseeff, Guyon (2002), A stability based method for discovering structure in
    clustered data; von Luxburg (2010), Clustering stability: an overview.
    """
    found = [clustering.adjusted_rand(clusters[chosen], other) for chosen, other in again]
    return Result({}, {"stability": float(np.mean(found))})
