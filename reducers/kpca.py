"""Kernel principal component analysis with a radial kernel."""

from __future__ import annotations

from dataclasses import KW_ONLY, dataclass
from typing import ClassVar

import numpy as np

from bench.base.checks import check_components, within
from reducers import reducers
from reducers.kernel import KernelReducer
from reducers.reducer import Array, State, as_float32

MOST_GAMMA = 1e6


@reducers.register("kpca", "kernel principal components, RBF kernel (scikit-learn): kpca64")
@dataclass(eq=False, repr=False)
class KernelPCA(KernelReducer):
    """Kernel principal component analysis with the kernel exp(−gamma · ‖x − y‖²).

    Parameters
    ----------
    n_components : int
        Dimensions to keep, 1 to the number of images.
    gamma : float
        Width of the kernel, up to 1,000,000; 0 (the default) stands for 1 / number of dimensions.
    random_state : int or None
        Seed of the iterative eigensolvers that scikit-learn takes for few components.

    References
    ----------
    Schölkopf, Smola, Müller (1997), Kernel principal component analysis.
    """

    title: ClassVar[str] = "kernel PCA"
    imports: ClassVar[tuple[str, ...]] = ("sklearn.decomposition",)

    n_components: int
    _: KW_ONLY
    gamma: float = 0.0
    random_state: int | None = None

    def check(self, n_samples: int, n_features: int) -> None:
        check_components(self.n_components, n_samples, n_samples)
        within(0, MOST_GAMMA, gamma=self.gamma)

    def seconds(self, n_samples: int, n_features: int) -> float:
        return (2 * n_samples**2 * n_features + 10 * n_samples**3) / 5e10

    def memory(self, n_samples: int, n_features: int) -> float:
        return 24e-6 * n_samples**2

    def fit_transform(self, X: Array, y: None = None) -> Array:
        from sklearn import decomposition

        self.X_ = np.asarray(X)
        model = decomposition.KernelPCA(
            self.n_components,
            kernel="rbf",
            gamma=self._width(),
            random_state=self.random_state,
        )
        embedding = as_float32(model.fit_transform(self.X_))
        self.means_ = self._kernel(self.X_).mean(axis=1)
        self._lay_axes(embedding)
        return embedding

    def transform(self, X: Array) -> Array:
        return as_float32(self._project(self._kernel(np.asarray(X))))

    def fitted(self) -> State:
        """Return each fitted point's mean kernel, which all of them would have to be held for."""
        return {"means": self.means_}

    def restore(self, state: State, X: Array, embedding: Array) -> KernelPCA:
        self.X_, self.means_ = X, state["means"]
        self._lay_axes(embedding)
        return self

    def _kernel(self, X: Array) -> Array:
        from sklearn.metrics.pairwise import rbf_kernel

        return np.asarray(rbf_kernel(X, self.X_, gamma=self._width()), dtype=np.float64)

    def _width(self) -> float:
        return self.gamma or 1 / self.X_.shape[1]
