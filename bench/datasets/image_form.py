"""The form of all images of a data set, square RGB uint8 of one size, and the way to it."""

from __future__ import annotations

import threading
from collections.abc import Iterable
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from typing import Any, Literal, get_args

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageOps

SIDE = 32  # of the HW5 report's images
SIDE_OF_FILES = 64  # of images that are larger than those, or files
SMALLEST, LARGEST = 8, 512  # sides that can be asked for
MOST_PIXELS = Image.MAX_IMAGE_PIXELS or 89_478_485  # an image; Pillow's own limit for files
# Bytes of an image when it is decoded: as many as in four channels of 8 bits.
MOST_BYTES = 4 * MOST_PIXELS
LARGE = 25_000_000  # pixels; images of more are worked on one at a time

# Ways to make an image square: cut off what is too long, add gray margins, distort.
Fit = Literal["crop", "pad", "stretch"]
FITS: tuple[Fit, ...] = get_args(Fit)
CROP: Fit = "crop"
MARGIN = (128, 128, 128)  # zero where models see values from -1 to 1

COLORS = 4  # channels of an image, at most
LONGEST_ASPECT = 4.0  # of what is taken for an image, where axes can be read in two ways

Images = NDArray[np.uint8]

_one = threading.Lock()


def alone(pixels: int) -> AbstractContextManager[Any]:
    """Return a context in which no other thread works on a large image, if this is one."""
    return _one if pixels > LARGE else nullcontext()


@dataclass(frozen=True)
class Form:
    """How images are brought to one size.

    Bilinear, and averaging when it shrinks: it overshoots no value, so that a flat background
    stays flat. A square image of that size stays as it is.
    """

    size: int = SIDE  # side in pixels
    fit: Fit = CROP

    @property
    def shape(self) -> tuple[int, int, int]:
        """The shape of an image, (H, W, 3)."""
        return (self.size, self.size, 3)

    def bring(self, image: Images) -> Images:
        """Bring one image, (H, W, 3) uint8, to the form."""
        if image.shape[:2] == (self.size, self.size):
            return image
        found, square = Image.fromarray(image), (self.size, self.size)
        if self.fit == "pad":
            return np.asarray(ImageOps.pad(found, square, Image.Resampling.BILINEAR, MARGIN))
        if self.fit == "crop" and found.width != found.height:
            found = found.crop(_middle(*found.size))
        return np.asarray(found.resize(square, Image.Resampling.BILINEAR))

    def bring_all(self, images: Iterable[Images]) -> Images:
        """Bring images to the form; from a sequence of (H, W, 3) uint8 to (n, size, size, 3)."""
        if isinstance(images, np.ndarray) and images.shape[1:] == self.shape:
            return images
        brought = [self.bring(image) for image in images]
        return np.stack(brought) if brought else np.empty((0, *self.shape), np.uint8)


def _middle(width: int, height: int) -> tuple[int, int, int, int]:
    """Return the largest square in the middle of an image: left, top, right, bottom."""
    side = min(width, height)
    left, top = (width - side) // 2, (height - side) // 2
    return (left, top, left + side, top + side)


def default_size(image: Images | None) -> int:
    """Return the size for images such as this one; None stands for files of any size."""
    return SIDE if image is not None and max(image.shape[:2]) <= SIDE else SIDE_OF_FILES


def why_no_gray_images(shape: tuple[int, ...], labels: int | None = None) -> str:
    """Return why an array of three axes may not be gray images, (n, H, W); empty if it may.

    One image in color, (H, W, 3), and images along the last axis, (H, W, n), have three axes as
    well. The number of ``labels``, if there are some, tells which axis is that of the images.
    """
    first, height, width = shape
    if width <= COLORS:
        return f"an array of shape {shape} looks like one image in color"
    if labels == first:
        return ""
    alike = first == height != width
    long = _aspect(height, width) > LONGEST_ASPECT >= _aspect(first, height)
    if labels != width and not alike and not long:
        return ""
    return (
        f"an array of shape {shape} looks like {width:,} gray images of {first}×{height} along the "
        f"last axis: np.moveaxis(array, -1, 0) puts that first; {first:,} images of "
        f"{height}×{width} have shape ({first}, {height}, {width}, 1)"
    )


def _aspect(one: int, other: int) -> float:
    return max(one, other) / max(min(one, other), 1)


def gray_to_rgb(images: NDArray[Any]) -> Images:
    """Repeat gray images, (n, H, W) uint8, in three channels: (n, H, W, 3)."""
    return np.repeat(images[..., None], 3, axis=-1)
