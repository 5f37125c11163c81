"""A mixture of normal distributions."""

from __future__ import annotations

import warnings
from dataclasses import KW_ONLY, dataclass

import numpy as np

from bench.base.checks import MOST_SETTING, need, one_of, within
from bench.clusterers import clusterers
from bench.clusterers.clusterer import Array, Clusterer, Integers, State

COVARIANCES = ("full", "tied", "diag", "spherical")
# What scikit-learn's mixture predicts by.
FITTED = ("weights_", "means_", "covariances_", "precisions_cholesky_")
MOST_FEATURES = 512  # with covariances of n_features² numbers


@clusterers.register("gmm", "a mixture of normal distributions: gmm, gmm(covariance=diag)")
@dataclass(eq=False, repr=False)
class GaussianMixture(Clusterer):
    """Gaussian mixture by expectation maximization, started from k-means.

    Unlike k-means it finds clusters that are long, or of different widths.

    Parameters
    ----------
    n_clusters : int
        Components.
    covariance : str
        ``full``, ``tied`` (the same for all), ``diag`` or ``spherical``.
    shrinkage : float
        What is added to each variance, as a share of the data's mean variance, 0 to 10. With as
        much as 0.1 components cannot shrink to a few images, nor follow every bend.
    starts : int
        Times it is started, 1 to 100,000; the run with the highest likelihood is kept.

    References
    ----------
    Dempster, Laird, Rubin (1977), Maximum likelihood from incomplete data via the EM algorithm.
    """

    n_clusters: int
    _: KW_ONLY
    covariance: str = "full"
    shrinkage: float = 1e-6
    starts: int = 3
    random_state: int | None = None

    def check(self, n_samples: int, n_features: int) -> None:
        one_of(COVARIANCES, covariance=self.covariance)
        within(0, 10, shrinkage=self.shrinkage)
        within(1, MOST_SETTING, starts=self.starts)
        need(
            self.covariance in ("diag", "spherical") or n_features <= MOST_FEATURES,
            f"covariances of {n_features} dimensions are too large: at most {MOST_FEATURES} are "
            "allowed; reduce them first, or use gmm(covariance=diag)",
        )

    def seconds(self, n_samples: int, n_features: int) -> float:
        width = n_features if self.covariance in ("full", "tied") else 1
        step = 4.0 * n_samples * n_features * width * self.n_clusters
        return 0.1 + self.starts * 40 * step / 1e10

    def fit_predict(self, X: Array, y: None = None) -> Integers:
        from sklearn import mixture
        from sklearn.exceptions import ConvergenceWarning

        X = np.asarray(X, dtype=np.float64)
        with warnings.catch_warnings():
            # A likelihood that still rises a little, and fewer distinct points than clusters.
            warnings.simplefilter("ignore", ConvergenceWarning)
            self.model_ = mixture.GaussianMixture(
                self.n_clusters,
                covariance_type=self.covariance,
                n_init=self.starts,
                reg_covar=self.shrinkage * float(X.var(axis=0).mean()) + 1e-12,
                random_state=self.random_state,
            ).fit(X)
        return self.predict(X)

    def predict(self, X: Array) -> Integers:
        return self.model_.predict(np.asarray(X, dtype=np.float64)).astype(np.int64)

    def fitted(self) -> State:
        return {name.rstrip("_"): getattr(self.model_, name) for name in FITTED}

    def restore(self, state: State, X: Array, clusters: Integers) -> GaussianMixture:
        from sklearn import mixture

        self.model_ = mixture.GaussianMixture(self.n_clusters, covariance_type=self.covariance)
        for name in FITTED:
            setattr(self.model_, name, state[name.rstrip("_")])
        return self
