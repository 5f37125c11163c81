"""Pairwise controlled manifold approximation."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import KW_ONLY, dataclass
from typing import Any, ClassVar

import numpy as np

from bench.base.checks import MOST_SETTING, check_components, more_images_than, within
from reducers import reducers
from reducers.reducer import Array, Reducer, State, as_float32

# PaCMAP seeds a generator for every point, at the seed plus a multiple of the point's number,
# in 32 bits with a sign.
SEEDS = 2**30


@reducers.register("pacmap", "PaCMAP (pacmap): pacmap2")
@dataclass(eq=False, repr=False)
class PaCMAP(Reducer):
    """PaCMAP: pulls near and mid-near pairs together and pushes further pairs apart.

    It takes more than 100 dimensions to 100 by a truncated singular value decomposition first.

    Parameters
    ----------
    n_components : int
        Dimensions to embed in.
    n_neighbors : int
        Near pairs of a point, at least 2. Half as many mid-near and twice as many further pairs
        are drawn beside them, so that 3.5 times as many images are needed.
    iterations : int
        Steps of the last of three phases, 1 to 100,000; the first two have 100 each.
    n_jobs : int
        Threads. The numbers do not depend on it.

    References
    ----------
    Wang, Huang, Rudin, Shaposhnik (2021), Understanding how dimension reduction tools work.
    """

    title: ClassVar[str] = "PaCMAP"
    libraries: ClassVar[tuple[str, ...]] = ("pacmap", "faiss-cpu", "numba", "scikit-learn")
    requires: ClassVar[tuple[str, ...]] = ("pacmap",)
    extra: ClassVar[str] = "reducers"

    n_components: int = 2
    _: KW_ONLY
    n_neighbors: int = 10
    iterations: int = 250
    random_state: int | None = None
    n_jobs: int = 1

    def check(self, n_samples: int, n_features: int) -> None:
        within(2, MOST_SETTING, n_neighbors=self.n_neighbors)
        within(1, MOST_SETTING, iterations=self.iterations)
        pairs = self.n_neighbors + round(self.n_neighbors * 0.5) + round(self.n_neighbors * 2.0)
        more_images_than(pairs, n_samples, f"n_neighbors={self.n_neighbors}")
        most = min(n_features, n_samples, 100)
        check_components(self.n_components, n_samples, n_features, most)

    def seconds(self, n_samples: int, n_features: int) -> float:
        """Estimate from runs on two cores at 600 to 8,500 images."""
        return 0.05 + n_samples * (2e-7 * n_features + 4e-4 * (200 + self.iterations) / 450)

    def warm_up(self, n_samples: int, n_features: int) -> None:
        """Import PaCMAP, for which numba compiles when it is imported first."""
        noise = np.random.default_rng(0).normal(size=(64, 4)).astype(np.float32)
        with self._quietly():
            model = self._model(n_neighbors=5, n_components=2, num_iters=(1, 1, 1))
            model.fit(noise)
            model.transform(noise[:8])

    def fit_transform(self, X: Array, y: None = None) -> Array:
        with self._quietly():
            self.model_ = self._model(num_iters=(100, 100, self.iterations))
            return as_float32(np.array(self.model_.fit_transform(X)))

    def transform(self, X: Array) -> Array:
        with self._quietly():
            return as_float32(self.model_.transform(X))

    def restore(self, state: State, X: Array, embedding: Array) -> PaCMAP:
        """Become the fitted reducer; its search of neighbors, too large to keep, again."""
        with self._quietly():
            self.model_ = self._model(num_iters=(1, 1, 1))
            self.model_.fit(X)
        self.model_.num_iters = (100, 100, self.iterations)
        self.model_.embedding_ = embedding.copy()
        return self

    def _model(self, **settings: Any) -> Any:
        import pacmap

        seed = None if self.random_state is None else int(self.random_state) % SEEDS
        given = {"n_neighbors": self.n_neighbors, "n_components": self.n_components}
        return pacmap.PaCMAP(random_state=seed, save_tree=True, **given | settings)

    @contextmanager
    def _quietly(self) -> Iterator[None]:
        """Keep to the threads that are given, and to silence: each seed is warned of."""
        import numba

        logger, threads = logging.getLogger("pacmap"), numba.get_num_threads()
        level = logger.level
        logger.setLevel(logging.ERROR)
        numba.set_num_threads(min(self.n_jobs, threads))
        try:
            yield
        finally:
            numba.set_num_threads(threads)
            logger.setLevel(level)
