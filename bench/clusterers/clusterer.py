"""What every clusterer is: a scikit-learn clusterer with a few facts about itself."""

from __future__ import annotations

from typing import Self

import numpy as np
from numpy.typing import NDArray

from bench.base.estimator import Array, Estimator, State

__all__ = ["NOISE", "Array", "Clusterer", "Integers", "State"]

Integers = NDArray[np.int64]

NOISE = -1  # the cluster of what is in none


class Clusterer(Estimator):
    """Base class of clusterers; see `bench.base.estimator.Estimator` for what they share.

    The harness also sets ``n_clusters``, how many clusters are sought; it is left out where the
    method finds their number by itself. ``predict(X)``, from (n, n_features) to (n,), is defined
    only where the method can assign points that it was not fitted on, and where it is there should
    be

    - ``restore(state, X, clusters)``, which makes an unfitted clusterer of the same settings the
      one that was fitted on ``X``, shape (n_samples, n_features) float32, with the result
      ``clusters``, (n_samples,) int64, and returns itself. ``state`` is what that one's `fitted`
      returned. Without it a bundle assigns unseen images by their nearest training images.

    Images that a method leaves in no cluster have the number -1, as in scikit-learn. They count as
    wrong in every accuracy, and have no neighbors of their cluster in kNN modularity; in NMI, AMI,
    ARI, silhouettes and stability they are a group of their own.
    """

    def fit(self, X: Array, y: None = None) -> Self:
        """Fit to ``X``, shape (n_samples, n_features)."""
        self.fit_predict(X)
        return self

    def fit_predict(self, X: Array, y: None = None) -> Integers:
        """Fit to ``X``, shape (n_samples, n_features); return clusters, (n_samples,)."""
        raise TypeError(f"{type(self).__name__} does not define fit_predict")
