"""Many small images in few large ones, as a page holds them."""

from __future__ import annotations

import base64
import io
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from bench.base.processors import available_threads, pool_of
from bench.datasets.image_form import Form, Images

SHEET = 2048  # pixels a side, which no phone refuses
TILE = 64  # pixels a side of an image, at most
QUALITY = 80
QUALITY_OF_MANY, MANY = 60, 4096


def per_row(tile: int) -> int:
    """Return how many images of a side there are in a row."""
    return SHEET // tile


def sheets(images: Images, tile: int) -> list[str]:
    """Lay images out in rows, sheet after sheet, each with sides of ``tile`` pixels.

    Parameters
    ----------
    images : ndarray, shape (n, H, W, 3), uint8

    Returns
    -------
    list of str
        Data URLs of WebP images, each of at most `per_row` rows of as many images.
    """
    quality = QUALITY if len(images) <= MANY else QUALITY_OF_MANY
    most, form = per_row(tile) ** 2, Form(tile)

    def sheet(start: int) -> str:
        some = form.bring_all(images[start : start + most])
        return _data_url(_lay_out(some, per_row(tile)), quality)

    with pool_of(available_threads()) as pool:
        return list(pool.map(sheet, range(0, len(images), most)))


def _lay_out(images: Images, columns: int) -> NDArray[Any]:
    count, height, width, channels = images.shape
    rows = -(-count // columns)
    columns = min(count, columns)
    sheet = np.zeros((rows * columns, height, width, channels), np.uint8)
    sheet[:count] = images
    grid = sheet.reshape(rows, columns, height, width, channels).swapaxes(1, 2)
    return grid.reshape(rows * height, columns * width, channels)


def _data_url(sheet: NDArray[Any], quality: int) -> str:
    file = io.BytesIO()
    # Twice as fast as Pillow's default method, and 3% larger on photographs.
    Image.fromarray(sheet).save(file, "WEBP", quality=quality, method=2)
    return f"data:image/webp;base64,{base64.b64encode(file.getvalue()).decode()}"
