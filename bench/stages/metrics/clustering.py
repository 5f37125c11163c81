"""What the numbers mean: every metric, with its direction, range and source, in one place."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bench.base.sampling import stratified
from bench.base.seeds import derive

Integers = NDArray[np.integer[Any]]


@dataclass(frozen=True)
class Metric:
    """A metric as tables and pictures show it.

    Attributes
    ----------
    name : str
        Its column in results.csv.
    title : str
        Its heading.
    higher_is_better : bool
    range : str
        The values it can take.
    stage : str
        The stage that measures it.
    meaning : str
        In one sentence, with the source.
    """

    name: str
    title: str
    higher_is_better: bool
    range: str
    stage: str
    meaning: str


METRICS = {
    metric.name: metric
    for metric in (
        Metric(
            "accuracy",
            "accuracy",
            True,
            "0 to 1",
            "score",
            "share of training images whose cluster is assigned to their label, under the best "
            "one-to-one assignment of clusters to labels (Kuhn 1955, the Hungarian method)",
        ),
        Metric(
            "public_accuracy",
            "public",
            True,
            "0 to 1",
            "score",
            "the same on the public half of the training images, assignment chosen on that half",
        ),
        Metric(
            "private_accuracy",
            "private",
            True,
            "0 to 1",
            "score",
            "the same on the other half, under the public half's assignment",
        ),
        Metric(
            "validation_accuracy",
            "validation",
            True,
            "0 to 1",
            "score",
            "the same on unseen images, placed by the fitted encoder, reducers and clusterer, "
            "under the assignment of the training images (their own where those have no labels)",
        ),
        Metric(
            "nmi",
            "NMI",
            True,
            "0 to 1",
            "score",
            "normalized mutual information of clusters and labels, arithmetic mean (Strehl and "
            "Ghosh 2002); images in no cluster are a group here and in AMI and ARI",
        ),
        Metric(
            "ami",
            "AMI",
            True,
            "-1 to 1, 0 by chance",
            "score",
            "the same less what chance would give (Vinh, Epps and Bailey 2010)",
        ),
        Metric(
            "ari",
            "ARI",
            True,
            "-0.5 to 1, 0 by chance",
            "score",
            "adjusted Rand index of clusters and labels (Hubert and Arabie 1985)",
        ),
        Metric(
            "silhouette",
            "silhouette",
            True,
            "-1 to 1",
            "measure",
            "how much nearer images are to their own cluster than to the next, in the space that "
            "was clustered, on up to 2,000 images (Rousseeuw 1987); spaces differ, so that it is "
            "read against its null and not across cells",
        ),
        Metric(
            "trustworthiness",
            "trustworthiness",
            True,
            "0 to 1",
            "measure",
            "how far the 10 nearest neighbors in the space that was clustered were near among "
            "the codes, by rank, on up to 2,000 images (Venna and Kaski 2001)",
        ),
        Metric(
            "continuity",
            "continuity",
            True,
            "0 to 1",
            "measure",
            "how far the 10 nearest neighbors among the codes are still near in the space that "
            "was clustered: trustworthiness turned round (Venna and Kaski 2001)",
        ),
        Metric(
            "knn_preservation",
            "kNN preservation",
            True,
            "0 to 1",
            "measure",
            "share of the 10 nearest neighbors among the codes that are among the 10 nearest in "
            "the space that was clustered (Lee and Verleysen 2009)",
        ),
        Metric(
            "knn_label_purity",
            "kNN label purity",
            True,
            "0 to 1",
            "score",
            "share of the 10 nearest neighbors, in the space that was clustered, that have the "
            "image's own label; no clustering is asked",
        ),
        Metric(
            "knn_modularity",
            "kNN modularity",
            True,
            "-0.5 to 1, 0 by chance",
            "measure",
            "share of an image's 30 nearest neighbors that are in its own cluster, less the share "
            "that clusters of these sizes have by chance (modularity: Newman and Girvan 2004); in "
            "one space for all cells, fixed random filters that are no model's, on up to 2,000 "
            "images",
        ),
        Metric(
            "reference_silhouette",
            "reference silhouette",
            True,
            "-1 to 1",
            "measure",
            "silhouette (Rousseeuw 1987) in the reference space of the kNN modularity",
        ),
        Metric(
            "stability",
            "stability",
            True,
            "-0.5 to 1, 0 by chance",
            "stability",
            "adjusted Rand index of the clusters with those that the same chain and clusterer find "
            "in four fifths of the images, the encoder kept; mean over resamples (Ben-Hur, "
            "Elisseeff and Guyon 2002)",
        ),
        Metric(
            "reconstruction_loss",
            "MSE",
            False,
            "0 and up",
            "encode",
            "mean squared error over all training images and pixel values, values in [-1, 1], "
            "evaluation mode, computed by the harness for every model",
        ),
        Metric(
            "summed_batch_mse",
            "summed batch MSE",
            False,
            "0 and up",
            "train",
            "sum over the last epoch's batches of each batch's mean squared error, as the "
            "homework printed it; grows with the number of batches; of models that are trained on "
            "something else there is none",
        ),
    )
}


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
    """Assign clusters to labels, one to one, such that most images agree.

    Parameters
    ----------
    clusters, labels : ndarray, shape (n,), integers from 0
        Clusters can be -1, for none: nothing is assigned to that.

    Returns
    -------
    dict
        Cluster to label. Where there are more clusters than labels some are missing, and
        their images count as wrong; where there are fewer, some labels are.

    References
    ----------
    Kuhn (1955), The Hungarian method for the assignment problem.
    """
    from scipy.optimize import linear_sum_assignment

    rows, columns = linear_sum_assignment(contingency(clusters, labels), maximize=True)
    return dict(zip(rows.tolist(), columns.tolist(), strict=True))


def oriented(clusters: Integers, assignment: dict[int, int]) -> NDArray[np.int64]:
    """Replace each cluster by the label assigned to it; -1 where there is none."""
    # The last place is that of cluster -1, which is none.
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


def mutual_information(clusters: Integers, labels: Integers) -> float:
    """Return normalized mutual information, 0 to 1 (scikit-learn's)."""
    from sklearn.metrics import normalized_mutual_info_score

    return float(normalized_mutual_info_score(labels, clusters))


def adjusted_mutual_information(clusters: Integers, labels: Integers) -> float:
    """Return mutual information adjusted for chance, -1 to 1 (scikit-learn's)."""
    from sklearn.metrics import adjusted_mutual_info_score

    return float(adjusted_mutual_info_score(labels, clusters))


def largest_share(labels: Integers) -> float:
    """Return the accuracy of always naming the largest class, 0 to 1; NaN without images."""
    return float(np.bincount(labels).max() / len(labels)) if len(labels) else float("nan")


def adjusted_rand(clusters: Integers, labels: Integers) -> float:
    """Return the adjusted Rand index, -0.5 to 1 (scikit-learn's)."""
    from sklearn.metrics import adjusted_rand_score

    return float(adjusted_rand_score(labels, clusters))


def public_half(labels: Integers) -> NDArray[np.bool_]:
    """Halve images once, stratified by label.

    The halves depend on the labels alone: the same for every cell, seed and run.

    Parameters
    ----------
    labels : ndarray, shape (n,)

    Returns
    -------
    ndarray, shape (n,), bool
        True for the public half; of an odd number it is the larger one.
    """
    random = np.random.default_rng(derive(0, 0, "halves"))
    public = np.zeros(len(labels), bool)
    public[stratified(labels, (len(labels) + 1) // 2, random)] = True
    return public
