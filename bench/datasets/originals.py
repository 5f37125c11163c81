"""Training images as their source has them, larger than a grid needs them perhaps."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import Executor
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from bench.base import keys
from bench.datasets import formats, image_form
from bench.datasets.image_form import MARGIN, Fit, Form, Images, alone
from bench.datasets.reading import Reading
from bench.datasets.source import Source

CHUNK = 64  # arrays read at a time, which may be large


@dataclass(frozen=True)
class Originals:
    """The training images of a data set before they are brought to its size.

    Attributes
    ----------
    source : Source
    indices : ndarray, shape (n,), int64
        Which of the source's images.
    reading : Reading
        How files are read.
    fit : str
        How images that are not square are made square, see `Form`.
    """

    source: Source
    indices: NDArray[np.int64]
    reading: Reading
    fit: Fit

    def __getitem__(self, positions: NDArray[np.int64]) -> Originals:
        """Return the originals at some positions."""
        return replace(self, indices=self.indices[positions])

    @property
    def side(self) -> int | None:
        """The longer side of images that are arrays, in pixels; None for files."""
        if self.source.read is None:
            return None
        return max(self.source.read(self.indices[:1])[0].shape[:2])

    def key(self, fingerprint: str, side: int) -> str:
        """Return the key of these images at a size.

        Files are known by their names, sizes and times; ``fingerprint`` stands for arrays.
        """
        files = self.source.open is not None
        return keys.key(
            {
                "images": [self.source.stamps[i] for i in self.indices] if files else fingerprint,
                "side": side,
                "fit": self.fit,
                "reading": self.reading.key,
                "code": keys.source(image_form),
            }
            | formats.versions()
        )

    def at(self, side: int, some: slice, pool: Executor) -> Images:
        """Return some images, square, with a side in pixels: (k, side, side, 3) uint8.

        A file that cannot be read any more is gray.
        """
        form, indices = Form(side, self.fit), self.indices[some]
        found = (
            self._files(form, indices, pool) if self.source.open else self._arrays(form, indices)
        )
        return np.stack(list(found))

    def _arrays(self, form: Form, indices: NDArray[np.int64]) -> Iterator[Images]:
        assert self.source.read is not None
        for start in range(0, len(indices), CHUNK):
            yield from form.bring_all(self.source.read(indices[start : start + CHUNK]))

    def _files(self, form: Form, indices: NDArray[np.int64], pool: Executor) -> Iterator[Images]:
        def one(index: int) -> Images:
            assert self.source.open is not None
            image = self.source.open(index, form.size, self.reading)
            if image is None:
                return np.full(form.shape, MARGIN, np.uint8)
            with alone(image.shape[0] * image.shape[1]):
                return form.bring(image)

        return pool.map(one, indices.tolist())
