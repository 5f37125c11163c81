"""Whether new images are of another kind than those that a model was trained on.

A model reconstructs what it was not made for worse. Images of the same kind that it was not trained
on are reconstructed somewhat worse as well, the more so the longer it trained on few; a change is
told only where it is larger than that. docs/bundles.md has the figures.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from bench.bundle.manifest import Errors

FEWEST = 20  # new images; fewer are no kind
# Of images of the same kind, and a model trained for a hundred epochs on two hundred of them, the
# middle error was 2.3 times the training images', and 12% were beyond twice their 99th percentile.
TIMES = 3.0
# Some of another kind among others: errors beyond this multiple of the training images' 99th
# percentile, of which at least this share must be certain.
BEYOND, SHARE = 2.0, 0.2
CONFIDENCE = 0.999


def warning(errors: NDArray[np.float32], training: Errors) -> str | None:
    """Say in a line that new images are of another kind, with figures; None if they are not.

    They are where the middle one's error is at least 3 times the training images', or where, at a
    confidence of 99.9%, more than a fifth of them have errors beyond twice the training images'
    99th percentile.

    Parameters
    ----------
    errors : ndarray, shape (n,), float32
        Reconstruction errors of new images; those that were trained on do not count.
    training : Errors
    """
    count = len(errors)
    if count < FEWEST:
        return None
    middle = float(np.median(errors))
    beyond = int((errors > BEYOND * training.percentile_99).sum())
    if not _is_larger(middle, training) and least_share(beyond, count) <= SHARE:
        return None
    return (
        f"the images look unlike those that the model was trained on: of {count:,} new ones the "
        f"middle one's reconstruction error is {_held_against(middle, training)}, and "
        f"{beyond / count:.0%} have more than {BEYOND:g} times the error that 99% of those stay "
        "below; clusters may mean little for them (a model that was trained long on few images "
        "says so of all others)"
    )


def _is_larger(middle: float, training: Errors) -> bool:
    """Tell whether the middle error is; where most training images had none, any error is."""
    return middle > 0 and middle >= TIMES * training.median


def _held_against(middle: float, training: Errors) -> str:
    if training.median:
        return f"{middle / training.median:.1f} times the training images'"
    return f"{middle:.2g}, that of the training images 0"


def least_share(found: int, count: int) -> float:
    """Return the least share of all that so many of a sample speak for (Clopper, Pearson 1934)."""
    from scipy import stats

    if not found:
        return 0.0
    return float(stats.beta.ppf(1 - CONFIDENCE, found, count - found + 1))
