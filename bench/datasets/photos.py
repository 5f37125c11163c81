"""Patches of the two photographs that scikit-learn ships."""

from __future__ import annotations

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray

from bench.base.progress import Progress
from bench.datasets import datasets
from bench.datasets.image_form import SIDE, Images
from bench.datasets.source import Source, in_memory, refuse_argument

NAMES = ("china", "flower")
STRIDE = 16
# Left of this column: training. From it on: validation. A multiple of STRIDE and of SIDE.
SPLIT = 512


def _patches(photograph: Images, left: int, right: int) -> Images:
    """Cut 32×32 patches, every 16 pixels, from the columns left to right (exclusive)."""
    every = sliding_window_view(photograph[:, left:right], (SIDE, SIDE), axis=(0, 1))
    patches = every[::STRIDE, ::STRIDE].transpose(0, 1, 3, 4, 2)
    return patches.reshape(-1, SIDE, SIDE, 3)


def _cut(photographs: list[Images], left: int, right: int) -> tuple[Images, NDArray[np.str_]]:
    patches = [_patches(photograph, left, right) for photograph in photographs]
    labels = np.repeat(NAMES, [len(p) for p in patches])
    return np.concatenate(patches), labels


@datasets.register("photos", "1,550 patches of scikit-learn's two photographs (2 classes)")
def load(argument: str | None, progress: Progress) -> Source:
    """Cut patches; the label is the photograph, china.jpg or flower.jpg.

    Training patches come from the left 512 columns, validation patches from the rest, so that
    no validation patch shares a pixel with a training patch. Patches of one split overlap
    their neighbors by half.
    """
    refuse_argument("photos", argument)
    from sklearn.datasets import load_sample_image

    photographs = [load_sample_image(f"{name}.jpg") for name in NAMES]
    images, labels = _cut(photographs, 0, SPLIT)
    held_out, held_out_labels = _cut(photographs, SPLIT, photographs[0].shape[1])
    return Source(
        len(images),
        in_memory(images),
        labels=labels,
        validation=in_memory(held_out),
        validation_labels=held_out_labels,
        independent=False,
        notes=(
            "The images are patches of two photographs and not independent: neighboring "
            "training patches overlap, across the public and the private half too. Validation "
            "patches are from another part of the photographs, with another mix of content.",
        ),
    )
