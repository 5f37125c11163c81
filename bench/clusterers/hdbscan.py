"""Dense areas, and what lies in none."""

from __future__ import annotations

from dataclasses import KW_ONLY, dataclass
from typing import ClassVar

import numpy as np

from bench.base.checks import need
from bench.clusterers import clusterers
from bench.clusterers.clusterer import Array, Clusterer, Integers

SHARE = 0.02  # of the images, in the smallest cluster


@clusterers.register("hdbscan", "finds dense regions and their number; the rest is noise: hdbscan")
@dataclass(eq=False, repr=False)
class HDBSCAN(Clusterer):
    """Hierarchical density-based clustering; no seed. It cannot predict unseen images.

    It finds the number of clusters by itself, and leaves images between them in none: noise,
    cluster -1, counted in ``noise`` and as wrong in every accuracy.

    Parameters
    ----------
    min_cluster_size : int
        Images of the smallest cluster, at least 2; 0 (the default) stands for 2% of all, at
        least 5.
    min_samples : int
        Neighbors that make an area dense; 0 (the default) stands for ``min_cluster_size``.

    References
    ----------
    Campello, Moulavi, Sander (2013), Density-based clustering based on hierarchical density
    estimates.
    """

    deterministic: ClassVar[bool] = True

    _: KW_ONLY
    min_cluster_size: int = 0
    min_samples: int = 0

    def check(self, n_samples: int, n_features: int) -> None:
        size, samples = self._size(n_samples), self.min_samples
        need(
            self.min_cluster_size > 0 or size <= n_samples,
            f"needs {size} images or more, found {n_samples}",
        )
        need(
            2 <= size <= n_samples,
            f"min_cluster_size must be 2 to {n_samples}, or 0, found {size}",
        )
        need(
            0 <= samples <= n_samples,
            f"min_samples must be 1 to {n_samples}, or 0, found {samples}",
        )

    def seconds(self, n_samples: int, n_features: int) -> float:
        return 0.1 + n_samples**2 * (n_features * 1e-9 + 2e-8)

    def fit_predict(self, X: Array, y: None = None) -> Integers:
        """Fit to ``X``, shape (n_samples, n_features); return clusters, -1 for noise."""
        from sklearn import cluster

        size = self._size(len(X))
        self.model_ = cluster.HDBSCAN(
            min_cluster_size=size, min_samples=self.min_samples or size, copy=True
        ).fit(X)
        return self.model_.labels_.astype(np.int64)

    def _size(self, n_samples: int) -> int:
        return self.min_cluster_size or max(5, round(SHARE * n_samples))
