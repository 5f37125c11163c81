"""Brings images of users to one form, piece after piece, and recognizes those seen before."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import Future
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bench.base.errors import UsageError
from bench.base.processors import pool_of
from bench.datasets import deciding
from bench.datasets.folder import decode_to, measure, readable_name
from bench.datasets.image_form import Form, Images, gray_to_rgb, why_no_gray_images
from bench.datasets.reading import ORDINARY, Reading, Wanted

DIGEST = 16  # bytes of SHA-256
BATCH = 256  # images that are worked on at a time

# Arrays, or files.
Given = NDArray[np.uint8] | Sequence[str | Path]


def digests(images: Images) -> NDArray[np.uint8]:
    """Return what images are recognized by: (n, 16) first bytes of the SHA-256 of their pixels."""
    found = b"".join(hashlib.sha256(image.tobytes()).digest()[:DIGEST] for image in images)
    return np.frombuffer(found, np.uint8).reshape(len(images), DIGEST)


def name_digests(names: Iterable[str]) -> NDArray[np.uint8]:
    """Return what images are found by that are named: (n, 16) first bytes of their SHA-256.

    A bundle tells by them which of its images a name is, and does not reveal any.
    """
    hashed = (hashlib.sha256(name.encode(errors="surrogatepass")) for name in names)
    found = b"".join(each.digest()[:DIGEST] for each in hashed)
    return np.frombuffer(found, np.uint8).reshape(-1, DIGEST)


def count(images: Given) -> int:
    """Return how many images there are.

    `UsageError` refuses arrays that are not uint8, (n, H, W) gray or (n, H, W, 3) RGB, and what is
    neither an array nor a list of files.
    """
    if not isinstance(images, np.ndarray):
        wrong: Any
        if isinstance(images, (str, bytes, Path)):
            wrong = repr(images)
        elif not isinstance(images, Sequence):
            wrong = type(images).__name__  # such as a generator, which has no length
        else:
            names = (type(each).__name__ for each in images if not isinstance(each, (str, Path)))
            wrong = next(names, None)
        if wrong:
            raise UsageError(f"images must be an array or a list of files, found {wrong}")
        return len(images)
    if images.dtype != np.uint8:
        raise UsageError(f"images must be uint8, 0 to 255, found {images.dtype}")
    shape = images.shape
    if not (images.ndim == 3 or (images.ndim == 4 and shape[3] in (1, 3))) or 0 in shape[1:]:
        raise UsageError(f"images must have shape (n, H, W) or (n, H, W, 3), found {shape}")
    if images.ndim == 3 and (why := why_no_gray_images(shape)):
        raise UsageError(f"{why}{': give images[None]' * (shape[-1] == 3)}")
    return len(images)


def reading_of(
    files: Sequence[Path], decided: Reading, threads: int = 1
) -> tuple[Reading, list[str]]:
    """Return how files are read, and notes: as was decided, and else by all of them together.

    Raise `UsageError` where the brightness of files cannot be known.
    """
    with pool_of(threads) as pool:
        seen = list(pool.map(measure, files))
    names = [readable_name(file) for file in files]
    try:
        return deciding.decide(seen, names, Wanted(), "one of the files", decided)
    except UsageError as error:
        raise UsageError(f"{error}, in the grid of which the bundle is made") from None


def pieces(images: Given, form: Form, decided: Reading = ORDINARY) -> Iterator[Images]:
    """Bring images to a form, 256 at a time; refuse a file that cannot be read."""
    total, reading = count(images), decided
    if not isinstance(images, np.ndarray):
        reading, _ = reading_of([Path(file) for file in images], decided)
    for start in range(0, total, BATCH):
        piece: Any = images[start : start + BATCH]
        if not isinstance(images, np.ndarray):
            yield np.stack([_decoded(Path(file), form, reading) for file in piece])
        else:
            if piece.ndim == 3 or piece.shape[3] == 1:
                piece = gray_to_rgb(piece.reshape(piece.shape[:3]))
            yield form.bring_all(np.ascontiguousarray(piece))


def _decoded(file: Path, form: Form, reading: Reading) -> Images:
    image = decode_to(file, form, reading)
    if image is None:
        raise UsageError(f"cannot read {file} as an image")
    return image


def read_batches(
    files: list[Path], form: Form, threads: int, reading: Reading = ORDINARY
) -> Iterator[list[tuple[Path, Images | None]]]:
    """Read files and bring them to a form; None for an unreadable one.

    At most two batches of them are in memory at a time.
    """
    with pool_of(threads) as pool:

        def begin(start: int) -> list[Future[Images | None]]:
            some = files[start : start + BATCH]
            return [pool.submit(decode_to, file, form, reading) for file in some]

        waiting = begin(0)
        for start in range(0, len(files), BATCH):
            decoded = [future.result() for future in waiting]
            waiting = begin(start + BATCH)
            yield list(zip(files[start : start + BATCH], decoded, strict=True))
