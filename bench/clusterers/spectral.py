"""Clusters of a graph of neighbors."""

from __future__ import annotations

import warnings
from dataclasses import KW_ONLY, dataclass

import numpy as np

from bench.base.checks import check_neighbors, need
from bench.clusterers import clusterers
from bench.clusterers.clusterer import Array, Clusterer, Integers


@clusterers.register("spectral", "cuts the graph of neighbors: spectral, spectral(n_neighbors=20)")
@dataclass(eq=False, repr=False)
class Spectral(Clusterer):
    """Spectral clustering on the graph of nearest neighbors. It cannot predict unseen images.

    It finds clusters of any form that hang together.

    Parameters
    ----------
    n_neighbors : int
        Neighbors of an image, itself among them; at least 2.

    References
    ----------
    Shi, Malik (2000), Normalized cuts and image segmentation; von Luxburg (2007), A tutorial on
    spectral clustering.
    """

    n_clusters: int
    _: KW_ONLY
    n_neighbors: int = 10
    random_state: int | None = None

    def check(self, n_samples: int, n_features: int) -> None:
        check_neighbors(self.n_neighbors, n_samples)
        need(
            n_samples > self.n_clusters,
            f"needs more images than clusters, found {n_samples} images for {self.n_clusters}",
        )

    def seconds(self, n_samples: int, n_features: int) -> float:
        return 0.2 + n_samples**2 * n_features * 1e-10 + 1e-4 * n_samples * self.n_clusters

    def fit_predict(self, X: Array, y: None = None) -> Integers:
        from sklearn import cluster

        with warnings.catch_warnings():
            # A graph in several parts has clusters all the more.
            warnings.filterwarnings("ignore", message=".*not fully connected.*")
            self.model_ = cluster.SpectralClustering(
                self.n_clusters,
                affinity="nearest_neighbors",
                n_neighbors=self.n_neighbors,
                random_state=self.random_state,
            ).fit(X)
        return self.model_.labels_.astype(np.int64)
