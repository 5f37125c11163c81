"""The homework's files: arrays of images and labels in a folder."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bench.base.errors import UsageError, format_error
from bench.base.progress import Progress
from bench.datasets import datasets
from bench.datasets.image_form import MOST_PIXELS, Images, to_bytes_factor
from bench.datasets.source import Reader, Source

PIECE_BYTES = 32 * 2**20  # read at a time
HOMEWORK_CLUSTERS = 2


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


def _channels_last(array: NDArray[Any], path: Path) -> NDArray[Any]:
    """Return a view of images as (n, height, width, channels)."""
    shape = array.shape
    if array.ndim == 3:
        return array[..., None]
    if array.ndim == 4 and shape[3] in (1, 3):
        return array
    if array.ndim == 4 and shape[1] in (1, 3):
        return array.transpose(0, 2, 3, 1)
    raise UsageError(
        f"{path} has shape {shape}: allowed are (n, height, width, 3), (n, 3, height, width) "
        "and, for gray images, (n, height, width)"
    )


def _scale(array: NDArray[Any], path: Path, progress: Progress) -> float:
    """Find the factor that brings values to 0..255, reading the array in pieces."""
    if array.dtype == np.uint8:
        return 1.0
    if not np.issubdtype(array.dtype, np.floating):
        raise UsageError(
            f"{path} has dtype {array.dtype}: allowed are uint8, or float in 0..1 or 0..255"
        )
    low, high = np.inf, -np.inf
    many = max(1, PIECE_BYTES // max(1, array[0].nbytes))
    for start in range(0, len(array), many):
        piece = array[start : start + many]
        # min and max of a piece with a NaN are NaN, which no comparison below lets pass.
        low, high = np.minimum(low, piece.min()), np.maximum(high, piece.max())
        progress(f"checking {path.name}", start + len(piece), len(array))
    return to_bytes_factor(low, high, str(path))


def _reader(array: NDArray[Any], scale: float) -> Reader:
    def read(indices: NDArray[np.intp]) -> Images:
        images = np.asarray(array[indices])
        if images.dtype != np.uint8:
            images = np.rint(images * scale).astype(np.uint8)
        if images.shape[3] == 1:
            images = np.repeat(images, 3, axis=3)
        return np.ascontiguousarray(images)

    return read


def _open_images(path: Path, progress: Progress) -> tuple[int, Reader, tuple[str, ...]]:
    """Check a file of images; return their number, a reader, and notes."""
    found = _open(path)
    array = _channels_last(found, path)
    if 0 in found.shape:
        raise UsageError(f"{path} is empty: its shape is {found.shape}")
    size = array.shape[1:3]
    if size[0] * size[1] > MOST_PIXELS:
        raise UsageError(
            f"{path} holds images of {size[0]}×{size[1]} pixels: at most {MOST_PIXELS:,} pixels"
        )
    notes = []
    scale = _scale(array, path, progress)
    if array.dtype != np.uint8:
        notes.append(f"{path.name}: {array.dtype} values were rounded to 8 bits a channel.")
    return len(array), _reader(array, scale), tuple(notes)


def _open_labels(path: Path, count: int, images: Path) -> NDArray[Any]:
    labels = _open(path)
    if labels.shape == (count, 1):
        labels = labels[:, 0]
    if labels.shape != (count,):
        raise UsageError(
            f"{path} has shape {labels.shape}: expected ({count},), one label for each image of "
            f"{images.name}"
        )
    if labels.dtype.kind == "f" and np.all(np.isfinite(labels)) and np.all(labels % 1 == 0):
        labels = labels.astype(np.int64)
    if labels.dtype.kind in "iub":
        return labels.astype(np.int64)
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

    Images are uint8, or float in 0..1 or 0..255 (rounded to 8 bits), channels last or first,
    or gray. Files are mapped, not loaded. What is missing,
    broken, pickled, or of another shape, type or range is refused.
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
    count, read, notes = _open_images(paths["trainX"], progress)
    labeled = paths["trainY"].is_file()
    labels = _open_labels(paths["trainY"], count, paths["trainX"]) if labeled else None
    validation, validation_labels = None, None
    if paths["valX"].is_file():
        held_out, validation, held_out_notes = _open_images(paths["valX"], progress)
        validation_labels = _open_labels(paths["valY"], held_out, paths["valX"])
        notes += held_out_notes
    return Source(
        count,
        read,
        labels=labels,
        validation=validation,
        validation_labels=validation_labels,
        default_clusters=HOMEWORK_CLUSTERS,
        id_label_form=True,
        notes=notes,
    )
