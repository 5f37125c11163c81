"""Kernel principal component analysis with a radial kernel."""

from __future__ import annotations

from reducers import reducers
from reducers.reducer import Array, Reducer, as_float32, check_components, need


@reducers.register("kpca", "kernel principal components, RBF kernel (scikit-learn): kpca64")
class KernelPCA(Reducer):
    """Kernel principal component analysis with the kernel exp(−gamma · ‖x − y‖²).

    Parameters
    ----------
    n_components : int
        Dimensions to keep, 1 to the number of images.
    gamma : float
        Width of the kernel, > 0; 0 (the default) stands for 1 / number of dimensions.
    random_state : int or None
        Seed of the iterative eigensolvers that scikit-learn takes for few components.

    References
    ----------
    Schölkopf, Smola, Müller (1997), Kernel principal component analysis.
    """

    def __init__(
        self, n_components: int, *, gamma: float = 0.0, random_state: int | None = None
    ) -> None:
        self.n_components = n_components
        self.gamma = gamma
        self.random_state = random_state

    def check(self, n_samples: int, n_features: int) -> None:
        """Raise `ValueError` for more components than images, or a negative ``gamma``."""
        check_components(self.n_components, n_samples, n_samples)
        need(self.gamma >= 0, f"gamma must be 0 (automatic) or more, found {self.gamma}")

    def seconds(self, n_samples: int, n_features: int) -> float:
        """Estimate from the floating-point operations of kernel and eigensolver."""
        return (2 * n_samples**2 * n_features + 10 * n_samples**3) / 5e10

    def warm_up(self, n_samples: int, n_features: int) -> None:
        """Import scikit-learn's decompositions, half a second that plans can do without."""
        from sklearn import decomposition  # noqa: F401

    def fit_transform(self, X: Array, y: None = None) -> Array:
        """Fit to ``X``, shape (n_samples, n_features); return (n_samples, n_components)."""
        from sklearn import decomposition

        self.model_ = decomposition.KernelPCA(
            self.n_components,
            kernel="rbf",
            gamma=self.gamma or None,
            random_state=self.random_state,
        )
        return as_float32(self.model_.fit_transform(X))

    def transform(self, X: Array) -> Array:
        """Project unseen points, shape (n, n_features)."""
        return as_float32(self.model_.transform(X))
