"""What every reducer is: a scikit-learn transformer with a few facts about itself."""

from __future__ import annotations

from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray
from sklearn.base import BaseEstimator

Array = NDArray[Any]
# What a fit found, by name; see `Reducer.fitted`.
State = dict[str, Array]


def need(holds: bool, message: str) -> None:
    """Raise `ValueError` with a message where a condition does not hold."""
    if not holds:
        raise ValueError(message)


class Reducer(BaseEstimator):
    """Base class of reducers.

    The constructor's keyword arguments are what users may write in parentheses; each is
    annotated with ``int``, ``float``, ``bool`` or ``str`` and has a default. These names mean
    the same for all: ``n_components``, the number behind the name (without a default where the
    number must be given; left out where the method has no such number); ``random_state``,
    ``n_jobs`` and ``device``, set by the harness and not by users. `transform` is defined only
    where the method can place points that it was not fitted on, and where it is there should be

    - ``restore(state, X, embedding)``, which makes an unfitted reducer of the same settings the
      one that was fitted on ``X``, shape (n_samples, n_features) float32, and put it to
      ``embedding``, (n_samples, n_components) float32, and returns itself. ``state`` is what that
      one's `fitted` returned. Without it a bundle places unseen images by those nearest to them.

    Attributes
    ----------
    deterministic : bool
        True: the result does not depend on ``random_state``.
    libraries : tuple of str
        Distributions whose version shapes the result. The harness keeps results under a hash of
        these versions and of the files that define the class and the classes it derives from;
        what else a reducer imports must be named here, or stand in one of those files.
    requires : tuple of str
        Modules that an installation may lack, by the names they are imported by. Without them
        the reducer is listed and not run; see `bench.base.extras`.
    needs_points : bool
        False: ``restore`` reads neither ``X`` nor ``embedding``, which are then None, so that a
        bundle need not carry the points that the reducer was fitted on.
    extra : str
        The extra of latentgrid that installs those; empty where pip takes them by their names.
    notes_ : tuple of str
        What users should know of the last fit, such as that it did not converge; a line each.
    """

    deterministic: ClassVar[bool] = False
    libraries: ClassVar[tuple[str, ...]] = ("scikit-learn",)
    requires: ClassVar[tuple[str, ...]] = ()
    needs_points: ClassVar[bool] = True
    extra: ClassVar[str] = ""
    notes_: tuple[str, ...] = ()

    def check(self, n_samples: int, n_features: int) -> None:
        """Raise `ValueError` where this reducer cannot work on data of this shape."""

    def output_size(self, n_features: int) -> int:
        """Return the number of dimensions that come out."""
        return int(getattr(self, "n_components", n_features))

    def seconds(self, n_samples: int, n_features: int) -> float:
        """Estimate the time of a fit, in seconds on two cores; for ``--dry-run`` and progress."""
        return 1e-7 * n_samples * n_features

    def warm_up(self, n_samples: int, n_features: int) -> None:
        """Import and compile what a fit on data of this shape needs, outside of any clock."""

    def fit(self, X: Array, y: None = None) -> Reducer:
        """Fit to ``X``, shape (n_samples, n_features)."""
        self.fit_transform(X)
        return self

    def fit_transform(self, X: Array, y: None = None) -> Array:
        """Fit to ``X``, shape (n_samples, n_features); return (n_samples, n_components)."""
        raise TypeError(f"{type(self).__name__} does not define fit_transform")

    def fitted(self) -> State:
        """Return what ``restore`` needs beside points and embedding; arrays of numbers by name."""
        return {}


def as_float32(X: Array) -> Array:
    """Return ``X`` as a contiguous float32 array, the form every stage hands on."""
    return np.ascontiguousarray(X, dtype=np.float32)


def check_components(n_components: int, n_samples: int, n_features: int) -> None:
    """Raise `ValueError` for more components than a matrix of this shape has."""
    most = min(n_samples, n_features)
    need(
        1 <= n_components <= most,
        f"{n_components} components of {n_samples} images with {n_features} dimensions: "
        f"allowed are 1 to {most}",
    )
