"""Image files of more than 8 bits a channel, which Pillow would clip or cut when it converts them.

Of color, Pillow keeps 8 of 16 bits; which, is said by a raw mode, ``RGB;16B`` for the upper ones of
values whose upper byte stands first. Read in the other order, the lower ones are kept.
"""

from __future__ import annotations

import io
import sys
from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from bench.datasets import brightness
from bench.datasets.brightness import Values
from bench.datasets.image_form import Images
from bench.datasets.reading import Reading

Array = NDArray[Any]

BAND_BYTES = 16 * 2**20  # of values that are worked on at a time
BITS, GROUND, FORMAT = 258, 262, 339  # tags of TIFF: bits, what 0 means, type
UNSIGNED, SIGNED = 1, 2  # values of FORMAT
OTHER_ORDER = {"B": "L", "L": "B", "N": "B" if sys.byteorder == "little" else "L"}
# Four bytes a pixel as well: both bytes of gray, both of alpha.
GRAY_ALPHA, ITS_BYTES = "LA;16B", "RGBA"


class Band(NamedTuple):
    """Some rows of an image, from ``top`` on."""

    top: int
    values: Array  # (rows, W), or (rows, W, 3) in color
    alpha: Images | None  # (rows, W)


def _raw_mode(image: Image.Image) -> str:
    tiles = getattr(image, "tile", None)
    found = tiles[0][3] if tiles else ""
    return found if isinstance(found, str) else str((found or ("",))[0])


def _tag(image: Image.Image, number: int, default: int) -> int:
    found = getattr(image, "tag_v2", {}).get(number, default)
    return int(found[0]) if isinstance(found, tuple) else int(found)


def is_deep(image: Image.Image) -> bool:
    """Tell whether an opened file holds more than 8 bits a channel, or signed ones."""
    if image.mode.startswith("I") or image.mode == "F":
        return True
    if image.mode == "L":
        return _tag(image, FORMAT, UNSIGNED) == SIGNED
    return image.mode in ("RGB", "RGBA") and ";16" in _raw_mode(image)


def bytes_of(image: Image.Image) -> int:
    """Return the bytes that an opened file takes in memory when it is decoded."""
    a_pixel = {"1": 1, "L": 1, "P": 1, "LA": 4}.get(image.mode, 2 if ";16" in image.mode else 4)
    twice = image.mode.startswith("RGB") and ";16" in _raw_mode(image)
    return image.width * image.height * a_pixel * (2 if twice else 1)


def survey(image: Image.Image) -> Values:
    """Return what is known of the values of an opened file; it is decoded, if it was not."""
    return brightness.join(brightness.survey(band.values) for band in _bands(image))


def eight_bits(image: Image.Image, reading: Reading, size: int) -> Image.Image:
    """Decode an opened file to 8 bits a channel, as all files of the data set are read.

    An image that is more than eight times as large as ``size`` is averaged to four times or more.
    Where nothing was decided for such files, the file decides alone.
    """
    used = reading.floats if image.mode == "F" else reading.integers
    bands = _bands(image)
    if used is None:
        kept = list(bands)
        found = brightness.join(brightness.survey(band.values) for band in kept)
        used = brightness.decide(brightness.only_finite(found), "the file")
        bands = iter(kept)
    made: Images | None = None
    inverted = image.mode in ("I", "F", "I;16", "I;16B") and _tag(image, GROUND, 1) == 0
    for top, values, alpha in bands:
        channels = [] if values.ndim == 2 else [3 if alpha is None else 4]
        if alpha is not None and values.ndim == 2:
            values, channels = np.repeat(values[..., None], 3, axis=2), [4]
        if made is None:
            made = np.empty((image.height, image.width, *channels), np.uint8)
        brought = used.to_bytes(values)
        rows = made[top : top + len(values)]
        if alpha is None:
            rows[...] = brightness.WHITE - brought if inverted else brought
        else:
            rows[..., :3], rows[..., 3] = brought, alpha
    assert made is not None
    orientation = image.getexif().get(0x0112)  # what decoding has not applied itself
    found_image = Image.fromarray(made)
    times = min(image.size) // (4 * size)
    if times > 1:
        found_image = found_image.reduce(times)
    if orientation:
        found_image.getexif()[0x0112] = orientation
    return found_image


def _bands(image: Image.Image) -> Iterator[Band]:
    """Return the values of an opened file, some rows at a time."""
    raw, wide = _raw_mode(image), image.mode in ("RGB", "RGBA")
    low = _opened_otherwise(image, raw) if wide else None
    image.load()
    kind = _kind(image)
    many = max(1, BAND_BYTES // (8 * image.width * (4 if wide else 1)))
    for top in range(0, image.height, many):
        box = (0, top, image.width, min(top + many, image.height))
        rows = np.asarray(image.crop(box))
        if low is None:
            yield Band(top, rows if kind is None else rows.view(kind), None)
            continue
        other = np.asarray(low.crop(box))
        if raw == GRAY_ALPHA:
            yield Band(top, _joined(other[..., 0], other[..., 1]), rows[..., 3])
        else:
            alpha = rows[..., 3] if image.mode == "RGBA" else None
            yield Band(top, _joined(rows[..., :3], other[..., :3]), alpha)


def _joined(high: Images, low: Images) -> NDArray[np.uint16]:
    return (high.astype(np.uint16) << 8 | low).astype(np.uint16, copy=False)


def _kind(image: Image.Image) -> Any:
    """Return as what Pillow's values are to be taken; None for what they are."""
    bits, form = _tag(image, BITS, 0), _tag(image, FORMAT, UNSIGNED)
    if image.mode == "L":
        return np.int8
    return np.uint32 if image.mode == "I" and (bits, form) == (32, UNSIGNED) else None


def _opened_otherwise(image: Any, raw: str) -> Image.Image:
    """Open the file of an image again, and decode the bytes that Pillow leaves out."""
    mode = ITS_BYTES if raw == GRAY_ALPHA else raw[:-1] + OTHER_ORDER[raw[-1]]
    image.fp.seek(0)
    found: Any = Image.open(io.BytesIO(image.fp.read()))
    found.tile = [_with_mode(tile, mode) for tile in found.tile]
    found.load()
    return found


def _with_mode(tile: Any, mode: str) -> Any:
    args = mode if isinstance(tile[3], str) else (mode, *tile[3][1:])
    # Before Pillow 11 a tile was a plain tuple.
    return tile._replace(args=args) if hasattr(tile, "_replace") else (*tile[:3], args)
