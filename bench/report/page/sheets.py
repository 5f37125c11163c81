"""Many small images in few large ones, as a page holds them."""

from __future__ import annotations

import base64
import io
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from bench.datasets.image_form import SIDE, Images

PER_ROW = 2048 // SIDE  # no phone refuses sheets of 2,048 pixels a side
PER_SHEET = PER_ROW**2
QUALITY = 80
QUALITY_OF_MANY, MANY = 60, 4096


def sheets(images: Images) -> list[str]:
    """Lay images out in rows, sheet after sheet.

    Parameters
    ----------
    images : ndarray, shape (n, H, W, 3), uint8

    Returns
    -------
    list of str
        Data URLs of WebP images, each of at most `PER_ROW` rows of as many images.
    """
    quality = QUALITY if len(images) <= MANY else QUALITY_OF_MANY
    return [
        _data_url(_lay_out(images[start : start + PER_SHEET]), quality)
        for start in range(0, len(images), PER_SHEET)
    ]


def _lay_out(images: Images) -> NDArray[Any]:
    count, height, width, channels = images.shape
    rows = -(-count // PER_ROW)
    columns = min(count, PER_ROW)
    sheet = np.zeros((rows * columns, height, width, channels), np.uint8)
    sheet[:count] = images
    grid = sheet.reshape(rows, columns, height, width, channels).swapaxes(1, 2)
    return grid.reshape(rows * height, columns * width, channels)


def _data_url(sheet: NDArray[Any], quality: int) -> str:
    file = io.BytesIO()
    Image.fromarray(sheet).save(file, "WEBP", quality=quality)
    return f"data:image/webp;base64,{base64.b64encode(file.getvalue()).decode()}"
