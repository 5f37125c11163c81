"""Independent component analysis."""

from __future__ import annotations

import warnings
from dataclasses import KW_ONLY, dataclass
from typing import ClassVar

import numpy as np

from bench.base.checks import MOST_SETTING, need, within
from reducers import reducers
from reducers.linear import LinearReducer, leading_axes, whitening_axes
from reducers.reducer import Array, as_float32


@reducers.register("ica", "independent components, FastICA (scikit-learn): ica16")
@dataclass(eq=False, repr=False)
class ICA(LinearReducer):
    """FastICA: whitened principal components, turned until they are as little Gaussian as can be.

    Each component has unit variance; their order and signs mean nothing and change with the
    seed. k-means heeds no rotation: at the end of a chain this groups as ``pca16(whiten=true)``
    does.

    Where the turning has not settled after ``iterations`` steps, as on data that are Gaussian
    and have no axis that is better than another, the last step's components are taken and
    `notes_` says so. Components of the data without variance are left out of the turning and
    are 0.

    Parameters
    ----------
    n_components : int
        Dimensions to keep, 1 to min(images, dimensions).
    iterations : int
        Most steps, 1 to 100,000.
    tolerance : float
        Settled is what turns by less than this in a step, above 0 and up to 1.
    random_state : int or None
        Seed of the first turn.

    References
    ----------
    Hyvärinen, Oja (2000), Independent component analysis: algorithms and applications.
    """

    title: ClassVar[str] = "ICA"
    deterministic: ClassVar[bool] = False
    libraries: ClassVar[tuple[str, ...]] = ("numpy", "scipy", "scikit-learn")
    imports: ClassVar[tuple[str, ...]] = ("sklearn.decomposition",)

    _: KW_ONLY
    iterations: int = 500
    tolerance: float = 1e-4
    random_state: int | None = None

    def check(self, n_samples: int, n_features: int) -> None:
        super().check(n_samples, n_features)
        within(1, MOST_SETTING, iterations=self.iterations)
        need(
            0 < self.tolerance <= 1,
            f"tolerance must be above 0 and up to 1, found {self.tolerance:g}",
        )

    def seconds(self, n_samples: int, n_features: int) -> float:
        """Estimate from the whitening, and half of the steps that the turning may take."""
        k = self.n_components
        step = n_samples * k * (8e-9 + 1e-10 * k)
        return 2 * super().seconds(n_samples, n_features) + 0.5 * self.iterations * step

    def fit_transform(self, X: Array, y: None = None) -> Array:
        X = np.asarray(X, dtype=np.float64)
        self.mean_ = X.mean(axis=0)
        centered = X - self.mean_
        axes = whitening_axes(centered, leading_axes(centered, self.n_components))
        varied = axes.any(axis=1)
        # scikit-learn's variance is that of n degrees of freedom.
        axes *= np.sqrt(len(X) / max(len(X) - 1, 1))
        self.components_ = np.zeros_like(axes)
        if varied.any():
            turned = self._turn(centered @ axes[varied].T) @ axes[varied]
            self.components_[: len(turned)] = turned
        return as_float32(centered @ self.components_.T)

    def _turn(self, white: Array) -> Array:
        """Return the rotation that makes whitened points independent, (k, k)."""
        from sklearn.decomposition import FastICA
        from sklearn.exceptions import ConvergenceWarning
        from threadpoolctl import threadpool_limits

        model = FastICA(
            whiten=False,
            max_iter=self.iterations,
            tol=self.tolerance,
            random_state=self.random_state,
        )
        # Steps are short products: threads would wait for each other for longer than they work.
        with threadpool_limits(1, "blas"), warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always", ConvergenceWarning)
            model.fit(white)
        self.notes_ = ()
        if any(issubclass(one.category, ConvergenceWarning) for one in caught):
            self.notes_ = (
                f"did not converge in {self.iterations} steps; the components of the last step are "
                "used (iterations=N allows more)",
            )
        return np.asarray(model.components_)
