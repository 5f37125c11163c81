"""What a loader finds, before any subset is taken."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bench.base.errors import UsageError
from bench.datasets.image_form import SIDE as SIDE  # plugins import these three from here
from bench.datasets.image_form import Images
from bench.datasets.image_form import gray_to_rgb as gray_to_rgb
from bench.datasets.image_form import to_side as to_side

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
