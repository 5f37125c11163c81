"""The homework's files: arrays of images and labels in a folder."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bench.base.errors import UsageError, format_error
from bench.base.progress import Progress
from bench.datasets import brightness, datasets
from bench.datasets.brightness import Values
from bench.datasets.image_form import COLORS, MOST_BYTES, MOST_PIXELS, why_no_gray_images
from bench.datasets.labels import whole_numbers
from bench.datasets.source import Reader, Source

PIECE_BYTES = 32 * 2**20  # read at a time
HOMEWORK_CLUSTERS = 2
ALLOWED = "(n, height, width, 3), (n, 3, height, width) and, for gray images, (n, height, width)"


def _open(path: Path) -> NDArray[Any]:
    """Map an array file into memory; nothing in it is ever executed."""
    try:
        array = np.load(path, mmap_mode="r", allow_pickle=False)
    except PermissionError:
        raise UsageError(f"cannot read {path}: permission denied") from None
    except Exception as error:  # what NumPy's reader of headers raises has no end
        reason = (
            "it holds pickled objects, which are refused because reading them runs code"
            if "Object arrays" in str(error) or "Python object" in str(error) or _is_pickle(path)
            else f"it is not a complete .npy array ({format_error(error)})"
        )
        raise UsageError(f"cannot read {path}: {reason}") from None
    if not isinstance(array, np.ndarray):
        raise UsageError(f"cannot read {path}: it is an archive (.npz) and not one .npy array")
    return array


def _is_pickle(path: Path) -> bool:
    """Tell whether a file begins as pickles do, of which NumPy takes every other file for one."""
    with open(path, "rb") as file:
        return file.read(1) == b"\x80"


def _channels_last(array: NDArray[Any], path: Path, labels: int | None) -> NDArray[Any]:
    """Return a view of images as (n, height, width, channels); ``labels``: how many there are."""
    shape = array.shape
    if array.ndim == 3:
        why = why_no_gray_images(shape, labels)
        if shape[0] == 3 != labels and shape[1] > 3:
            why = f"an array of shape {shape} looks like one image in color, channels first"
        if why:
            raise UsageError(f"{path}: {why}. Allowed are {ALLOWED}")
        return array[..., None]
    if array.ndim == 4 and shape[2] <= COLORS < shape[1]:
        sides = f"{shape[1]}×{shape[2]}"
        raise UsageError(f"{path} has shape {shape}, images of {sides}: allowed are {ALLOWED}")
    if array.ndim == 4 and shape[3] in (1, 3):
        return array
    if array.ndim == 4 and shape[1] in (1, 3):
        return array.transpose(0, 2, 3, 1)
    raise UsageError(f"{path} has shape {shape}: allowed are {ALLOWED}")


def _survey(array: NDArray[Any], path: Path, progress: Progress) -> Values | None:
    """Find out what values an array holds, in pieces; None for uint8."""
    if array.dtype == np.uint8:
        return None
    if array.dtype.kind not in "biuf" or array.dtype.itemsize > 8:
        raise UsageError(f"{path} has dtype {array.dtype}: allowed are integers, floats and bool")
    found = []
    many = max(1, PIECE_BYTES // max(1, array[0].nbytes))
    for start in range(0, len(array), many):
        piece = np.asarray(array[start : start + many])
        found.append(brightness.survey(piece))
        progress(f"checking {path.name}", start + len(piece), len(array))
    return brightness.join(found)


def _sort_of(array: NDArray[Any]) -> str:
    return "uint8" if array.dtype == np.uint8 else "floats" * (array.dtype.kind == "f")


def _reader(array: NDArray[Any]) -> Reader:
    def read(indices: NDArray[np.intp]) -> NDArray[Any]:
        images = np.asarray(array[indices])
        if images.shape[3] == 1:
            images = np.repeat(images, 3, axis=3)
        return np.ascontiguousarray(images)

    return read


def _open_images(path: Path, labels: Path) -> NDArray[Any]:
    """Check and map a file of images: (n, height, width, channels), of any type."""
    found = _open(path)
    if 0 in found.shape:
        raise UsageError(f"{path} is empty: its shape is {found.shape}")
    array = _channels_last(found, path, _open(labels).size if labels.is_file() else None)
    size, each = array.shape[1:3], array[0].nbytes
    if size[0] * size[1] > MOST_PIXELS or each > MOST_BYTES:
        raise UsageError(
            f"{path} holds images of {size[0]}×{size[1]} pixels: at most {MOST_PIXELS:,} pixels "
            f"and {MOST_BYTES / 1e6:,.0f} MB each are allowed"
        )
    return array


def _open_labels(path: Path, count: int, images: Path) -> NDArray[Any]:
    labels = _open(path)
    if labels.shape == (count, 1):
        labels = labels[:, 0]
    if labels.shape != (count,):
        raise UsageError(
            f"{path} has shape {labels.shape}: expected ({count},), one label for each image of "
            f"{images.name}"
        )
    if labels.dtype.kind in "iubf":
        return whole_numbers(labels, str(path))
    if labels.dtype.kind == "S":
        return np.char.decode(labels, "utf-8", "replace")
    if labels.dtype.kind != "U":
        raise UsageError(
            f"{path} has dtype {labels.dtype}: allowed are whole numbers, booleans and text"
        )
    return np.array(labels)


@datasets.register("npy", "npy:DIR, the homework's trainX.npy, and trainY, valX, valY if any")
def load(argument: str | None, progress: Progress) -> Source:
    """Open ``trainX.npy`` and, where they exist, ``trainY.npy``, ``valX.npy``, ``valY.npy``.

    Images are uint8, or of another type, which is brought to 8 bits by one decision for both
    arrays, see `bench.datasets.brightness`; channels last or first, or gray. Files are mapped, not
    loaded. What is missing, broken, pickled, or of another shape is refused.
    """
    if not argument:
        raise UsageError("data set npy needs a folder: npy:DIR, where DIR holds trainX.npy")
    folder = Path(argument).expanduser()
    paths = {name: folder / f"{name}.npy" for name in ("trainX", "trainY", "valX", "valY")}
    if not paths["trainX"].is_file():
        raise UsageError(f"no trainX.npy in {folder}: npy:DIR needs the homework's file there")
    if paths["valX"].is_file() != paths["valY"].is_file():
        there, missing = sorted(("valX", "valY"), key=lambda name: not paths[name].is_file())
        raise UsageError(
            f"{folder} holds {there}.npy without {missing}.npy: a validation set needs both"
        )
    arrays = {"trainX": _open_images(paths["trainX"], paths["trainY"])}
    labeled = paths["trainY"].is_file()
    count = len(arrays["trainX"])
    labels = _open_labels(paths["trainY"], count, paths["trainX"]) if labeled else None
    validation_labels = None
    if paths["valX"].is_file():
        arrays["valX"] = _open_images(paths["valX"], paths["valY"])
        validation_labels = _open_labels(paths["valY"], len(arrays["valX"]), paths["valX"])
    surveyed = [_survey(array, paths[name], progress) for name, array in arrays.items()]
    found = [values for values in surveyed if values is not None]
    if len({_sort_of(array) for array in arrays.values()}) > 1:
        kinds = " and ".join(f"{name}.npy {array.dtype}" for name, array in arrays.items())
        raise UsageError(
            f"{folder} holds {kinds}: needed are arrays of one type, so that brightness means the "
            "same in both"
        )
    readers = [_reader(array) for array in arrays.values()]
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
