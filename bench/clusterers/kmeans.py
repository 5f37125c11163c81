"""Clusters around means."""

from __future__ import annotations

import warnings
from dataclasses import KW_ONLY, dataclass

import numpy as np

from bench.base.checks import MOST_SETTING, within
from bench.clusterers import clusterers
from bench.clusterers.clusterer import Array, Clusterer, Integers, State

ITERATIONS = 30  # for estimates
WIDE = 4  # times as many features as images, from which on a change of axes pays


@clusterers.register("kmeans", "k-means (scikit-learn), as in the HW5 report; the default")
@dataclass(eq=False, repr=False)
class KMeans(Clusterer):
    """k-means: every image belongs to the nearest of so many means.

    Parameters
    ----------
    starts : int
        Times it is started, 1 to 100,000; the run with the least inertia is kept.

    References
    ----------
    Lloyd (1982), Least squares quantization in PCM; Arthur, Vassilvitskii (2007), k-means++.
    """

    n_clusters: int
    _: KW_ONLY
    starts: int = 10
    random_state: int | None = None

    def check(self, n_samples: int, n_features: int) -> None:
        within(1, MOST_SETTING, starts=self.starts)

    def seconds(self, n_samples: int, n_features: int) -> float:
        distances = 2.0 * n_samples * n_features * self.n_clusters
        return 0.05 + self.starts * ITERATIONS * distances / 1e10

    def fit_predict(self, X: Array, y: None = None) -> Integers:
        from sklearn import cluster
        from sklearn.exceptions import ConvergenceWarning

        axes, points = None, X
        if X.shape[1] >= WIDE * len(X):
            # Within the space that the points span, where their distances are the same.
            axes, triangle = np.linalg.qr(X.T)
            points = triangle.T
        with warnings.catch_warnings():
            # Fewer distinct points than clusters: the number of clusters found says so.
            warnings.simplefilter("ignore", ConvergenceWarning)
            model = cluster.KMeans(
                self.n_clusters, n_init=self.starts, random_state=self.random_state
            ).fit(points)
        found = model.cluster_centers_
        self.centers_ = found if axes is None else found @ axes.T
        return model.labels_.astype(np.int64)

    def predict(self, X: Array) -> Integers:
        from sklearn.metrics import pairwise_distances_argmin

        return np.asarray(pairwise_distances_argmin(X, self.centers_), dtype=np.int64)

    def fitted(self) -> State:
        return {"centers": self.centers_}

    def restore(self, state: State, X: Array, clusters: Integers) -> KMeans:
        self.centers_ = state["centers"]
        return self
