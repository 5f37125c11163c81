"""Spectral embedding: Laplacian eigenmaps of the neighborhood graph."""

from __future__ import annotations

from dataclasses import KW_ONLY, dataclass
from typing import Any, ClassVar

import numpy as np

from bench.base.checks import MOST_SETTING, check_components, need, within
from reducers import reducers
from reducers.reducer import Array, Reducer, as_float32


@reducers.register("spectral", "Laplacian eigenmaps (scikit-learn): spectral2(n_neighbors=15)")
@dataclass(eq=False, repr=False)
class SpectralEmbedding(Reducer):
    """Eigenvectors of the Laplacian of the graph of nearest neighbors; cannot transform new points.

    A graph that falls into parts has as many first eigenvectors as parts, in no order, that say
    nothing of what is within them. The parts are therefore joined at their nearest points, by
    as few edges as it takes: the shortest ones, those of a spanning tree.

    Parameters
    ----------
    n_components : int
        Dimensions to embed in, 1 to the number of images − 2.
    n_neighbors : int
        Neighbors of a point, itself among them, at least 2; no more than there are images.
    n_jobs : int
        Threads, for the search of neighbors.

    References
    ----------
    Belkin, Niyogi (2003), Laplacian eigenmaps for dimensionality reduction and data
    representation.
    """

    deterministic: ClassVar[bool] = True
    libraries: ClassVar[tuple[str, ...]] = ("scikit-learn", "scipy")
    imports: ClassVar[tuple[str, ...]] = ("sklearn.manifold",)

    n_components: int = 2
    _: KW_ONLY
    n_neighbors: int = 10
    n_jobs: int = 1

    def check(self, n_samples: int, n_features: int) -> None:
        within(2, MOST_SETTING, n_neighbors=self.n_neighbors)
        need(
            n_samples >= self.n_neighbors,
            f"n_neighbors={self.n_neighbors} needs {self.n_neighbors} images or more, "
            f"found {n_samples}",
        )
        check_components(self.n_components, n_samples, n_features, most=n_samples - 2)

    def seconds(self, n_samples: int, n_features: int) -> float:
        return 0.02 + 2 * n_samples**2 * n_features / 1e11 + 5e-9 * n_samples**2

    def fit_transform(self, X: Array, y: None = None) -> Array:
        from sklearn import manifold
        from sklearn.neighbors import kneighbors_graph

        X = np.asarray(X)
        nearest = kneighbors_graph(X, self.n_neighbors, include_self=True, n_jobs=self.n_jobs)
        graph = _joined(X, 0.5 * (nearest + nearest.T))
        # The seed is of the vector that the solver starts from, and not of where it gets to.
        self.model_ = manifold.SpectralEmbedding(
            self.n_components, affinity="precomputed", random_state=0
        )
        return as_float32(self.model_.fit_transform(graph))


def _joined(X: Array, graph: Any) -> Any:
    """Return a symmetric graph with its parts joined at their nearest points."""
    from scipy.sparse import csgraph
    from sklearn.metrics import pairwise_distances_argmin_min

    count, part = csgraph.connected_components(graph, directed=False)
    if count == 1:
        return graph
    order = np.argsort(part, kind="stable")
    members = np.split(order, np.searchsorted(part[order], np.arange(1, count)))
    starts = np.cumsum([0, *map(len, members[:-1])])
    between = np.empty((count, count))
    for number in range(count):
        _, far = pairwise_distances_argmin_min(X[order], X[members[number]])
        between[number] = np.minimum.reduceat(far, starts)
    # Parts can hold the same point; a distance of 0 would be no edge to SciPy.
    between = np.maximum(between, np.finfo(np.float64).tiny)
    np.fill_diagonal(between, 0)
    tree = csgraph.minimum_spanning_tree(between).tocoo()
    joined = graph.tolil()
    for one, other in zip(tree.row, tree.col, strict=True):
        nearest, far = pairwise_distances_argmin_min(X[members[one]], X[members[other]])
        a, b = members[one][far.argmin()], members[other][nearest[far.argmin()]]
        joined[a, b] = joined[b, a] = 1
    return joined.tocsr()
