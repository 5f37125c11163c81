"""What every reducer is: a scikit-learn transformer with a few facts about itself."""

from __future__ import annotations

from typing import ClassVar, Self

import numpy as np

from bench.base.estimator import Array, Estimator, State

__all__ = ["Array", "Reducer", "State", "as_float32"]


class Reducer(Estimator):
    """Base class of reducers; see `bench.base.estimator.Estimator` for what they share.

    ``n_components`` is the number behind the name: without a default where the number must be
    given, left out where the method has no such number. ``transform(X)``, from (n, n_features) to
    (n, n_components) float32, is defined only where the method can place points that it was not
    fitted on, and where it is there should be

    - ``restore(state, X, embedding)``, which makes an unfitted reducer of the same settings the
      one that was fitted on ``X``, shape (n_samples, n_features) float32, with the result
      ``embedding``, (n_samples, n_components) float32, and returns itself. ``state`` is what that
      one's `fitted` returned. Without it a bundle transforms unseen images by their nearest
      training images.

    Attributes
    ----------
    title : str
        What people call the method, ``t-SNE``; empty where that is its registered name.
    needs_points : bool
        False: ``restore`` reads neither ``X`` nor ``embedding``, which are then None, so that a
        bundle need not carry the points that the reducer was fitted on.
    notes_ : tuple of str
        What users should know of the last fit, such as that it did not converge; a line each.
    """

    title: ClassVar[str] = ""
    needs_points: ClassVar[bool] = True
    notes_: tuple[str, ...] = ()

    def output_size(self, n_features: int) -> int:
        """Return the number of dimensions that come out."""
        return int(getattr(self, "n_components", n_features))

    def fit(self, X: Array, y: None = None) -> Self:
        """Fit to ``X``, shape (n_samples, n_features)."""
        self.fit_transform(X)
        return self

    def fit_transform(self, X: Array, y: None = None) -> Array:
        """Fit to ``X``, shape (n_samples, n_features); return (n_samples, n_components)."""
        raise TypeError(f"{type(self).__name__} does not define fit_transform")


def as_float32(X: Array) -> Array:
    """Return ``X`` as a contiguous float32 array, the form every stage hands on."""
    return np.ascontiguousarray(X, dtype=np.float32)
