"""A folder of image files."""

from __future__ import annotations

import os
import warnings
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import BinaryIO, NamedTuple

import numpy as np
from PIL import Image, ImageOps

from bench.base.errors import UsageError, count, name_first
from bench.base.files import expand, regular
from bench.base.plain_text import readable
from bench.base.progress import Progress
from bench.datasets import datasets, deep, formats
from bench.datasets.brightness import WHITE
from bench.datasets.image_form import LARGE, MOST_BYTES, MOST_PIXELS, Form, Images, alone
from bench.datasets.reading import ORDINARY, Reading, Seen
from bench.datasets.source import Opener, Source

ROWS = 256  # of a large image that are copied at a time
MEASURED_SIDE = 256  # of images whose brightness is measured, at least, where they are larger


# Sizes are compared with Pillow's limit here, whose warning would be turned into an error in
# all threads at once.
warnings.filterwarnings("ignore", category=Image.DecompressionBombWarning)
formats.teach_pillow()


def _is_too_large(image: Image.Image) -> bool:
    """Tell by its header whether a file would take too much memory."""
    most = Image.MAX_IMAGE_PIXELS or MOST_PIXELS
    return image.width * image.height > most or deep.bytes_of(image) > MOST_BYTES


def _is_raw(file: Path | BinaryIO) -> bool:
    """Tell whether a file is camera raw, of which Pillow would read a small preview."""
    return isinstance(file, Path) and formats.format_of(file) is formats.RAW


@contextmanager
def _opened(file: Path | BinaryIO) -> Iterator[Image.Image]:
    """Open an image file, on disk or in memory; Pillow maps none, which could be cut meanwhile."""
    with ExitStack() as stack:
        if isinstance(file, Path):
            file = stack.enter_context(open(regular(file), "rb"))
        yield stack.enter_context(Image.open(file))


def open_image(file: Path | BinaryIO, size: int, reading: Reading = ORDINARY) -> Image.Image | None:
    """Open an image file of any mode, on disk or in memory, as RGB; None if unreadable.

    The first frame counts; the camera's orientation is applied; ``reading`` says what is black and
    white in files of more than 8 bits a channel, and on which ground transparency is laid. Files
    that declare more pixels than Pillow's limit, or more bytes than `MOST_BYTES`, are not decoded.
    Of a JPEG no more is decoded than shrinking to ``size`` asks for: the image is at least twice as
    large. Large images are decoded one at a time.
    """
    if _is_raw(file):
        return None
    try:
        with _opened(file) as opened:
            if _is_too_large(opened):
                return None
            with alone(opened.width * opened.height):
                return _decode(opened, size, reading)
    except Exception:  # whatever a broken file makes Pillow raise; the caller names the file
        return None


def _decode(opened: Image.Image, size: int, reading: Reading) -> Image.Image:
    image = opened
    if deep.is_deep(opened):
        image = deep.eight_bits(opened, reading, size)
    else:
        opened.draft("RGB", (2 * size, 2 * size))
    ImageOps.exif_transpose(image, in_place=True)
    if image.has_transparency_data:
        image = image.convert("RGBA")
        image = Image.alpha_composite(Image.new("RGBA", image.size, reading.ground), image)
    image = image if image.mode == "RGB" else image.convert("RGB")
    if reading.eight_bits is not None:
        levels = reading.eight_bits.to_bytes(np.arange(256, dtype=np.uint8))
        image = image.point(levels.tolist() * 3)
    return image


def measure(file: Path | BinaryIO) -> Seen | None:
    """Return what is not ordinary in an image file; None for nothing, or if it is unreadable.

    Only files of more than 8 bits a channel and those with transparency are decoded.
    """
    if _is_raw(file):
        return None
    try:
        with _opened(file) as opened:
            if _is_too_large(opened):
                return None
            frames = bool(getattr(opened, "is_animated", False))
            is_deep, clear = deep.is_deep(opened), opened.has_transparency_data
            if not is_deep and not clear:
                return Seen(frames=True) if frames else None
            with alone(opened.width * opened.height):
                values = deep.survey(opened) if is_deep else None
                transparent, shade = _visible(opened) if clear else (False, None)
            found = Seen(values, frames, transparent, shade)
            return None if found == Seen() else found
    except Exception:  # as in `open_image`
        return None


def _visible(image: Image.Image) -> tuple[bool, float | None]:
    """Tell whether an image is transparent anywhere, and how bright what can be seen of it is."""
    image = image.convert("RGBA")
    least, _ = image.getchannel("A").getextrema()
    if least == WHITE:
        return False, None
    image = image.reduce(max(1, min(image.size) // MEASURED_SIDE))
    gray, alpha = (np.asarray(image.convert("LA"), np.float64)[..., i] for i in range(2))
    return True, float((gray * alpha).sum() / alpha.sum()) if alpha.any() else None


def decode(file: Path | BinaryIO, size: int, reading: Reading = ORDINARY) -> Images | None:
    """Read an image file as `open_image` does, as (H, W, 3) uint8; None if unreadable."""
    image = open_image(file, size, reading)
    if image is None or image.width * image.height <= LARGE:
        return None if image is None else np.asarray(image)
    found = np.empty((image.height, image.width, 3), np.uint8)
    for top in range(0, image.height, ROWS):  # NumPy would copy a whole image twice
        box = (0, top, image.width, min(top + ROWS, image.height))
        found[top : box[3]] = np.asarray(image.crop(box))
    return found


def opener(file_of: Callable[[int], Path | BinaryIO]) -> Opener:
    """Return what `Source.open` is where a function finds the file of an image by its index.

    Kept images depend on the source of the module that this function is in: the one that decodes.
    """

    def open_one(index: int, size: int, reading: Reading = ORDINARY) -> Images | None:
        return decode(file_of(index), size, reading)

    return open_one


def measurer(file_of: Callable[[int], Path | BinaryIO]) -> Callable[[int], Seen | None]:
    """Return what `Source.measure` is, as `opener` does for `Source.open`."""
    return lambda index: measure(file_of(index))


def decode_to(path: Path, form: Form, reading: Reading = ORDINARY) -> Images | None:
    """Read an image file and bring it to a form, (size, size, 3) uint8; None if unreadable."""
    image = decode(path, form.size, reading)
    return None if image is None else form.bring(image)


def looks_like_image(path: Path) -> bool:
    """Tell by a file's name, or else by its first bytes, whether it may be an image."""
    if _is_raw(path):
        return False
    if path.suffix.lower() in Image.registered_extensions():
        return True
    try:
        with _opened(path):
            return True
    except Exception:  # whatever is in it
        return False


class Listing(NamedTuple):
    """The files of a folder, and the folders in it of which the files are not among them."""

    files: list[Path]  # at any depth, sorted, hidden ones left out
    closed: list[Path]  # that cannot be read
    again: list[Path]  # links to folders that were reached in another way


def scan(folder: Path) -> Listing:
    """List files at any depth; links to folders are followed, but each folder is read once."""
    found = Listing([], [], [])
    seen: set[str] = set()

    def note(error: OSError) -> None:
        found.closed.append(Path(error.filename))

    for directory, subfolders, names in os.walk(folder, onerror=note, followlinks=True):
        place = os.path.realpath(directory)
        if place in seen:
            subfolders.clear()
            above = os.path.realpath(os.path.dirname(directory))
            if os.path.commonpath([place, above]) != place:  # else it would never end
                found.again.append(Path(directory))
            continue
        seen.add(place)
        subfolders[:] = sorted(name for name in subfolders if not name.startswith("."))
        found.files.extend(Path(directory) / name for name in names if not name.startswith("."))
    found.files.sort()
    return found


def list_files(folder: Path) -> list[Path]:
    """List files at any depth, sorted, hidden ones left out."""
    return scan(folder).files


def left_out(found: Listing, folder: Path) -> list[str]:
    """Say which folders' files are not among those that were listed."""

    def named(folders: list[Path]) -> str:
        return name_first([readable_name(each.relative_to(folder)) for each in folders])

    notes = []
    if found.closed:
        what = count(len(found.closed), "folder")
        notes.append(f"Left out {what} that cannot be read: {named(found.closed)}.")
    if found.again:
        what = count(len(found.again), "link")
        notes.append(f"Left out {what} to folders that were read already: {named(found.again)}.")
    return notes


def readable_name(path: Path) -> str:
    """Return a file's name as text, with slashes; see `bench.base.plain_text.readable`."""
    return readable(path.as_posix())


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
    folder = expand(argument)
    if not folder.is_dir():
        raise UsageError(f"no such folder: {folder}")
    listing = scan(folder)
    every, notes = listing.files, left_out(listing, folder)
    names = {path: readable_name(path.relative_to(folder)) for path in every}
    paths = [path for path in every if looks_like_image(path)]
    if not paths:
        closed = f"; {count(len(listing.closed), 'folder')} cannot be read" * bool(listing.closed)
        raise UsageError(
            "; ".join(
                [f"no image in {folder}: {len(every)} files found{closed}", *formats.advice(every)]
            )
        )
    known = set(paths)
    others = [path for path in every if path not in known]
    if others:
        named = name_first([names[path] for path in others])
        what = f"Skipped {count(len(others), 'file')} that Pillow does not know as images: {named}"
        notes.append("; ".join([what, *formats.advice(others)]) + ".")
    return Source(
        len(paths),
        files=tuple(names[path] for path in paths),
        tree=True,
        notes=tuple(notes),
        open=opener(paths.__getitem__),
        measure=measurer(paths.__getitem__),
        stamps=tuple(stamp(path) for path in paths),
        advice=lambda unread: formats.advice(paths[index] for index in unread),
    )


def stamp(path: Path) -> str:
    """Return a text that changes when a file does: its path, size and times."""
    name = os.path.abspath(path).encode(errors="surrogateescape").hex()
    try:
        found = path.stat()
    except OSError:  # a link to nowhere; it will count as unreadable
        return f"{name} missing"
    return f"{name} {found.st_size} {found.st_mtime_ns} {found.st_ctime_ns}"
