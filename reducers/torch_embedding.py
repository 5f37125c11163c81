"""Embeddings by TorchDR, on a GPU where there is one."""

from __future__ import annotations

import os
import random
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import KW_ONLY, dataclass
from typing import Any, ClassVar

import numpy as np

from bench.base.checks import (
    MOST_SETTING,
    check_components,
    check_neighbors,
    more_images_than,
    within,
)
from reducers import reducers
from reducers.reducer import Array, Reducer, State, as_float32

# Steps of the first phase, in which affinities are exaggerated, as openTSNE has them.
EXAGGERATED = 250


@dataclass(eq=False, repr=False)
class TorchEmbedding(Reducer):
    """Base class of TorchDR's methods.

    They run where models train: on an NVIDIA GPU, else on the CPU, where the methods of the same
    kind that were written for it are faster by far. All distances are held at once, in some
    multiple of 4 · n² bytes. A seed gives the same numbers every time on a CPU; those of a GPU
    are others, and their last digits can vary.

    Subclasses name the settings of their method in `_settings`.
    """

    libraries: ClassVar[tuple[str, ...]] = ("torchdr", "torch", "scikit-learn")
    requires: ClassVar[tuple[str, ...]] = ("torchdr",)
    extra: ClassVar[str] = "gpu"

    method: ClassVar[str]  # its class in TorchDR
    reach: ClassVar[str]  # that class's parameter for how many points are near

    n_components: int = 2
    _: KW_ONLY
    iterations: int = 500
    random_state: int | None = None
    device: str = "cpu"

    def _settings(self) -> dict[str, Any]:
        """Return the settings of TorchDR's class that are this method's own."""
        raise NotImplementedError

    def check(self, n_samples: int, n_features: int) -> None:
        within(1, MOST_SETTING, iterations=self.iterations)
        # The start is the principal components.
        check_components(self.n_components, n_samples, n_features)

    def warm_up(self, n_samples: int, n_features: int) -> None:
        """Import TorchDR, and take a step on noise so that a GPU is ready."""
        noise = np.random.default_rng(0).normal(size=(200, 4)).astype(np.float32)
        small = {"n_components": 2, "max_iter": 2, self.reach: 5}
        self._run(lambda: self._model(**small).fit_transform(noise))

    def fit_transform(self, X: Array, y: None = None) -> Array:
        # A copy, since PyTorch warns of arrays that cannot be written.
        points = np.array(X, dtype=np.float32)
        return self._run(lambda: self._fit(points))

    def _fit(self, points: Array) -> Array:
        self.model_ = self._model()
        return np.asarray(self.model_.fit_transform(points))

    def _model(self, **settings: Any) -> Any:
        import torchdr

        given = {
            "n_components": self.n_components,
            "random_state": None if self.random_state is None else int(self.random_state),
            "device": "cuda" if self.device == "cuda" else "cpu",
            "backend": None,
            "distributed": False,
        }
        return getattr(torchdr, self.method)(**given | self._settings() | settings)

    def _run(self, call: Callable[[], Array]) -> Array:
        with _own_generators(), warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of operations that a GPU cannot repeat to the bit
            return as_float32(call())


@contextmanager
def _own_generators() -> Iterator[None]:
    """Undo what TorchDR sets for the whole process, and have operations give the same bits.

    It seeds every generator there is, and lets cuDNN choose algorithms by the clock; a model that
    trains next in this process would not give the weights that it gives alone.
    """
    import torch

    cudnn: Any = torch.backends.cudnn
    state, numpy_state = random.getstate(), np.random.get_state()  # noqa: NPY002 - it seeds this
    hash_seed = os.environ.get("PYTHONHASHSEED")
    flags = cudnn.benchmark, cudnn.deterministic
    strict = torch.are_deterministic_algorithms_enabled()
    warn_only = torch.is_deterministic_algorithms_warn_only_enabled()
    with torch.random.fork_rng():
        # Sums of gradients on several threads are in no order otherwise, on a CPU as well.
        torch.use_deterministic_algorithms(True, warn_only=True)
        try:
            yield
        finally:
            torch.use_deterministic_algorithms(strict, warn_only=warn_only)
            cudnn.benchmark, cudnn.deterministic = flags
            random.setstate(state)
            np.random.set_state(numpy_state)  # noqa: NPY002
            os.environ.pop("PYTHONHASHSEED", None)
            if hash_seed is not None:
                os.environ["PYTHONHASHSEED"] = hash_seed


@reducers.register("torchdr-tsne", "t-SNE, GPU or CPU (TorchDR): torchdr-tsne2")
@dataclass(eq=False, repr=False)
class TorchTSNE(TorchEmbedding):
    """TorchDR's t-SNE: repulsion is exact, from all pairs of points; cannot transform new ones.

    Parameters
    ----------
    n_components : int
        Dimensions to embed in.
    perplexity : float
        Effective number of neighbors, at least 1; needs more than 3 times as many images.
    early_exaggeration : float
        Factor on the affinities in the first phase, 1 to 1000.
    iterations : int
        Steps of the main phase, 1 to 100,000.

    References
    ----------
    van der Maaten, Hinton (2008), Visualizing data using t-SNE; Van Assel et al. (2024),
    Distributional reduction: unifying dimensionality reduction and clustering with
    Gromov-Wasserstein (TorchDR).
    """

    method: ClassVar[str] = "TSNE"
    reach: ClassVar[str] = "perplexity"

    _: KW_ONLY
    perplexity: float = 30.0
    early_exaggeration: float = 12.0

    def check(self, n_samples: int, n_features: int) -> None:
        super().check(n_samples, n_features)
        within(1, MOST_SETTING, perplexity=self.perplexity)
        within(1, 1000, early_exaggeration=self.early_exaggeration)
        more_images_than(3 * self.perplexity, n_samples, f"perplexity {self.perplexity:g}")

    def seconds(self, n_samples: int, n_features: int) -> float:
        """Estimate from runs on two cores at 600 to 4,000 images."""
        step = 2e-3 + 2.5e-8 * n_samples**2
        return 2 * n_samples**2 * n_features / 5e10 + (EXAGGERATED + self.iterations) * step

    def _settings(self) -> dict[str, Any]:
        return {
            "perplexity": self.perplexity,
            "early_exaggeration_coeff": self.early_exaggeration,
            "early_exaggeration_iter": EXAGGERATED,
            "max_iter": EXAGGERATED + self.iterations,
        }


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
        Steps, 1 to 100,000.

    References
    ----------
    McInnes, Healy, Melville (2018), UMAP: uniform manifold approximation and projection; Van Assel
    et al. (2024), Distributional reduction: unifying dimensionality reduction and clustering with
    Gromov-Wasserstein (TorchDR).
    """

    method: ClassVar[str] = "UMAP"
    reach: ClassVar[str] = "n_neighbors"

    _: KW_ONLY
    n_neighbors: int = 15
    min_dist: float = 0.1

    def check(self, n_samples: int, n_features: int) -> None:
        super().check(n_samples, n_features)
        check_neighbors(self.n_neighbors, n_samples)
        within(0, 1, min_dist=self.min_dist)

    def seconds(self, n_samples: int, n_features: int) -> float:
        """Estimate from runs on two cores at 600 to 4,000 images."""
        step = 1.5e-3 + 5e-7 * n_samples * self.n_neighbors
        return 2 * n_samples**2 * n_features / 5e10 + self.iterations * step

    def fit_transform(self, X: Array, y: None = None) -> Array:
        self.fitted_ = np.array(X, dtype=np.float32)  # TorchDR asks for it to place others
        return super().fit_transform(X)

    def transform(self, X: Array) -> Array:
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
