"""The stage score: clusters compared with labels. The only stage that is given labels."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

from bench.base import sampling, seeds
from bench.stages.metrics import clustering, neighbors, table
from bench.stages.metrics.clustering import Integers
from bench.stages.stage import Array, Context, Given, Job, Result, Stage, Task, importing


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
        return (*table.families(self.name), clustering, neighbors, table, sampling, seeds)

    def features(self, context: Context, parents: list[Task]) -> int:
        return 1

    def job(self, given: Given) -> Job:
        clustered, measured = given.parents
        train, validation = clustered.require("train"), clustered.array("validation")
        near, data = measured.require("near"), given.data
        return Job(
            lambda: score(train, near, data.labels, validation, data.validation_labels),
            importing("sklearn.metrics"),
        )


def score(
    clusters: Integers,
    near: Integers,
    labels: Integers | None,
    validation_clusters: Integers | None,
    validation_labels: Integers | None,
) -> Result:
    """Compare clusters with labels, both (n,), and those of validation images, (v,).

    Images with label -1 are left out: their label is not known. ``near`` are neighbors in the
    embedding, (m, k), as `measure` leaves them.

    Returns
    -------
    Result
        Values: the metrics of this stage that the labels at hand allow, and ``assignment``, pairs
        of cluster and label. Arrays: ``correct``, of the images whose label is known, and
        ``validation_correct`` (v,), whether an image's cluster is assigned to its label.
    """
    inputs: dict[str, Any] = {}
    arrays: dict[str, Array] = {}
    assignment: dict[int, int] | None = None
    if labels is not None:
        known = labels >= 0
        if near.size and known.all():
            inputs |= {"near": near, "near_labels": labels[neighbors.sample(len(labels))]}
        clusters, labels = clusters[known], labels[known]
        assignment = clustering.assign(clusters, labels)
        public = clustering.public_half(labels)
        inputs |= {
            "clusters": clusters,
            "labels": labels,
            "public_clusters": clusters[public],
            "public_labels": labels[public],
            "private_clusters": clusters[~public],
            "private_labels": labels[~public],
            "public_assignment": clustering.assign(clusters[public], labels[public]),
        }
        arrays["correct"] = clustering.correct(clusters, labels, assignment)
    if validation_labels is not None and validation_clusters is not None:
        if assignment is None:
            assignment = clustering.assign(validation_clusters, validation_labels)
        inputs["validation_clusters"] = validation_clusters
        inputs["validation_labels"] = validation_labels
        arrays["validation_correct"] = clustering.correct(
            validation_clusters, validation_labels, assignment
        )
    values: dict[str, Any] = table.evaluate("score", assignment=assignment, **inputs)
    values["assignment"] = [] if assignment is None else sorted(assignment.items())
    return Result(arrays, values)
