"""The stage score: clusters held against labels. The only stage that is given labels."""

from __future__ import annotations

import importlib
from dataclasses import dataclass
from typing import Any, ClassVar

from bench.base import sampling, seeds
from bench.stages.metrics import clustering, neighbors
from bench.stages.metrics.clustering import Integers
from bench.stages.stage import Array, Context, Given, Job, Result, Stage, Task


@dataclass(frozen=True)
class Score(Stage):
    """Scores clusters by labels."""

    name: ClassVar[str] = "score"
    reads: ClassVar[tuple[str, ...]] = ("cluster", "measure")
    data: ClassVar[tuple[str, ...]] = ("labels",)
    uses: ClassVar[tuple[str, ...]] = ("scikit-learn", "scipy")
    exact: ClassVar[bool] = True
    per_pipeline: ClassVar[bool] = True

    def sources(self) -> tuple[Any, ...]:
        return (clustering, neighbors, sampling, seeds)

    def features(self, context: Context, parents: list[Task]) -> int:
        return 1

    def job(self, given: Given) -> Job:
        clustered, measured = given.parents
        train, validation = clustered.require("train"), clustered.array("validation")
        near, data = measured.require("near"), given.data
        return Job(
            lambda: score(train, near, data.labels, validation, data.validation_labels),
            lambda: importlib.import_module("sklearn.metrics"),
        )


def score(
    clusters: Integers,
    near: Integers,
    labels: Integers | None,
    validation_clusters: Integers | None,
    validation_labels: Integers | None,
) -> Result:
    """Compare clusters with labels. The only stage that is given labels.

    Parameters
    ----------
    clusters : ndarray, shape (n,)
    near : ndarray, shape (m, k)
        Neighbors in the embedding, as `measure` leaves them.
    labels : ndarray or None, shape (n,)
    validation_clusters, validation_labels : ndarray or None, shape (v,)

    Returns
    -------
    Result
        Values: the metrics that the labels at hand allow, under their names in
        `bench.stages.metrics.clustering.METRICS`, and ``assignment``, pairs of cluster and label. Arrays:
        ``correct`` (n,) and ``validation_correct`` (v,), whether an image's cluster is assigned
        to its label.
    """
    values: dict[str, Any] = {}
    arrays: dict[str, Array] = {}
    assignment: dict[int, int] | None = None
    if labels is not None:
        assignment = clustering.assign(clusters, labels)
        public = clustering.public_half(labels)
        by_public = clustering.assign(clusters[public], labels[public])
        values = {
            "accuracy": clustering.accuracy(clusters, labels, assignment),
            "public_accuracy": clustering.accuracy(clusters[public], labels[public], by_public),
            "private_accuracy": clustering.accuracy(clusters[~public], labels[~public], by_public),
            "nmi": clustering.mutual_information(clusters, labels),
            "ami": clustering.adjusted_mutual_information(clusters, labels),
            "ari": clustering.adjusted_rand(clusters, labels),
        }
        if near.size:
            among = labels[neighbors.sample(len(labels))]
            values["knn_label_purity"] = neighbors.knn_label_purity(near, among)
        arrays["correct"] = clustering.correct(clusters, labels, assignment)
    if validation_labels is not None and validation_clusters is not None:
        if assignment is None:
            assignment = clustering.assign(validation_clusters, validation_labels)
        values["validation_accuracy"] = clustering.accuracy(
            validation_clusters, validation_labels, assignment
        )
        arrays["validation_correct"] = clustering.correct(
            validation_clusters, validation_labels, assignment
        )
    values["assignment"] = [] if assignment is None else sorted(assignment.items())
    return Result(arrays, values)
