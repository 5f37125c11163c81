"""What reducers share that embed with TorchDR, on a GPU where there is one."""

from __future__ import annotations

import os
import random
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, ClassVar

import numpy as np

from bench.base.checks import at_least, check_components
from reducers.reducer import Array, Reducer, as_float32


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
    n_components: int
    iterations: int
    random_state: int | None
    device: str

    def _settings(self) -> dict[str, Any]:
        """Return the settings of TorchDR's class that are this method's own."""
        raise NotImplementedError

    def check(self, n_samples: int, n_features: int) -> None:
        """Raise `ValueError` for settings that no method of the kind can work with."""
        at_least(1, iterations=self.iterations)
        # The start is the principal components.
        check_components(self.n_components, n_samples, n_features)

    def warm_up(self, n_samples: int, n_features: int) -> None:
        """Import TorchDR, and take a step on noise so that a GPU is ready."""
        noise = np.random.default_rng(0).normal(size=(200, 4)).astype(np.float32)
        small = {"n_components": 2, "max_iter": 2, self.reach: 5}
        self._run(lambda: self._model(**small).fit_transform(noise))

    def fit_transform(self, X: Array, y: None = None) -> Array:
        """Fit to ``X``, shape (n_samples, n_features); return (n_samples, n_components)."""
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
