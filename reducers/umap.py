"""Uniform manifold approximation and projection."""

from __future__ import annotations

import warnings
from dataclasses import KW_ONLY, dataclass
from typing import Any, ClassVar

import numpy as np

from bench.base import compiled
from bench.base.checks import check_components, check_neighbors, within
from reducers import reducers
from reducers.reducer import Array, Reducer, State, as_float32

# From this many points on, umap-learn finds neighbors by descent and not by brute force.
DESCENT_FROM = 4096


@reducers.register("umap", "UMAP (umap-learn), one thread when seeded: umap2, umap2(fast=true)")
@dataclass(eq=False, repr=False)
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

    title: ClassVar[str] = "UMAP"
    libraries: ClassVar[tuple[str, ...]] = ("umap-learn", "pynndescent", "numba", "scikit-learn")

    n_components: int = 2
    _: KW_ONLY
    n_neighbors: int = 15
    min_dist: float = 0.1
    fast: bool = False
    random_state: int | None = None
    n_jobs: int = 1

    @property
    def parallel(self) -> bool:
        return self.fast

    def check(self, n_samples: int, n_features: int) -> None:
        check_neighbors(self.n_neighbors, n_samples)
        within(0, 1, min_dist=self.min_dist)
        most = min(n_features, n_samples - 2)  # the spectral start has no more vectors
        check_components(self.n_components, n_samples, n_features, most)

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
        self.model_ = self._model()
        return as_float32(self._quietly(self.model_.fit_transform, np.asarray(X)))

    def transform(self, X: Array) -> Array:
        return as_float32(self._quietly(self.model_.transform, np.asarray(X)))

    def restore(self, state: State, X: Array, embedding: Array) -> UMAP:
        """Become the fitted reducer; the graph of neighbors, too large to keep, again."""
        self.model_ = self._model(n_epochs=0, init=embedding)
        self._quietly(self.model_.fit, np.asarray(X))
        # The fit had no steps, so as not to move points; the default number is for new ones.
        self.model_.n_epochs = None
        self.model_.embedding_ = embedding.copy()
        return self

    def _model(self, **settings: Any) -> Any:
        umap = compiled.load("umap", "pynndescent")
        given = {
            "n_neighbors": self.n_neighbors,
            "n_components": self.n_components,
            "min_dist": self.min_dist,
            "random_state": None if self.fast else self.random_state,
            "n_jobs": self.n_jobs if self.fast else 1,
        }
        return umap.UMAP(**given | settings)

    @staticmethod
    def _quietly(call: Any, X: Array) -> Any:
        with warnings.catch_warnings():
            # That one thread is used is said in --help and in the docs; once is enough.
            warnings.filterwarnings("ignore", message="n_jobs value .* overridden")
            warnings.filterwarnings("ignore", message=".*Spectral initialization failed.*")
            warnings.filterwarnings("ignore", category=FutureWarning, module="sklearn")
            return call(X)
