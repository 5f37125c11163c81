"""Clusters compared with labels, or with other clusters."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bench.base.sampling import stratified
from bench.base.seeds import derive
from bench.stages.metrics.metric import Metric

Integers = NDArray[np.integer[Any]]


def contingency(clusters: Integers, labels: Integers) -> NDArray[np.int64]:
    """Count images by cluster and label, shape (largest cluster + 1, largest label + 1).

    Those in no cluster, -1, are left out.
    """
    if clusters.shape != labels.shape or clusters.ndim != 1:
        raise ValueError(
            f"clusters {clusters.shape} and labels {labels.shape} must be vectors of one length"
        )
    counts = np.zeros((clusters.max(initial=-1) + 1, labels.max(initial=-1) + 1), np.int64)
    placed = clusters >= 0
    np.add.at(counts, (clusters[placed], labels[placed]), 1)
    return counts


def assign(clusters: Integers, labels: Integers) -> dict[int, int]:
    """Assign clusters to labels, both (n,), one to one, such that most images agree.

    Nothing is assigned to cluster -1, which is none. Where there are more clusters than labels
    some are missing, and their images count as wrong; where there are fewer, some labels are.

    References
    ----------
    Kuhn (1955), The Hungarian method for the assignment problem.
    """
    from scipy.optimize import linear_sum_assignment

    rows, columns = linear_sum_assignment(contingency(clusters, labels), maximize=True)
    return dict(zip(rows.tolist(), columns.tolist(), strict=True))


def oriented(clusters: Integers, assignment: dict[int, int]) -> NDArray[np.int64]:
    """Replace each cluster by the label assigned to it; -1 where there is none."""
    # The last entry is that of cluster -1, which is none.
    table = np.full(clusters.max(initial=-1) + 2, -1, np.int64)
    for cluster, label in assignment.items():
        if cluster < len(table) - 1:
            table[cluster] = label
    return table[clusters]


def correct(clusters: Integers, labels: Integers, assignment: dict[int, int]) -> NDArray[np.bool_]:
    """Return for each image whether its cluster is assigned to its label, shape (n,)."""
    return np.asarray(oriented(clusters, assignment) == labels)


def accuracy(clusters: Integers, labels: Integers, assignment: dict[int, int]) -> float:
    """Return the share of images whose cluster is assigned to their label; NaN of none."""
    if len(labels) == 0:
        return float("nan")
    return float(np.mean(correct(clusters, labels, assignment)))


def _from_scikit_learn(name: str) -> Callable[[Integers, Integers], float]:
    def index(clusters: Integers, labels: Integers) -> float:
        from sklearn import metrics

        return float(getattr(metrics, name)(labels, clusters))

    return index


nmi = _from_scikit_learn("normalized_mutual_info_score")
ami = _from_scikit_learn("adjusted_mutual_info_score")
adjusted_rand = _from_scikit_learn("adjusted_rand_score")


def stability(clusters: Integers, resamples: list[tuple[Integers, Integers]]) -> float:
    """Return the mean adjusted Rand index of the clusters of all images with those of fewer.

    ``resamples`` are the positions of each resample's images, and their clusters there.

    References
    ----------
    Ben-Hur, Elisseeff, Guyon (2002), A stability based method for discovering structure in
    clustered data; von Luxburg (2010), Clustering stability: an overview.
    """
    found = [adjusted_rand(clusters[chosen], other) for chosen, other in resamples]
    return float(np.mean(found))


def largest_share(labels: Integers) -> float:
    """Return the accuracy of always naming the largest class, 0 to 1; NaN without images."""
    return float(np.bincount(labels).max() / len(labels)) if len(labels) else float("nan")


def random_accuracy(labels: Integers, clusters: int, draws: int = 20) -> float:
    """Return the mean accuracy of random clusters of equal expected size; NaN without images.

    Clusters are assigned to labels as fits best, as always: with few labels that alone is more
    than the share of the largest class.
    """
    random = np.random.default_rng(derive(0, 0, "random clusters"))
    drawn = (random.integers(0, clusters, len(labels)) for _ in range(draws))
    return float(np.mean([accuracy(each, labels, assign(each, labels)) for each in drawn]))


def public_half(labels: Integers) -> NDArray[np.bool_]:
    """Halve images once, stratified by label; return whether each is in the public half, (n,).

    The halves depend on the labels alone: the same for every pipeline and seed. Of an odd number
    the public half is the larger one.
    """
    random = np.random.default_rng(derive(0, 0, "halves"))
    public = np.zeros(len(labels), bool)
    public[stratified(labels, (len(labels) + 1) // 2, random)] = True
    return public


METRICS = (
    Metric(
        name="accuracy",
        title="accuracy",
        meaning="share of training images whose cluster is assigned to their label, under the best "
        "one-to-one assignment of clusters to labels (Kuhn 1955, the Hungarian method)",
        stage="score",
        formula=accuracy,
        tables=("labeled", "latex"),
    ),
    Metric(
        name="public_accuracy",
        title="public",
        meaning="accuracy on the public half of the training images, with the assignment chosen on "
        "that half",
        stage="score",
        needs=("public_clusters", "public_labels", "public_assignment"),
        formula=accuracy,
        tables=("labeled",),
    ),
    Metric(
        name="private_accuracy",
        title="private",
        meaning="accuracy on the private half of the training images, with the assignment chosen "
        "on the public half",
        stage="score",
        needs=("private_clusters", "private_labels", "public_assignment"),
        formula=accuracy,
        tables=("labeled", "latex"),
    ),
    Metric(
        name="validation_accuracy",
        title="validation",
        meaning="accuracy on unseen images, to which the fitted encoder, reducers and clusterer "
        "are applied, with the assignment of the training images (or their own, if the training "
        "images have no labels)",
        stage="score",
        needs=("validation_clusters", "validation_labels", "assignment"),
        formula=accuracy,
        tables=("labeled", "latex"),
    ),
    Metric(
        name="nmi",
        title="NMI",
        meaning="normalized mutual information of clusters and labels, arithmetic mean (Strehl and "
        "Ghosh 2002); images in no cluster count as one group, also in AMI and ARI",
        stage="score",
        formula=nmi,
        tables=("labeled", "latex"),
    ),
    Metric(
        name="ami",
        title="AMI",
        meaning="mutual information of clusters and labels, adjusted for chance (Vinh, Epps and "
        "Bailey 2010)",
        stage="score",
        formula=ami,
        range="-1 to 1, 0 by chance",
        tables=("labeled",),
    ),
    Metric(
        name="ari",
        title="ARI",
        meaning="adjusted Rand index of clusters and labels (Hubert and Arabie 1985)",
        stage="score",
        formula=adjusted_rand,
        range="-0.5 to 1, 0 by chance",
        tables=("labeled", "latex"),
    ),
    Metric(
        name="stability",
        title="stability",
        meaning="adjusted Rand index of the clusters with those that the same chain and clusterer "
        "find in four fifths of the images, with the same encoder; mean over resamples (Ben-Hur, "
        "Elisseeff and Guyon 2002)",
        stage="stability",
        formula=stability,
        range="-0.5 to 1, 0 by chance",
        tables=("unlabeled", "selection"),
    ),
)
