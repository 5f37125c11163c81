"""Brings images of users to the one form, piece after piece, and knows them again."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bench.base.errors import UsageError
from bench.datasets.folder import decode
from bench.datasets.source import Images, gray_to_rgb, to_side

DIGEST = 16  # bytes of SHA-256

# Arrays, or files.
Given = NDArray[np.uint8] | Sequence[str | Path]


def digests(images: Images) -> NDArray[np.uint8]:
    """Return what an image is known again by: the first bytes of its pixels' SHA-256.

    Parameters
    ----------
    images : ndarray, shape (n, 32, 32, 3), uint8

    Returns
    -------
    ndarray, shape (n, 16), uint8
    """
    found = b"".join(hashlib.sha256(image.tobytes()).digest()[:DIGEST] for image in images)
    return np.frombuffer(found, np.uint8).reshape(len(images), DIGEST)


def count(images: Given) -> int:
    """Return how many images there are, or refuse what is no images.

    Raises
    ------
    UsageError
        For arrays that are not uint8, (n, H, W) gray or (n, H, W, 3) RGB, and for what is neither
        an array nor a list of files.
    """
    if isinstance(images, (str, bytes, Path)):
        raise UsageError(f"images must be an array or a list of files, found {images!r}")
    if not isinstance(images, (np.ndarray, Sequence)):  # a generator has no length
        raise UsageError(
            f"images must be an array or a list of files, found {type(images).__name__}"
        )
    if not isinstance(images, np.ndarray):
        wrong = [each for each in images if not isinstance(each, (str, Path))]
        if wrong:
            raise UsageError(
                f"images must be an array or a list of files, found {type(wrong[0]).__name__}"
            )
        return len(images)
    if images.dtype != np.uint8:
        raise UsageError(f"images must be uint8, 0 to 255, found {images.dtype}")
    shape = images.shape
    if images.ndim == 3 and shape[-1] in (3, 4):
        raise UsageError(f"an array of shape {shape} looks like one image: give images[None]")
    if not (images.ndim == 3 or (images.ndim == 4 and shape[3] == 3)) or 0 in shape[1:]:
        raise UsageError(f"images must have shape (n, H, W) or (n, H, W, 3), found {shape}")
    return len(images)


def pieces(images: Given, size: int) -> Iterator[Images]:
    """Bring images to the one form, so many at a time.

    Yields
    ------
    ndarray, shape (k, 32, 32, 3), uint8

    Raises
    ------
    UsageError
        Also for a file that cannot be read.
    """
    for start in range(0, count(images), size):
        piece: Any = images[start : start + size]
        if not isinstance(images, np.ndarray):
            yield np.stack([_decoded(Path(file)) for file in piece])
        else:
            yield to_side(np.ascontiguousarray(piece if piece.ndim == 4 else gray_to_rgb(piece)))


def _decoded(file: Path) -> Images:
    image = decode(file)
    if image is None:
        raise UsageError(f"cannot read {file} as an image")
    return image
