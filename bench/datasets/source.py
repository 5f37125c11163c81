"""What a loader finds, before any subset is taken."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bench.base.errors import UsageError
from bench.datasets.brightness import Values
from bench.datasets.image_form import Images
from bench.datasets.image_form import gray_to_rgb as gray_to_rgb  # plugins import it from here
from bench.datasets.reading import Reading, Seen

Reader = Callable[[NDArray[np.intp]], Images]
Opener = Callable[[int, int, Reading], Images | None]


@dataclass(frozen=True)
class Source:
    """A data set as its loader hands it over: its images are arrays, or files.

    Attributes
    ----------
    count : int
        Training images, or files that look like images.
    read, validation : callable or None
        Of arrays. Indices (k,) to those training or validation images, (k, H, W, 3) uint8 RGB, of
        any size; `bench.datasets.dataset.load` brings them to the size that is asked for. Called
        with a few hundred indices at a time, so that a source larger than memory can be read in
        pieces.
    open : callable or None
        Of files, in place of ``read``. Index, size and how the files of the data set are read, to
        one training image, (H, W, 3) uint8 RGB, or None where the file cannot be read. It may be
        smaller than in the file, but is at least twice as large as the size, if the file is. Called
        in several threads.
    measure : callable or None
        Of files. Index to what is not ordinary in the file, None for nothing; all files together
        decide how each is read. Called in several threads.
    values : Values or None
        Of arrays that are not uint8: what is known of all, training and validation together. The
        readers then return values of that type, and `bench.datasets.dataset.load` brings them to
        8 bits.
    stamps : tuple of str
        Of files: a text for each that changes when the file does. Decoded images are kept under it,
        so that no file is decoded twice.
    advice : callable or None
        Of files. Indices of those that could not be read, to what users can do about them, a clause
        for each format of files.
    labels : ndarray or None
        (count,), any type that sorts; None for unlabeled images. ``validation_labels`` likewise.
    files : tuple of str or None
        A name for each image, where images are files.
    default_clusters : int or None
        Number of clusters to seek where there are no labels to count.
    tree : bool
        True: the folders in the names of files may be labels, see `bench.datasets.labels`.
    id_label_form : bool
        True: assignments are written in the homework's form, ``id,label``.
    independent : bool
        False: the images are not a sample of independent ones, as patches of a photograph.
    notes : tuple of str
        What the reader of a report should know: files skipped, values rounded.
    """

    count: int
    read: Reader | None = None
    labels: NDArray[Any] | None = None
    files: tuple[str, ...] | None = None
    validation: Reader | None = None
    validation_labels: NDArray[Any] | None = None
    default_clusters: int | None = None
    id_label_form: bool = False
    independent: bool = True
    notes: tuple[str, ...] = ()
    open: Opener | None = None
    measure: Callable[[int], Seen | None] | None = None
    values: Values | None = None
    stamps: tuple[str, ...] = ()
    advice: Callable[[Sequence[int]], list[str]] | None = None
    tree: bool = False


def refuse_argument(name: str, argument: str | None) -> None:
    """Raise `UsageError` for an argument of a data set that takes none."""
    if argument is not None:
        raise UsageError(f"data set {name} takes no argument, found '{name}:{argument}'")


def in_memory(images: Images) -> Reader:
    """Return a reader of images that are in memory, (n, H, W, 3) uint8."""
    return lambda indices: images[indices]
