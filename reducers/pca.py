"""Principal component analysis."""

from __future__ import annotations

from typing import ClassVar

from sklearn import decomposition

from reducers import reducers
from reducers.reducer import Array, Reducer, as_float32, check_components


@reducers.register("pca", "principal components, exact (scikit-learn): pca128")
class PCA(Reducer):
    """Exact principal component analysis; no seed.

    An exact solver is used in place of scikit-learn's default for large data, the randomised
    one: a cell that has no randomness of its own needs no seeds, and is computed once.

    Parameters
    ----------
    n_components : int
        Dimensions to keep, 1 to min(images, dimensions).

    References
    ----------
    Pearson (1901), On lines and planes of closest fit to systems of points in space.
    """

    deterministic: ClassVar[bool] = True

    def __init__(self, n_components: int) -> None:
        self.n_components = n_components

    def check(self, n_samples: int, n_features: int) -> None:
        """Raise `ValueError` for more components than min(n_samples, n_features)."""
        check_components(self.n_components, n_samples, n_features)

    def seconds(self, n_samples: int, n_features: int) -> float:
        """Estimate from the floating-point operations of the solver."""
        small, large = sorted((n_samples, n_features))
        return (2 * small * small * large + 10 * small**3) / 5e10

    def fit_transform(self, X: Array, y: None = None) -> Array:
        """Fit to ``X``, shape (n_samples, n_features); return (n_samples, n_components)."""
        # Fewer features than images: their covariance matrix is the smaller problem.
        solver = "covariance_eigh" if X.shape[1] <= X.shape[0] else "full"
        self.model_ = decomposition.PCA(self.n_components, svd_solver=solver)
        return as_float32(self.model_.fit_transform(X))

    def transform(self, X: Array) -> Array:
        """Project unseen points, shape (n, n_features)."""
        return as_float32(self.model_.transform(X))
