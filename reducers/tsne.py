"""t-distributed stochastic neighbor embedding."""

from __future__ import annotations

import warnings
from dataclasses import KW_ONLY, dataclass
from typing import Any, ClassVar

import numpy as np
from scipy import sparse

from bench.base.checks import MOST_SETTING, more_images_than, need, within
from reducers import reducers
from reducers.descent import Descent
from reducers.reducer import Array, Reducer, State, as_float32

# Steps of the first phase, in which affinities are exaggerated, as openTSNE has them.
EARLY = 250
# Where interpolation on a grid becomes faster than all pairs.
FFT_FROM = 10_000
# Below, all distances cost less than an index of the points, and the neighbors are the true ones.
INDEX_FROM = 20_000


@reducers.register("tsne", "t-SNE (openTSNE): tsne2, tsne2(perplexity=50)")
@dataclass(eq=False, repr=False)
class TSNE(Reducer):
    """t-SNE, started from the first principal components.

    Affinities, and where unseen points are placed, are openTSNE's; so are the steps, which
    `reducers.descent` takes in single precision.

    Parameters
    ----------
    n_components : int
        1, 2 or 3.
    perplexity : float
        Effective number of neighbors, at least 1; needs more than 3 times as many images.
    early_exaggeration : float
        Factor on the affinities in the first phase, 1 to 1000; 12 is openTSNE's default.
    iterations : int
        Steps of the main phase, 1 to 100,000.
    method : str
        Of the forces between all points: ``exact`` (pair by pair) and ``fft`` (interpolation on
        a grid), both up to 2 dimensions, ``bh`` (openTSNE's Barnes-Hut trees), or ``auto``: the
        fastest of them for this number of images.
    n_jobs : int
        Threads. The numbers depend on it.

    References
    ----------
    van der Maaten, Hinton (2008), Visualizing data using t-SNE; Linderman et al. (2019), Fast
    interpolation-based t-SNE; Poličar et al. (2024), openTSNE.
    """

    title: ClassVar[str] = "t-SNE"
    libraries: ClassVar[tuple[str, ...]] = ("openTSNE", "numba", "scipy", "scikit-learn")
    imports: ClassVar[tuple[str, ...]] = ("openTSNE",)
    parts: ClassVar[tuple[type, ...]] = (Descent,)

    n_components: int = 2
    _: KW_ONLY
    perplexity: float = 30.0
    early_exaggeration: float = 12.0
    iterations: int = 500
    method: str = "auto"
    random_state: int | None = None
    n_jobs: int = 1

    def check(self, n_samples: int, n_features: int) -> None:
        dimensions, most = self.n_components, 2 if self.method in ("exact", "fft") else 3
        need(
            self.method in ("auto", "exact", "fft", "bh"),
            f"method must be auto, exact, fft or bh, found {self.method!r}",
        )
        need(
            1 <= dimensions <= most,
            f"embeds in 1 to {most} dimensions with method={self.method}, found {dimensions}",
        )
        need(dimensions <= n_features, f"cannot embed {n_features} dimensions in {dimensions}")
        within(1, MOST_SETTING, perplexity=self.perplexity, iterations=self.iterations)
        within(1, 1000, early_exaggeration=self.early_exaggeration)
        more_images_than(3 * self.perplexity, n_samples, f"perplexity {self.perplexity:g}")

    def seconds(self, n_samples: int, n_features: int) -> float:
        """Estimate from runs on one thread at 1,800 to 70,000 images."""
        neighbors = 2e-8 * n_samples * min(n_samples, INDEX_FROM)
        forces = 5e-6 if self._method(n_samples) == "bh" else 1e-10 * min(n_samples, FFT_FROM)
        return neighbors + (EARLY + self.iterations) * n_samples * (forces + 2.5e-7)

    def warm_up(self, n_samples: int, n_features: int) -> None:
        """Import openTSNE and have numba compile what a fit of this size calls."""
        super().warm_up(n_samples, n_features)
        if self._method(n_samples) != "bh":
            apart = sparse.csr_matrix(np.eye(2))
            Descent(np.eye(2), apart, self._method(n_samples) == "exact", 1).run(1)

    def fit_transform(self, X: Array, y: None = None) -> Array:
        self.embedding_ = self._fit(np.asarray(X))
        # openTSNE's transform puts the middle of the fitted points' range at 0, in place. Put
        # there from the start, fitted and unseen points share one frame.
        self.embedding_ -= (self.embedding_.max(axis=0) + self.embedding_.min(axis=0)) / 2
        embedding = as_float32(np.array(self.embedding_, copy=True))
        # What is restored has these numbers, and so must what places points before that.
        self.embedding_[:] = embedding
        return embedding

    def restore(self, state: State, X: Array, embedding: Array) -> TSNE:
        """Become the fitted reducer; who is near to whom, too much to keep, is found again."""
        self.embedding_ = self._model(len(X)).prepare_initial(np.asarray(X))
        self.embedding_[:] = embedding
        return self

    def transform(self, X: Array) -> Array:
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", message=".*perplexity.*")
            placed = self.embedding_.transform(np.asarray(X))
        return as_float32(np.array(placed, copy=True))

    def _fit(self, X: Array) -> Any:
        model, method = self._model(len(X)), self._method(len(X))
        if method == "bh":
            return model.fit(X)
        embedding = model.prepare_initial(X)
        affinities = embedding.affinities.P
        descent = Descent(np.asarray(embedding), affinities, method == "exact", self.n_jobs)
        descent.run(EARLY, self.early_exaggeration)
        embedding[:] = descent.run(self.iterations)
        return embedding

    def _model(self, n_samples: int) -> Any:
        import openTSNE

        return openTSNE.TSNE(
            n_components=self.n_components,
            perplexity=self.perplexity,
            early_exaggeration=self.early_exaggeration,
            n_iter=self.iterations,
            early_exaggeration_iter=EARLY,
            neighbors="exact" if n_samples < INDEX_FROM else "annoy",
            negative_gradient_method="fft" if self._method(n_samples) == "fft" else "bh",
            random_state=self.random_state,
            n_jobs=self.n_jobs,
        )

    def _method(self, n_samples: int) -> str:
        if self.method != "auto":
            return self.method
        if self.n_components > 2:
            return "bh"
        return "exact" if n_samples < FFT_FROM else "fft"
