"""What items are tried on: a few images of two kinds, points in two groups."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray


def make_images(count: int, seed: int = 0) -> tuple[NDArray[np.uint8], NDArray[np.int64]]:
    """Make images of two kinds, told apart by brightness and texture, and their labels.

    Returns
    -------
    images : ndarray, shape (count, 32, 32, 3), uint8
    labels : ndarray, shape (count,)
    """
    random = np.random.default_rng(seed)
    labels = np.arange(count) % 2
    base = np.where(labels == 0, 60, 170)[:, None, None, None]
    images = base + random.integers(-40, 40, (count, 32, 32, 3))
    images[labels == 1, ::2] -= 30
    return images.astype(np.uint8), labels


def two_groups(count: int = 120, seed: int = 0) -> tuple[NDArray[np.float32], NDArray[Any]]:
    """Make points of 20 dimensions in two groups far apart, and the groups."""
    random = np.random.default_rng(seed)
    groups = np.arange(count) % 2
    points = random.normal(size=(count, 20)) + 12 * groups[:, None] - 6
    return points.astype(np.float32), groups
