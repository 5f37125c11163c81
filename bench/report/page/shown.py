"""Which images of a data set a page shows, and where they are in the arrays of a seed."""

from __future__ import annotations

import hashlib
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import quote

import numpy as np
from numpy.typing import NDArray

from bench.base.files import expand
from bench.base.processors import available_threads, pool_of
from bench.datasets.dataset import Dataset, parse

MOST = 70_000  # images of a page
AT_ONCE = 4096  # images that are compared at a time

Array = NDArray[Any]


@dataclass(frozen=True)
class Shown:
    """Images of a data set, all or evenly spaced ones.

    Where each seed is on its own half, a page shows the images of all.
    """

    dataset: Dataset
    positions: NDArray[np.int64]  # in the data set, (count,)

    @classmethod
    def of(cls, dataset: Dataset) -> Shown:
        """Choose as many images of a data set as a page shows."""
        count = min(MOST, len(dataset))
        return cls(dataset, np.linspace(0, len(dataset) - 1, count).astype(np.int64))

    def __len__(self) -> int:
        """Return the number of images."""
        return len(self.positions)

    @property
    def all(self) -> bool:
        """Whether these are all images of the data set."""
        return len(self) == len(self.dataset)

    def rows(self, seed_index: int) -> NDArray[np.int64]:
        """Return where each image is in the arrays of a seed, (count,); -1: in none."""
        half = self.dataset.of_seed(seed_index).positions
        if half is None:
            return self.positions
        row = np.full(len(self.dataset), -1)
        row[half] = np.arange(len(half))
        return row[self.positions]

    @property
    def names(self) -> list[str]:
        """The images' names: their files, or their positions in the source."""
        names = self.dataset.image_names
        return [names[i] for i in self.positions]

    @property
    def labels(self) -> Array | None:
        """The images' labels, -1 for one that is not known; None where there are none."""
        labels = self.dataset.labels
        return None if labels is None else labels[self.positions]

    def duplicates(self) -> list[list[int]]:
        """Return groups of images whose pixels are the same at the grid's size."""

        def digests(start: int) -> list[bytes]:
            images = self.dataset.images[self.positions[start : start + AT_ONCE]]
            return [hashlib.sha256(each.data).digest() for each in images]

        groups: dict[bytes, list[int]] = {}
        with pool_of(available_threads()) as pool:
            found = pool.map(digests, range(0, len(self), AT_ONCE))
            for number, digest in enumerate(each for some in found for each in some):
                groups.setdefault(digest, []).append(number)
        return [group for group in groups.values() if len(group) > 1]


def address(dataset: Dataset, out: Path) -> str | None:
    """Return where the files of a data set are, as seen from a page in the results folder.

    It ends with a slash, so that a file's name can follow. None where images are no files on disk.
    """
    kind, argument = parse(dataset.name)
    if kind != "folder" or argument is None:
        return None
    folder, start = os.path.abspath(expand(argument)), os.path.abspath(out)
    if os.path.splitdrive(folder)[0] != os.path.splitdrive(start)[0]:  # disks of Windows
        return Path(folder).as_uri() + "/"
    return quote(Path(os.path.relpath(folder, start)).as_posix(), errors="surrogateescape") + "/"
