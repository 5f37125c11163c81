"""t-distributed stochastic neighbor embedding."""

from __future__ import annotations

import warnings
from typing import Any, ClassVar

import numpy as np

from reducers import reducers
from reducers.reducer import Array, Reducer, State, as_float32, need

# Where interpolation by FFT may start to be faster than the Barnes-Hut tree; machines differ in
# this more than in anything else here. Two cores, seconds, trees against FFT: an Intel Xeon of
# 2023 17/45 at 8,500 images and 46/68 at 20,000; an AMD EPYC 10.5/11.9 at 6,000 and 15.4/15.5
# at 8,500.
FFT_FROM = 20_000


@reducers.register("tsne", "t-SNE (openTSNE): tsne2, tsne2(perplexity=50)")
class TSNE(Reducer):
    """t-SNE, started from the first principal components.

    Parameters
    ----------
    n_components : int
        1, 2 or 3.
    perplexity : float
        Effective number of neighbors, at least 1; needs more than 3 times as many images.
    early_exaggeration : float
        Factor on the affinities in the first phase, >= 1; 12 is openTSNE's default.
    iterations : int
        Steps of the main phase.
    method : str
        ``auto``, ``bh`` (Barnes-Hut trees) or ``fft`` (interpolation, up to 2 dimensions).
    random_state : int or None
        Seed.
    n_jobs : int
        Threads. The numbers depend on it.

    References
    ----------
    van der Maaten, Hinton (2008), Visualizing data using t-SNE; Linderman et al. (2019), Fast
    interpolation-based t-SNE; Poličar et al. (2024), openTSNE.
    """

    libraries: ClassVar[tuple[str, ...]] = ("openTSNE", "scikit-learn")

    def __init__(
        self,
        n_components: int = 2,
        *,
        perplexity: float = 30.0,
        early_exaggeration: float = 12.0,
        iterations: int = 500,
        method: str = "auto",
        random_state: int | None = None,
        n_jobs: int = 1,
    ) -> None:
        self.n_components = n_components
        self.perplexity = perplexity
        self.early_exaggeration = early_exaggeration
        self.iterations = iterations
        self.method = method
        self.random_state = random_state
        self.n_jobs = n_jobs

    def check(self, n_samples: int, n_features: int) -> None:
        """Raise `ValueError` for settings that t-SNE or this number of images rules out."""
        dimensions = self.n_components
        need(
            self.method in ("auto", "bh", "fft"),
            f"method must be auto, bh or fft, found {self.method!r}",
        )
        most = 2 if self.method == "fft" else 3
        need(
            1 <= dimensions <= most,
            f"embeds in 1 to {most} dimensions with method={self.method}, found {dimensions}",
        )
        need(
            dimensions <= n_features,
            f"cannot embed {n_features} dimensions in {dimensions}",
        )
        need(self.perplexity >= 1, f"perplexity must be 1 or more, found {self.perplexity:g}")
        need(
            self.early_exaggeration >= 1,
            f"early_exaggeration must be 1 or more, found {self.early_exaggeration:g}",
        )
        need(self.iterations >= 1, f"iterations must be 1 or more, found {self.iterations}")
        need(
            n_samples > 3 * self.perplexity,
            f"perplexity {self.perplexity:g} needs more than {3 * self.perplexity:g} images, "
            f"found {n_samples}",
        )

    def seconds(self, n_samples: int, n_features: int) -> float:
        """Estimate from runs on two cores at 600 to 8,500 images."""
        return (0.6 + 1.7e-3 * n_samples) * (250 + self.iterations) / 750

    def warm_up(self, n_samples: int, n_features: int) -> None:
        """Import openTSNE."""
        import openTSNE  # noqa: F401

    def fit_transform(self, X: Array, y: None = None) -> Array:
        """Fit to ``X``, shape (n_samples, n_features); return (n_samples, n_components)."""
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
        """Place unseen points, shape (n, n_features), among the fitted ones."""
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
