"""Isometric mapping along the neighborhood graph."""

from __future__ import annotations

import warnings
from dataclasses import KW_ONLY, dataclass
from typing import ClassVar

import numpy as np

from bench.base.checks import check_components, check_neighbors
from reducers import reducers
from reducers.kernel import KernelReducer
from reducers.reducer import Array, State, as_float32


@reducers.register("isomap", "Isomap (scikit-learn): isomap2, isomap2(n_neighbors=15)")
@dataclass(eq=False, repr=False)
class Isomap(KernelReducer):
    """Isomap: distances along the graph of nearest neighbors, laid out by classical scaling.

    Where the graph falls into parts, scikit-learn joins each pair of parts at the points that
    are nearest to each other. The eigenproblem is solved in full, so that the result needs no
    seed. All distances are held at once: 12 · n² bytes or so.

    Parameters
    ----------
    n_components : int
        Dimensions to embed in, 1 to the number of images − 1.
    n_neighbors : int
        Neighbors of a point, at least 2; needs more images than that.
    n_jobs : int
        Threads, for the search of neighbors.

    References
    ----------
    Tenenbaum, de Silva, Langford (2000), A global geometric framework for nonlinear
    dimensionality reduction.
    """

    title: ClassVar[str] = "Isomap"
    deterministic: ClassVar[bool] = True
    libraries: ClassVar[tuple[str, ...]] = ("scikit-learn", "scipy")
    imports: ClassVar[tuple[str, ...]] = ("sklearn.manifold",)

    n_components: int = 2
    _: KW_ONLY
    n_neighbors: int = 10
    n_jobs: int = 1

    def check(self, n_samples: int, n_features: int) -> None:
        check_neighbors(self.n_neighbors, n_samples)
        check_components(self.n_components, n_samples, n_features, most=n_samples - 1)

    def seconds(self, n_samples: int, n_features: int) -> float:
        paths = n_samples**2 * self.n_neighbors * np.log2(n_samples + 1)
        return float(2 * n_samples**2 * n_features / 5e10 + 1.2e-9 * paths + n_samples**3 / 3e10)

    def memory(self, n_samples: int, n_features: int) -> float:
        return 24e-6 * n_samples**2

    def fit_transform(self, X: Array, y: None = None) -> Array:
        return self._keep(np.asarray(X), None)

    def transform(self, X: Array) -> Array:
        """Place unseen points, shape (n, n_features), among the fitted ones.

        Their distances along the graph are those over the nearest of the fitted points.
        """
        near, which = self.model_.nbrs_.kneighbors(np.asarray(X))
        along = self.model_.dist_matrix_
        paths = np.array(
            [(along[ids] + far[:, None]).min(0) for ids, far in zip(which, near, strict=True)]
        ).reshape(-1, len(along))
        return as_float32(self._project(-0.5 * paths**2))

    def restore(self, state: State, X: Array, embedding: Array) -> Isomap:
        """Become the fitted reducer; the distances along the graph, too many to keep, again."""
        self._keep(X, embedding)
        return self

    def _keep(self, X: Array, embedding: Array | None) -> Array:
        """Find distances, and where points lie unless that is known; return the latter."""
        from scipy.sparse import SparseEfficiencyWarning
        from sklearn import manifold

        self.model_ = manifold.Isomap(
            n_neighbors=self.n_neighbors,
            n_components=self.n_components,
            eigen_solver="dense",
            n_jobs=self.n_jobs,
        )
        with warnings.catch_warnings():
            # What scikit-learn does with parts is said above.
            warnings.filterwarnings("ignore", message="The number of connected components")
            warnings.simplefilter("ignore", SparseEfficiencyWarning)
            found = as_float32(self.model_.fit_transform(X))
        # Kept rather than found again: the sign of an axis is the eigensolver's choice.
        embedding = found if embedding is None else embedding
        self.means_ = -0.5 * np.square(self.model_.dist_matrix_).mean(axis=1)
        self._lay_axes(embedding)
        return embedding
