"""What a loader finds, before any subset is taken; and bringing images to one form."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from bench.base.errors import UsageError

# All sources are brought to the size of the HW5 report's images.
SIDE = 32
MOST_PIXELS = Image.MAX_IMAGE_PIXELS or 89_478_485  # an image; Pillow's own limit for files

Images = NDArray[np.uint8]
Reader = Callable[[NDArray[np.intp]], Images]


@dataclass(frozen=True)
class Source:
    """A data set as its loader hands it over.

    Attributes
    ----------
    count : int
        Training images.
    read, validation : callable
        Indices (k,) to those training or validation images, (k, 32, 32, 3) uint8 RGB. Called with a
        few thousand indices at a time, so that a source larger than memory can be read in pieces.
    labels : ndarray or None
        (count,), any type that sorts; None for unlabeled images. ``validation_labels`` likewise.
    files : tuple of str or None
        A name an image, where images are files.
    default_clusters : int or None
        Number of clusters to seek where there are no labels to count.
    id_label_form : bool
        True: assignments are written in the homework's form, ``id,label``.
    independent : bool
        False: the images are not a sample of independent ones, as patches of a photograph.
    notes : tuple of str
        What the reader of a report should know: files skipped, values rounded.
    """

    count: int
    read: Reader
    labels: NDArray[Any] | None = None
    files: tuple[str, ...] | None = None
    validation: Reader | None = None
    validation_labels: NDArray[Any] | None = None
    default_clusters: int | None = None
    id_label_form: bool = False
    independent: bool = True
    notes: tuple[str, ...] = ()


def refuse_argument(name: str, argument: str | None) -> None:
    """Raise `UsageError` for an argument of a data set that takes none."""
    if argument is not None:
        raise UsageError(f"data set {name} takes no argument, found '{name}:{argument}'")


def in_memory(images: Images) -> Reader:
    """Return a reader of images that are in memory, (n, 32, 32, 3) uint8."""
    return lambda indices: images[indices]


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
