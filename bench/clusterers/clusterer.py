"""What every clusterer is: a scikit-learn clusterer with three facts about itself."""

from __future__ import annotations

from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray
from sklearn.base import BaseEstimator

Array = NDArray[Any]
Integers = NDArray[np.int64]
# What a fit found, by name; see `Clusterer.fitted`.
State = dict[str, Array]

NOISE = -1  # the cluster of what is in none


class Clusterer(BaseEstimator):
    """Base class of clusterers.

    The constructor's keyword arguments are what users may write in parentheses; each is annotated
    with ``int``, ``float``, ``bool`` or ``str`` and has a default. These names mean the same for
    all, and are set by the harness: ``n_clusters``, how many are sought (left out where the method
    finds their number by itself), and ``random_state``. `predict` is defined only where the
    method can place points that it was not fitted on, and where it is there should be

    - ``restore(state, X, clusters)``, which makes an unfitted clusterer of the same settings the
      one that was fitted on ``X``, shape (n_samples, n_features) float32, and put it into
      ``clusters``, (n_samples,) int64, and returns itself. ``state`` is what that one's `fitted`
      returned. Without it a bundle places unseen images by those nearest to them.

    Images that a method leaves in no cluster have the number -1, as in scikit-learn. They count as
    wrong in every accuracy, and are in no company in kNN modularity; in NMI, AMI, ARI, silhouettes and
    agreement they are a group of their own.

    Attributes
    ----------
    deterministic : bool
        True: the result does not depend on ``random_state``.
    libraries : tuple of str
        Distributions whose version shapes the result. The harness keeps results under a hash of
        these versions and of the files that define the class and the classes it derives from.
    """

    deterministic: ClassVar[bool] = False
    libraries: ClassVar[tuple[str, ...]] = ("scikit-learn",)

    def check(self, n_samples: int, n_features: int) -> None:
        """Raise `ValueError` where this clusterer cannot work on data of this shape."""

    def seconds(self, n_samples: int, n_features: int) -> float:
        """Estimate the time of a fit, in seconds on two cores; for ``--dry-run`` and progress."""
        return 1e-7 * n_samples * n_features

    def fit(self, X: Array, y: None = None) -> Clusterer:
        """Fit to ``X``, shape (n_samples, n_features)."""
        self.fit_predict(X)
        return self

    def fit_predict(self, X: Array, y: None = None) -> Integers:
        """Fit to ``X``, shape (n_samples, n_features); return clusters, (n_samples,)."""
        raise TypeError(f"{type(self).__name__} does not define fit_predict")

    def fitted(self) -> State:
        """Return what ``restore`` needs beside points and clusters; arrays of numbers by name."""
        return {}


def need(holds: bool, message: str) -> None:
    """Raise `ValueError` with a message where a condition does not hold."""
    if not holds:
        raise ValueError(message)
