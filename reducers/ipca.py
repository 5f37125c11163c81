"""Principal component analysis, batch after batch."""

from __future__ import annotations

from dataclasses import KW_ONLY, dataclass
from typing import ClassVar

import numpy as np

from bench.base.checks import MOST_SETTING, need, within
from reducers import reducers
from reducers.linear import LinearReducer
from reducers.reducer import Array, as_float32

LEAST = 512  # images a batch, unless more components ask for more


@reducers.register("ipca", "principal components in batches, in bounded memory: ipca64")
@dataclass(eq=False, repr=False)
class IncrementalPCA(LinearReducer):
    """Principal components found batch after batch (scikit-learn's); no seed.

    For many images: beside the codes it holds one batch of them in float64, and what comes out;
    `pca` holds a centered copy of all. The price is that it is not exact. After each batch only
    the leading components are carried on, and what a later batch would have needed of the others
    is lost. So more are carried than are asked for, and dropped at the end: without, the plane of
    the first two components of scikit-learn's 1,797 digits, in batches of 512, has an angle of 39
    degrees with the exact one; with 10 more, 0.2.

    scikit-learn's own default of five times as many images as dimensions, 15,360 for 3,072
    pixels, would take more than a gigabyte for the singular values of a batch, and longer.

    Parameters
    ----------
    n_components : int
        Dimensions to keep, 1 to min(images, dimensions).
    batch_size : int
        Images at a time, as many as components to 100,000; 0 (the default) stands for 512, or for
        twice the components that are carried if that is more. The last batch takes with it what
        would be a batch of fewer images than components.
    spare : int
        Components that are carried beyond those asked for, up to 100,000, as far as a batch has
        so many.

    References
    ----------
    Ross, Lim, Lin, Yang (2008), Incremental learning for robust visual tracking; Levy, Lindenbaum
    (2000), Sequential Karhunen-Loeve basis extraction (scikit-learn's ``IncrementalPCA``).
    """

    title: ClassVar[str] = "PCA"
    libraries: ClassVar[tuple[str, ...]] = ("numpy", "scipy", "scikit-learn")
    imports: ClassVar[tuple[str, ...]] = ("sklearn.decomposition",)

    _: KW_ONLY
    batch_size: int = 0
    spare: int = 50

    def check(self, n_samples: int, n_features: int) -> None:
        super().check(n_samples, n_features)
        within(0, MOST_SETTING, spare=self.spare)
        need(
            self.batch_size == 0 or self.n_components <= self.batch_size <= MOST_SETTING,
            f"batch_size must be 0 (automatic), or {self.n_components} to {MOST_SETTING} for "
            f"{self.n_components} components, found {self.batch_size}",
        )

    def seconds(self, n_samples: int, n_features: int) -> float:
        size = min(self._size(), n_samples)
        rows = size + self._carried(n_samples, n_features)
        short, long = sorted((rows, n_features))
        return n_samples / size * (6 * short**2 * long + 20 * short**3) / 3e10

    def fit_transform(self, X: Array, y: None = None) -> Array:
        from sklearn import decomposition
        from sklearn.utils import gen_batches
        from threadpoolctl import threadpool_limits

        X = np.asarray(X)
        model = decomposition.IncrementalPCA(self._carried(*X.shape), copy=False)
        # Small factorisations are many short steps, after each of which OpenBLAS's threads wait for
        # each other. Where something else was at work on two cores, two took 35 times as long as
        # one, and where nothing is they gain little. Shares of the variance are of no use here:
        # points that are all the same have none.
        with (
            threadpool_limits(1, user_api="blas"),
            np.errstate(divide="ignore", invalid="ignore"),
        ):
            for batch in gen_batches(len(X), self._size(), min_batch_size=model.n_components):
                model.partial_fit(X[batch].astype(np.float64))
        # In float64 both: `transform` works on so few points at a time that it can.
        self.mean_ = np.asarray(model.mean_)
        self.components_ = np.array(model.components_[: self.n_components])
        return self.transform(X)

    def transform(self, X: Array) -> Array:
        """Project points, shape (n, n_features), a batch at a time."""
        X = np.asarray(X)
        found = np.empty((len(X), self.n_components), np.float32)
        for start in range(0, len(X), LEAST):
            batch = slice(start, start + LEAST)
            found[batch] = (X[batch] - self.mean_) @ self.components_.T
        return as_float32(found)

    def _size(self) -> int:
        """Return the images of a batch."""
        return self.batch_size or max(LEAST, 2 * (self.n_components + self.spare))

    def _carried(self, n_samples: int, n_features: int) -> int:
        """Return how many components are carried from batch to batch."""
        return min(self.n_components + self.spare, self._size(), n_samples, n_features)
