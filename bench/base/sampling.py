"""Choosing images such that each label keeps its share."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray


def stratified(labels: NDArray[Any], count: int, random: np.random.Generator) -> NDArray[np.int64]:
    """Choose positions such that each label keeps its share, to within one image.

    Parameters
    ----------
    labels : ndarray, shape (n,)
    count : int
        Positions to choose, at most n.

    Returns
    -------
    ndarray, shape (count,), int64
        Positions, in no particular order.
    """
    # Shuffled and then sorted by label, every stretch of n / count positions gives one.
    order = random.permutation(len(labels))
    _, codes = np.unique(labels, return_inverse=True)
    order = order[np.argsort(codes[order], kind="stable")]
    return order[(np.arange(count) * len(labels)) // count]
