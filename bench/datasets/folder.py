"""A folder of image files."""

from __future__ import annotations

import os
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import BinaryIO

import numpy as np
from PIL import Image, ImageOps

from bench.base.errors import UsageError, count, name_first
from bench.base.progress import Progress
from bench.datasets import datasets
from bench.datasets.image_form import Form, Images
from bench.datasets.source import Opener, Source


def _eight_bit(image: Image.Image) -> Image.Image:
    """Bring the modes that hold more than 8 bits a channel to 8; Pillow would clip them."""
    if image.mode.startswith("I"):  # 16-bit files, which Pillow also opens as 32-bit integers
        whole = np.asarray(image, np.int64)
        scaled = whole / 257 if whole.max(initial=0) > 255 else whole
        return Image.fromarray(scaled.clip(0, 255).astype(np.uint8))
    if image.mode == "F":
        values = np.nan_to_num(np.asarray(image))
        scale = 255 if values.max(initial=0) <= 1 else 1
        return Image.fromarray((values * scale).clip(0, 255).astype(np.uint8))
    return image


def open_image(file: Path | BinaryIO, size: int) -> Image.Image | None:
    """Open an image file of any mode, on disk or in memory, as RGB; None if unreadable.

    The first frame counts; the camera's orientation is applied; transparency is laid on white.
    Files that declare more pixels than Pillow's limit are not decoded. Of a JPEG no more is decoded
    than shrinking to ``size`` asks for: the image is at least twice as large.
    """
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error", Image.DecompressionBombWarning)
            with Image.open(file) as opened:
                opened.draft("RGB", (2 * size, 2 * size))
                image = ImageOps.exif_transpose(_eight_bit(opened))
                if image.has_transparency_data:
                    image = image.convert("RGBA")
                    image = Image.alpha_composite(Image.new("RGBA", image.size, "white"), image)
                return image.convert("RGB")
    except Exception:  # whatever a broken file makes Pillow raise; the caller names the file
        return None


def decode(file: Path | BinaryIO, size: int) -> Images | None:
    """Read an image file as `open_image` does, as (H, W, 3) uint8; None if unreadable."""
    image = open_image(file, size)
    return None if image is None else np.asarray(image)


def opener(file_of: Callable[[int], Path | BinaryIO]) -> Opener:
    """Return what `Source.open` is where a function finds the file of an image by its index.

    Kept images depend on the source of the module that this function is in: the one that decodes.
    """
    return lambda index, size: decode(file_of(index), size)


def decode_to(path: Path, form: Form) -> Images | None:
    """Read an image file and bring it to a form, (size, size, 3) uint8; None if unreadable."""
    image = decode(path, form.size)
    return None if image is None else form.bring(image)


def looks_like_image(path: Path) -> bool:
    """Tell by a file's name, or else by its first bytes, whether it may be an image."""
    if path.suffix.lower() in Image.registered_extensions():
        return True
    try:
        with Image.open(path):
            return True
    except Exception:  # whatever is in it
        return False


def list_files(folder: Path) -> list[Path]:
    """List files at any depth, sorted, hidden ones left out."""
    found: list[Path] = []
    seen: set[str] = set()  # a link to a folder further up would never end
    for directory, subfolders, names in os.walk(folder, followlinks=True):
        place = os.path.realpath(directory)
        if place in seen:
            subfolders.clear()
            continue
        seen.add(place)
        subfolders[:] = sorted(name for name in subfolders if not name.startswith("."))
        found += [Path(directory) / name for name in names if not name.startswith(".")]
    return sorted(found)


def readable_name(path: Path) -> str:
    """Return a file's name as text that every file can hold, whatever bytes the disk has."""
    return path.as_posix().encode(errors="surrogateescape").decode(errors="backslashreplace")


@datasets.register(
    "folder", "folder:DIR, image files; sub-folders are labels, a flat folder has none"
)
def load(argument: str | None, progress: Progress) -> Source:
    """List every image file under a folder; `Source.open` decodes one.

    `bench.datasets.labels` takes labels from the names of sub-folders. Files that are no images are
    counted and named in the notes.
    """
    if not argument:
        raise UsageError("data set folder needs a folder: folder:DIR")
    folder = Path(argument).expanduser()
    if not folder.is_dir():
        raise UsageError(f"no such folder: {folder}")
    every = list_files(folder)
    names = {path: readable_name(path.relative_to(folder)) for path in every}
    paths = [path for path in every if looks_like_image(path)]
    if not paths:
        raise UsageError(f"no image in {folder}: {len(every)} files found")
    known = set(paths)
    others = [names[path] for path in every if path not in known]
    notes = []
    if others:
        named = name_first(others)
        notes.append(
            f"Skipped {count(len(others), 'file')} that Pillow does not know as images: {named}."
        )
    return Source(
        len(paths),
        files=tuple(names[path] for path in paths),
        tree=True,
        notes=tuple(notes),
        open=opener(paths.__getitem__),
        stamps=tuple(stamp(path) for path in paths),
    )


def stamp(path: Path) -> str:
    """Return a text that changes when a file does: its path, size and times."""
    name = os.path.abspath(path).encode(errors="surrogateescape").hex()
    try:
        found = path.stat()
    except OSError:  # a link to nowhere; it will count as unreadable
        return f"{name} missing"
    return f"{name} {found.st_size} {found.st_mtime_ns} {found.st_ctime_ns}"
