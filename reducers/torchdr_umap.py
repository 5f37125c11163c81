"""Uniform manifold approximation and projection on a GPU."""

from __future__ import annotations

from dataclasses import KW_ONLY, dataclass
from typing import Any, ClassVar

import numpy as np

from bench.base.checks import check_neighbors, within
from reducers import reducers
from reducers.reducer import Array, State
from reducers.torch_embedding import TorchEmbedding


@reducers.register("torchdr-umap", "UMAP, GPU or CPU (TorchDR): torchdr-umap2")
@dataclass(eq=False, repr=False)
class TorchUMAP(TorchEmbedding):
    """TorchDR's UMAP: all points move at once, where umap-learn takes edge after edge.

    Parameters
    ----------
    n_components : int
        Dimensions to embed in.
    n_neighbors : int
        Neighbors of a point, at least 2; needs more images than that.
    min_dist : float
        Least distance of embedded points, 0 to 1.
    iterations : int
        Steps.
    random_state : int or None
        Seed.
    device : str
        ``cuda``, or any other for the CPU.

    References
    ----------
    McInnes, Healy, Melville (2018), UMAP: uniform manifold approximation and projection; Van Assel
    et al. (2024), Distributional reduction: unifying dimensionality reduction and clustering with
    Gromov-Wasserstein (TorchDR).
    """

    method: ClassVar[str] = "UMAP"
    reach: ClassVar[str] = "n_neighbors"

    n_components: int = 2
    _: KW_ONLY
    n_neighbors: int = 15
    min_dist: float = 0.1
    iterations: int = 500
    random_state: int | None = None
    device: str = "cpu"

    def check(self, n_samples: int, n_features: int) -> None:
        """Raise `ValueError` for settings that UMAP or this number of images rules out."""
        super().check(n_samples, n_features)
        check_neighbors(self.n_neighbors, n_samples)
        within(0, 1, min_dist=self.min_dist)

    def seconds(self, n_samples: int, n_features: int) -> float:
        """Estimate from runs on two cores at 600 to 4,000 images."""
        step = 1.5e-3 + 5e-7 * n_samples * self.n_neighbors
        return 2 * n_samples**2 * n_features / 5e10 + self.iterations * step

    def fit_transform(self, X: Array, y: None = None) -> Array:
        """Fit to ``X``, shape (n_samples, n_features); return (n_samples, n_components)."""
        self.fitted_ = np.array(X, dtype=np.float32)  # TorchDR asks for it to place others
        return super().fit_transform(X)

    def transform(self, X: Array) -> Array:
        """Place unseen points, shape (n, n_features), among the fitted ones."""
        points = np.array(X, dtype=np.float32)
        return self._run(lambda: self._place(points))

    def restore(self, state: State, X: Array, embedding: Array) -> TorchUMAP:
        """Become the fitted reducer, by a fit of one step whose embedding is then replaced."""
        self.fitted_ = np.array(X, dtype=np.float32)
        self._run(lambda: self._replace(embedding))
        return self

    def _replace(self, embedding: Array) -> Array:
        import torch

        self.model_ = self._model(max_iter=1)
        self.model_.fit_transform(self.fitted_)
        self.model_.max_iter = self.iterations
        self.model_.embedding_train_ = torch.from_numpy(embedding.copy())
        return embedding

    def _place(self, points: Array) -> Array:
        import torch

        # Points that nothing attracts are drawn; the same ones each time.
        torch.manual_seed(self.random_state or 0)
        return np.asarray(self.model_.transform(points, X_train=self.fitted_))

    def _settings(self) -> dict[str, Any]:
        return {
            "n_neighbors": self.n_neighbors,
            "min_dist": self.min_dist,
            "max_iter": self.iterations,
        }
