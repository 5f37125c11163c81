"""Uniform manifold approximation and projection."""

from __future__ import annotations

import warnings
from typing import Any, ClassVar

import numpy as np

from reducers import reducers
from reducers.reducer import Array, Reducer, State, as_float32, need

# From this many points on, umap-learn finds neighbors by descent and not by brute force.
DESCENT_FROM = 4096


@reducers.register("umap", "UMAP (umap-learn), one thread when seeded: umap2, umap2(fast=true)")
class UMAP(Reducer):
    """UMAP.

    Parameters
    ----------
    n_components : int
        Dimensions to embed in.
    n_neighbors : int
        Neighbors of a point, at least 2; needs more images than that.
    min_dist : float
        Least distance of embedded points, 0 to 1.
    fast : bool
        True: all threads and no seed. Faster, and no run gives the numbers of another.
    random_state : int or None
        Seed; umap-learn runs on one thread when it is given one.
    n_jobs : int
        Threads, used with ``fast=true`` only.

    References
    ----------
    McInnes, Healy, Melville (2018), UMAP: uniform manifold approximation and projection.
    """

    libraries: ClassVar[tuple[str, ...]] = ("umap-learn", "pynndescent", "numba", "scikit-learn")

    def __init__(
        self,
        n_components: int = 2,
        *,
        n_neighbors: int = 15,
        min_dist: float = 0.1,
        fast: bool = False,
        random_state: int | None = None,
        n_jobs: int = 1,
    ) -> None:
        self.n_components = n_components
        self.n_neighbors = n_neighbors
        self.min_dist = min_dist
        self.fast = fast
        self.random_state = random_state
        self.n_jobs = n_jobs

    def check(self, n_samples: int, n_features: int) -> None:
        """Raise `ValueError` for settings that UMAP or this number of images rules out."""
        need(self.n_neighbors >= 2, f"n_neighbors must be 2 or more, found {self.n_neighbors}")
        need(0 <= self.min_dist <= 1, f"min_dist must be 0 to 1, found {self.min_dist:g}")
        need(
            n_samples > self.n_neighbors,
            f"n_neighbors={self.n_neighbors} needs more than {self.n_neighbors} images, "
            f"found {n_samples}",
        )
        most = min(n_features, n_samples - 2)  # the spectral start has no more vectors
        need(
            1 <= self.n_components <= most,
            f"{self.n_components} components of {n_samples} images with {n_features} "
            f"dimensions: allowed are 1 to {most}",
        )

    def seconds(self, n_samples: int, n_features: int) -> float:
        """Estimate from runs on two cores at 600 to 8,500 images."""
        return 0.3 + 2.5e-3 * n_samples

    def warm_up(self, n_samples: int, n_features: int) -> None:
        """Import umap-learn and have numba compile what a fit of this size calls."""
        points = DESCENT_FROM + 1 if n_samples >= DESCENT_FROM else 64
        noise = np.random.default_rng(0).normal(size=(points, 4)).astype(np.float32)
        model = self._model(n_neighbors=5, n_components=2, n_epochs=20)
        self._quietly(model.fit, noise)
        self._quietly(model.transform, noise[:8])

    def fit_transform(self, X: Array, y: None = None) -> Array:
        """Fit to ``X``, shape (n_samples, n_features); return (n_samples, n_components)."""
        self.model_ = self._model(n_neighbors=self.n_neighbors, n_components=self.n_components)
        return as_float32(self._quietly(self.model_.fit_transform, np.asarray(X)))

    def transform(self, X: Array) -> Array:
        """Place unseen points, shape (n, n_features), among the fitted ones."""
        return as_float32(self._quietly(self.model_.transform, np.asarray(X)))

    def restore(self, state: State, X: Array, embedding: Array) -> UMAP:
        """Become the fitted reducer; the graph of neighbors, too large to keep, again."""
        self.model_ = self._model(
            n_neighbors=self.n_neighbors,
            n_components=self.n_components,
            n_epochs=0,
            init=embedding,
        )
        self._quietly(self.model_.fit, np.asarray(X))
        # It was only told not to move points: how long to seek a new one's place is its own again.
        self.model_.n_epochs = None
        self.model_.embedding_ = embedding.copy()
        return self

    def _model(self, **settings: Any) -> Any:
        import umap

        return umap.UMAP(
            min_dist=self.min_dist,
            random_state=None if self.fast else self.random_state,
            n_jobs=self.n_jobs if self.fast else 1,
            **settings,
        )

    @staticmethod
    def _quietly(call: Any, X: Array) -> Any:
        with warnings.catch_warnings():
            # That one thread is used is said in --help and in the docs; once is enough.
            warnings.filterwarnings("ignore", message="n_jobs value .* overridden")
            warnings.filterwarnings("ignore", message=".*Spectral initialization failed.*")
            warnings.filterwarnings("ignore", category=FutureWarning, module="sklearn")
            return call(X)
