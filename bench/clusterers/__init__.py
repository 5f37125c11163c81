"""Registry of clusterings, one method a file.

A clusterer is a scikit-learn clusterer; see `bench.clusterers.clusterer.Clusterer`. Users write
them as they write models: ``kmeans``, ``gmm(covariance=diag)``, read by `bench.clusterers.named`.
A new one is a new file in this folder, or in a plugin::

    from bench.clusterers import clusterers
    from bench.clusterers.clusterer import Clusterer

    @clusterers.register("mine", "what it is, in one line")
    class Mine(Clusterer):
        def __init__(self, n_clusters: int, *, random_state: int | None = None): ...
        def fit_predict(self, X, y=None): ...
        def predict(self, X): ...  # where the method can place unseen points
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from bench.base.registry import Registry

if TYPE_CHECKING:
    from bench.clusterers.clusterer import Clusterer

clusterers: Registry[type[Clusterer]] = Registry("clusterer", "bench.clusterers")
