"""The one form of all images, 32×32 RGB uint8, and what brings others to it."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from bench.base.errors import UsageError

# All sources are brought to the size of the HW5 report's images.
SIDE = 32
SHAPE = (SIDE, SIDE, 3)
MOST_PIXELS = Image.MAX_IMAGE_PIXELS or 89_478_485  # an image; Pillow's own limit for files

Images = NDArray[np.uint8]


def to_side(images: Images) -> Images:
    """Resize images to 32×32; those of that size come back as they are.

    From (n, H, W, 3) uint8 to (n, 32, 32, 3) uint8. Bilinear, and averaging when it shrinks: it
    overshoots no value, so that a flat background stays flat.
    """
    if images.shape[1:3] == (SIDE, SIDE):
        return images
    out = np.empty((len(images), SIDE, SIDE, 3), np.uint8)
    for position, image in enumerate(images):
        resized = Image.fromarray(image).resize((SIDE, SIDE), Image.Resampling.BILINEAR)
        out[position] = np.asarray(resized)
    return out


def to_bytes_factor(low: float, high: float, what: str) -> float:
    """Return the factor that brings pixel values, from ``low`` to ``high``, to 0..255.

    Values outside of 0..255, or NaN, are refused: ``what`` says where they are from.
    """
    if not (low >= 0 and high <= 255):
        raise UsageError(
            f"{what} holds values from {low:g} to {high:g}: allowed are 0..1 or 0..255, no NaN"
        )
    return 255.0 if high <= 1 else 1.0


def gray_to_rgb(images: NDArray[np.uint8]) -> Images:
    """Repeat gray images, (n, H, W) uint8, in three channels: (n, H, W, 3)."""
    return np.repeat(images[..., None], 3, axis=-1)
