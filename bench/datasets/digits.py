"""scikit-learn's handwritten digits."""

from __future__ import annotations

import numpy as np

from bench.base.progress import Progress
from bench.datasets import datasets
from bench.datasets.image_form import gray_to_rgb
from bench.datasets.source import Source, in_memory, refuse_argument


@datasets.register(
    "digits",
    "1,797 handwritten digits, 8×8 gray (10 classes)",
)
def load(argument: str | None, progress: Progress) -> Source:
    """Load the digits that scikit-learn ships.

    References
    ----------
    Alpaydin, Kaynak (1998), Optical recognition of handwritten digits, UCI repository.
    """
    refuse_argument("digits", argument)
    from sklearn.datasets import load_digits

    digits = load_digits()
    gray = np.rint(digits.images * (255 / 16)).astype(np.uint8)  # 17 levels, 0 to 16
    return Source(len(gray), in_memory(gray_to_rgb(gray)), labels=digits.target)
