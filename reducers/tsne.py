"""t-distributed stochastic neighbor embedding."""

from __future__ import annotations

import warnings
from dataclasses import KW_ONLY, dataclass
from typing import Any, ClassVar

import numpy as np

from bench.base.checks import MOST_SETTING, more_images_than, need, within
from reducers import reducers
from reducers.reducer import Array, Reducer, State, as_float32

# Where interpolation by FFT may start to be faster than the Barnes-Hut tree; machines differ in
# this more than in anything else here. Two cores, seconds, trees against FFT: an Intel Xeon of
# 2023 17/45 at 8,500 images and 46/68 at 20,000; an AMD EPYC 10.5/11.9 at 6,000 and 15.4/15.5
# at 8,500.
FFT_FROM = 20_000


@reducers.register("tsne", "t-SNE (openTSNE): tsne2, tsne2(perplexity=50)")
@dataclass(eq=False, repr=False)
class TSNE(Reducer):
    """t-SNE, started from the first principal components.

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
        ``auto``, ``bh`` (Barnes-Hut trees) or ``fft`` (interpolation, up to 2 dimensions).
    n_jobs : int
        Threads. The numbers depend on it.

    References
    ----------
    van der Maaten, Hinton (2008), Visualizing data using t-SNE; Linderman et al. (2019), Fast
    interpolation-based t-SNE; Poličar et al. (2024), openTSNE.
    """

    title: ClassVar[str] = "t-SNE"
    libraries: ClassVar[tuple[str, ...]] = ("openTSNE", "scikit-learn")
    imports: ClassVar[tuple[str, ...]] = ("openTSNE",)

    n_components: int = 2
    _: KW_ONLY
    perplexity: float = 30.0
    early_exaggeration: float = 12.0
    iterations: int = 500
    method: str = "auto"
    random_state: int | None = None
    n_jobs: int = 1

    def check(self, n_samples: int, n_features: int) -> None:
        dimensions, most = self.n_components, 2 if self.method == "fft" else 3
        need(
            self.method in ("auto", "bh", "fft"),
            f"method must be auto, bh or fft, found {self.method!r}",
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
        """Estimate from runs on two cores at 600 to 8,500 images."""
        return (0.6 + 1.7e-3 * n_samples) * (250 + self.iterations) / 750

    def fit_transform(self, X: Array, y: None = None) -> Array:
        self.embedding_ = self._model(len(X)).fit(np.asarray(X))
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

    def _model(self, n_samples: int) -> Any:
        import openTSNE

        return openTSNE.TSNE(
            n_components=self.n_components,
            perplexity=self.perplexity,
            early_exaggeration=self.early_exaggeration,
            n_iter=self.iterations,
            negative_gradient_method=self._method(n_samples),
            random_state=self.random_state,
            n_jobs=self.n_jobs,
        )

    def _method(self, n_samples: int) -> str:
        if self.method != "auto":
            return self.method
        return "fft" if n_samples >= FFT_FROM and self.n_components <= 2 else "bh"
