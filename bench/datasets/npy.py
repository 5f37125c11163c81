"""The homework's files: arrays of images and labels in a folder."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bench.base.arrays import Rows
from bench.base.errors import UsageError, format_error
from bench.base.files import expand, is_file
from bench.base.progress import Progress
from bench.datasets import brightness, datasets
from bench.datasets.brightness import Values
from bench.datasets.image_form import COLORS, MOST_BYTES, MOST_PIXELS, why_no_gray_images
from bench.datasets.labels import whole_numbers
from bench.datasets.source import Source

PIECE_BYTES = 32 * 2**20  # read at a time
HOMEWORK_CLUSTERS = 2
ALLOWED = "(n, height, width, 3), (n, 3, height, width) and, for gray images, (n, height, width)"


def _open(path: Path) -> Rows:
    """Open an array file; nothing in it is ever executed."""
    try:
        return Rows(path)
    except OSError as error:
        if error.errno is None:  # not of the system, but of what is in the file
            raise _incomplete(path, error) from None
        raise UsageError(f"cannot read {path}: {error.strerror}") from None
    except Exception as error:  # what NumPy's reader of headers raises has no end
        raise _incomplete(path, error) from None


def _incomplete(path: Path, error: Exception) -> UsageError:
    reason = f"it is not a complete .npy array ({format_error(error)})"
    if "(.npz)" in str(error):
        reason = str(error)
    elif "Object arrays" in str(error) or "Python object" in str(error) or _is_pickle(path):
        reason = "it holds pickled objects, which are refused because reading them runs code"
    return UsageError(f"cannot read {path}: {reason}")


def _is_pickle(path: Path) -> bool:
    """Tell whether a file begins as pickles do, of which NumPy takes every other file for one."""
    with open(path, "rb") as file:
        return file.read(1) == b"\x80"


class _Images:
    """A file of images (n, height, width, channels) of any type, checked."""

    def __init__(self, path: Path, labels: Path) -> None:
        self.path, self.rows = path, _open(path)
        self.dtype, shape = self.rows.dtype, self.rows.shape
        if 0 in shape:
            raise UsageError(f"{path} is empty: its shape is {shape}")
        count = math.prod(_open(labels).shape) if is_file(labels) else None
        self._axes = _channels_last(shape, path, count)
        self.each = math.prod(shape[1:]) * self.dtype.itemsize  # bytes
        height, width = (shape[axis] for axis in self._axes[1:3])
        if height * width > MOST_PIXELS or self.each > MOST_BYTES:
            raise UsageError(
                f"{path} holds images of {height}×{width} pixels: at most {MOST_PIXELS:,} pixels "
                f"and {MOST_BYTES / 1e6:,.0f} MB each are allowed"
            )

    def __len__(self) -> int:
        return len(self.rows)

    def read(self, indices: NDArray[np.intp]) -> NDArray[Any]:
        """Return images (k, height, width, 3) by their positions (k,)."""
        found = self.rows.read(indices)
        found = found.transpose(self._axes) if found.ndim == 4 else found[..., None]
        if found.shape[3] == 1:
            found = np.repeat(found, 3, axis=3)
        return np.ascontiguousarray(found)

    def survey(self, progress: Progress) -> Values | None:
        """Find out what values there are, in pieces; None for uint8."""
        if self.dtype == np.uint8:
            return None
        if self.dtype.kind not in "biuf" or self.dtype.itemsize > 8:
            raise UsageError(
                f"{self.path} has dtype {self.dtype}: allowed are integers, floats and bool"
            )
        found = []
        many = max(1, PIECE_BYTES // self.each)
        for start in range(0, len(self), many):
            piece = self.rows.read(np.arange(start, min(start + many, len(self))))
            found.append(brightness.survey(piece))
            progress(f"checking {self.path.name}", start + len(piece), len(self))
        return brightness.join(found)


def _channels_last(shape: tuple[int, ...], path: Path, labels: int | None) -> tuple[int, ...]:
    """Return the axes of images of this shape, the channels last if they have any.

    ``labels``: how many there are, None where that is not known.
    """
    if len(shape) == 3:
        why = why_no_gray_images(shape, labels)
        if shape[0] == 3 != labels and shape[1] > 3:
            why = f"an array of shape {shape} looks like one image in color, channels first"
        if why:
            raise UsageError(f"{path}: {why}. Allowed are {ALLOWED}")
        return 0, 1, 2
    if len(shape) == 4 and shape[2] <= COLORS < shape[1]:
        sides = f"{shape[1]}×{shape[2]}"
        raise UsageError(f"{path} has shape {shape}, images of {sides}: allowed are {ALLOWED}")
    if len(shape) == 4 and shape[3] in (1, 3):
        return 0, 1, 2, 3
    if len(shape) == 4 and shape[1] in (1, 3):
        return 0, 2, 3, 1
    raise UsageError(f"{path} has shape {shape}: allowed are {ALLOWED}")


def _sort_of(dtype: np.dtype[Any]) -> str:
    return "uint8" if dtype == np.uint8 else "floats" * (dtype.kind == "f")


def _open_labels(path: Path, count: int, images: Path) -> NDArray[Any]:
    rows = _open(path)
    if rows.shape not in ((count,), (count, 1)):
        raise UsageError(
            f"{path} has shape {rows.shape}: expected ({count},), one label for each image of "
            f"{images.name}"
        )
    labels = rows.read(np.arange(count))
    if labels.ndim == 2:
        labels = labels[:, 0]
    if labels.dtype.kind in "iubf":
        return whole_numbers(labels, str(path))
    if labels.dtype.kind == "S":
        return np.char.decode(labels, "utf-8", "replace")
    if labels.dtype.kind != "U":
        raise UsageError(
            f"{path} has dtype {labels.dtype}: allowed are whole numbers, booleans and text"
        )
    return labels


@datasets.register("npy", "npy:DIR, the homework's trainX.npy, and trainY, valX, valY if any")
def load(argument: str | None, progress: Progress) -> Source:
    """Open ``trainX.npy`` and, where they exist, ``trainY.npy``, ``valX.npy``, ``valY.npy``.

    Images are uint8, or of another type, which is brought to 8 bits by one decision for both
    arrays, see `bench.datasets.brightness`; channels last or first, or gray. Files are read in
    pieces. What is missing, broken, pickled, or of another shape is refused.
    """
    if not argument:
        raise UsageError("data set npy needs a folder: npy:DIR, where DIR holds trainX.npy")
    folder = expand(argument)
    paths = {name: folder / f"{name}.npy" for name in ("trainX", "trainY", "valX", "valY")}
    if not is_file(paths["trainX"]):
        raise UsageError(f"no trainX.npy in {folder}: npy:DIR needs the homework's file there")
    if is_file(paths["valX"]) != is_file(paths["valY"]):
        there, missing = sorted(("valX", "valY"), key=lambda name: not is_file(paths[name]))
        raise UsageError(
            f"{folder} holds {there}.npy without {missing}.npy: a validation set needs both"
        )
    arrays = {"trainX": _Images(paths["trainX"], paths["trainY"])}
    labeled = is_file(paths["trainY"])
    count = len(arrays["trainX"])
    labels = _open_labels(paths["trainY"], count, paths["trainX"]) if labeled else None
    validation_labels = None
    if is_file(paths["valX"]):
        arrays["valX"] = _Images(paths["valX"], paths["valY"])
        validation_labels = _open_labels(paths["valY"], len(arrays["valX"]), paths["valX"])
    surveyed = [array.survey(progress) for array in arrays.values()]
    found = [values for values in surveyed if values is not None]
    if len({_sort_of(array.dtype) for array in arrays.values()}) > 1:
        kinds = " and ".join(f"{name}.npy {array.dtype}" for name, array in arrays.items())
        raise UsageError(
            f"{folder} holds {kinds}: needed are arrays of one type, so that brightness means the "
            "same in both"
        )
    readers = [array.read for array in arrays.values()]
    return Source(
        count,
        readers[0],
        labels=labels,
        validation=readers[1] if len(readers) > 1 else None,
        validation_labels=validation_labels,
        default_clusters=HOMEWORK_CLUSTERS,
        id_label_form=True,
        values=brightness.join(found) if found else None,
    )
