"""Paints images and what models made of them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bench.report.paint.canvas import SMALL, WIDTH, canvas


@dataclass(frozen=True)
class Strip:
    """A row of images."""

    title: str
    images: NDArray[np.uint8]  # (k, side, side, 3)
    errors: NDArray[Any] | None = None  # (k,) mean squared error of each, if it is a reconstruction


def reconstructions(strips: list[Strip]) -> Any:
    """Paint rows of images, each with its title at the left, and errors under reconstructions.

    Rows may have different sides: all images are drawn at one size.
    """
    columns = len(strips[0].images)
    side = min((WIDTH - 1.6) / columns, 1.1)
    figure = canvas(side * columns + 1.6, (side + 0.2) * len(strips) + 0.1, "compressed")
    every = figure.subplots(len(strips), columns, squeeze=False)
    for line, strip in zip(every, strips, strict=True):
        for place, (field, image) in enumerate(zip(line, strip.images, strict=True)):
            field.imshow(image, interpolation="nearest")
            field.set(xticks=[], yticks=[])
            field.spines[:].set_visible(False)
            if strip.errors is not None:
                field.set_xlabel(f"{strip.errors[place]:.4f}", fontsize=SMALL, labelpad=2)
        line[0].set_ylabel(strip.title, rotation=0, ha="right", va="center", labelpad=8)
    figure.get_layout_engine().set(wspace=0.02, hspace=0.01, w_pad=0.02, h_pad=0.02)
    return figure
