"""What a cluster is called: by the label of most of its images, where that is at least half."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from bench.stages.metrics.clustering import Integers, contingency

MIXED = "mixed"
LEAST = 0.5  # share of the majority below which a cluster is mixed


class ClusterName(NamedTuple):
    """A cluster's name, and the share of its labeled images that have its most frequent label."""

    name: str
    share: float

    def __str__(self) -> str:
        return f"{self.name} ({self.share:.0%})"


def cluster_names(
    clusters: Integers, labels: Integers | None, class_names: tuple[str, ...]
) -> dict[int, ClusterName]:
    """Name each cluster by its majority; return nothing without labels.

    Two clusters may have the same name, and a label may be none's name: unlike the assignment that
    accuracy is computed with, a name is true of most images of its cluster.

    Parameters
    ----------
    clusters : ndarray, shape (n,)
        -1 for images in no cluster, which has no name.
    labels : ndarray, shape (n,), or None
        Positions in ``class_names``; -1 for images without a label.
    """
    if labels is None:
        return {}
    known = labels >= 0
    counts = contingency(clusters[known], labels[known])
    names = {}
    for cluster in np.flatnonzero(counts.sum(axis=1)):
        most = int(counts[cluster].argmax())
        share = float(counts[cluster, most] / counts[cluster].sum())
        names[int(cluster)] = ClusterName(class_names[most] if share >= LEAST else MIXED, share)
    return names
