"""Embeddings as points of a plane."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

FITTED = 5000  # points that principal components are fitted on, at most
ROUNDS, MORE = 4, 10  # of the iteration that finds them, and dimensions that it has beside them
FINE = 2**16 - 1  # to which coordinates are rounded, of their range

Array = NDArray[Any]


def flat(embedding: Array) -> tuple[Array, str]:
    """Return an embedding, (n, d), in two dimensions, and in words how it was made so.

    Its points, (n, 2), are as they are where d is 2; else the first principal components, of up to
    5,000 points, which are enough for a picture.
    """
    if embedding.shape[1] == 2:
        return embedding, "as embedded"
    if min(embedding.shape) < 2:
        padded = np.zeros((len(embedding), 2), np.float32)
        padded[:, 0] = embedding[:, 0]
        return padded, "one dimension"
    words = f"first two principal components of {embedding.shape[1]} dimensions"
    mean, axes = _components(embedding[:: -(-len(embedding) // FITTED)])
    return embedding @ axes - mean @ axes, words


def _components(points: Array) -> tuple[Array, Array]:
    """Return the mean of points, (d,), and their first two principal components, (d, 2).

    They are found by subspace iteration.

    References
    ----------
    Halko, Martinsson, Tropp (2011), Finding structure with randomness, algorithm 4.4.
    """
    mean = points.mean(axis=0, dtype=np.float64).astype(points.dtype)
    centered = points - mean
    width = min(2 + MORE, *points.shape)
    basis = np.random.default_rng(0).standard_normal((points.shape[1], width)).astype(points.dtype)
    for _ in range(ROUNDS):
        basis, _ = np.linalg.qr(basis)
        basis = centered.T @ (centered @ basis)
    basis, _ = np.linalg.qr(basis)
    inside = centered @ basis
    _, turn = np.linalg.eigh((inside.T @ inside).astype(np.float64))
    axes = basis @ turn[:, :-3:-1].astype(points.dtype)
    # The sign of an axis is arbitrary: its largest weight is positive.
    largest = axes[abs(axes).argmax(axis=0), range(2)]
    return mean, axes * np.where(largest < 0, -1, 1).astype(points.dtype)


def fit(points: Array) -> Array:
    """Bring points to whole numbers from 0 on, both axes by the same scale, in the middle."""
    low, high = points.min(axis=0), points.max(axis=0)
    size = float((high - low).max()) or 1.0
    centered = (points - (low + high) / 2) / size + 0.5
    return np.rint(centered * FINE).clip(0, FINE)
