"""Clusters joined two by two."""

from __future__ import annotations

from dataclasses import KW_ONLY, dataclass
from typing import ClassVar

import numpy as np

from bench.base.checks import need, one_of
from bench.clusterers import clusterers
from bench.clusterers.clusterer import Array, Clusterer, Integers

LINKAGES = ("ward", "average", "complete", "single")
MOST = 30_000  # images: their distances take 3.6 GB


@clusterers.register("agglomerative", "joins the two nearest clusters repeatedly: agglomerative")
@dataclass(eq=False, repr=False)
class Agglomerative(Clusterer):
    """Agglomerative clustering; no seed. It cannot predict the clusters of unseen images.

    Parameters
    ----------
    linkage : str
        Which two are joined: ``ward`` (least growth of variance), ``average``, ``complete`` or
        ``single``.

    References
    ----------
    Ward (1963), Hierarchical grouping to optimize an objective function.
    """

    deterministic: ClassVar[bool] = True
    libraries: ClassVar[tuple[str, ...]] = ("scikit-learn", "scipy")

    n_clusters: int
    _: KW_ONLY
    linkage: str = "ward"

    def check(self, n_samples: int, n_features: int) -> None:
        one_of(LINKAGES, linkage=self.linkage)
        need(
            n_samples <= MOST,
            f"computes all distances: at most {MOST:,} images, found {n_samples:,}",
        )

    def seconds(self, n_samples: int, n_features: int) -> float:
        return 0.05 + n_samples**2 * (n_features * 1e-9 + 1e-8)

    def memory(self, n_samples: int, n_features: int) -> float:
        return 8e-6 * n_samples**2

    def fit_predict(self, X: Array, y: None = None) -> Integers:
        from sklearn import cluster

        self.model_ = cluster.AgglomerativeClustering(self.n_clusters, linkage=self.linkage).fit(X)
        return self.model_.labels_.astype(np.int64)
