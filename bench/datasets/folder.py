"""A folder of image files."""

from __future__ import annotations

import os
import warnings
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageOps

from bench.base.errors import UsageError
from bench.base.progress import Progress
from bench.datasets import datasets
from bench.datasets.image_form import MOST_PIXELS, SIDE
from bench.datasets.source import Source, in_memory

NAMED = 5  # files named one by one in a note; the rest are counted


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


def open_image(path: Path, side: int) -> Image.Image | None:
    """Open an image file of any mode as RGB; None if unreadable.

    The first frame counts; the camera's orientation is applied; transparency is laid on white.
    Files that declare more pixels than Pillow's limit are not decoded. Of a JPEG no more is decoded
    than shrinking to ``side`` asks for.
    """
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error", Image.DecompressionBombWarning)
            with Image.open(path) as opened:
                opened.draft("RGB", (4 * side, 4 * side))
                image = ImageOps.exif_transpose(_eight_bit(opened))
                if image.has_transparency_data:
                    image = image.convert("RGBA")
                    image = Image.alpha_composite(Image.new("RGBA", image.size, "white"), image)
                return image.convert("RGB")
    except Exception:  # whatever a broken file makes Pillow raise; the caller names the file
        return None


def decode(path: Path) -> NDArray[np.uint8] | None:
    """Read an image file as `open_image` does, as (32, 32, 3) uint8; None if unreadable."""
    image = open_image(path, SIDE)
    if image is None:
        return None
    return np.asarray(image.resize((SIDE, SIDE), Image.Resampling.BILINEAR))


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


def name_first(files: list[str], count: int) -> str:
    """Name the first of so many files, and say how many more there are."""
    rest = f" and {count - NAMED} more" if count > NAMED else ""
    return ", ".join(files[:NAMED]) + rest


@datasets.register(
    "folder", "folder:DIR, image files; sub-folders are labels, a flat folder has none"
)
def load(argument: str | None, progress: Progress) -> Source:
    """Read every image file under a folder.

    Files in sub-folders are labeled by the sub-folder's name; a folder without sub-folders is
    unlabeled. Where images are found in both places, the fewer are left out. Those, and files
    that Pillow cannot read, are counted and named in the notes.
    """
    if not argument:
        raise UsageError("data set folder needs a folder: folder:DIR")
    folder = Path(argument).expanduser()
    if not folder.is_dir():
        raise UsageError(f"no such folder: {folder}")
    paths = list_files(folder)
    decoded = []
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        for image in pool.map(decode, paths):
            decoded.append(image)
            progress("reading images", len(decoded), len(paths))
    files = [readable_name(path.relative_to(folder)) for path in paths]
    readable = [i for i, image in enumerate(decoded) if image is not None]
    if not readable:
        raise UsageError(f"no readable image in {folder}: {len(paths)} files found")
    nested = [i for i in readable if "/" in files[i]]
    flat = [i for i in readable if "/" not in files[i]]
    labeled = len(nested) >= len(flat)
    kept, loose = (nested, flat) if labeled else (flat, nested)
    notes = []
    skipped = [files[i] for i, image in enumerate(decoded) if image is None]
    if skipped:
        notes.append(
            f"Skipped {len(skipped)} unreadable files (broken, no image, or of more than "
            f"{MOST_PIXELS:,} pixels): {name_first(skipped, len(skipped))}."
        )
    if loose:
        where = "beside the sub-folders" if labeled else "in sub-folders"
        named = name_first([files[i] for i in loose], len(loose))
        notes.append(f"Left out {len(loose)} images {where}: {named}.")
    images = np.stack([image for i in kept if (image := decoded[i]) is not None])
    names = tuple(files[i] for i in kept)
    labels = np.array([name.split("/", 1)[0] for name in names]) if labeled else None
    return Source(len(images), in_memory(images), labels=labels, files=names, notes=tuple(notes))
