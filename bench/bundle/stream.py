"""Reads image files batch after batch, the next ones while the last are at work."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from bench.datasets.folder import decode
from bench.datasets.source import SIDE, Images

BATCH = 256

Decoded = NDArray[np.uint8] | None


@dataclass(frozen=True)
class Batch:
    """Some files, in their order.

    Attributes
    ----------
    start : int
        Position of the first in the list of all.
    files : list of Path
    readable : ndarray, shape (b,), bool
        Which of them could be read.
    images : ndarray, shape (k, 32, 32, 3), uint8
        The k images of those.
    """

    start: int
    files: list[Path]
    readable: NDArray[np.bool_]
    images: Images


def read(files: list[Path], threads: int) -> Iterator[Batch]:
    """Read files, at most two batches of images in memory at a time."""
    starts = range(0, len(files), BATCH)
    with ThreadPoolExecutor(threads) as pool:

        def begin(start: int) -> list[Future[Decoded]]:
            return [pool.submit(decode, file) for file in files[start : start + BATCH]]

        waiting = begin(0)
        for start in starts:
            decoded = [future.result() for future in waiting]
            waiting = begin(start + BATCH)
            yield _batch(start, files[start : start + BATCH], decoded)


def _batch(start: int, files: list[Path], decoded: list[Decoded]) -> Batch:
    found = [image for image in decoded if image is not None]
    images = np.stack(found) if found else np.empty((0, SIDE, SIDE, 3), np.uint8)
    return Batch(start, files, np.array([image is not None for image in decoded]), images)
