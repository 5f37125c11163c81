"""Images of one size in pieces, each read when it is needed."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from bench.datasets.image_form import Images

PIECE_BYTES = 32 * 2**20
ROWS = 4096  # hashed at a time
MULTIPLE = 256  # images of a piece: it ends where a batch of encoding does


def piece_length(size: int) -> int:
    """Return how many images of a size make a piece: some 32 MiB."""
    return max(1, PIECE_BYTES // (size * size * 3) // MULTIPLE) * MULTIPLE


class Keeper(Protocol):
    """Where decoded images are kept under a key, with numbers beside them."""

    def prepare(self, megabytes: float) -> None:
        """Make room; raise `bench.base.errors.UsageError` if there is none."""

    def values(self, key: str) -> dict[str, Any] | None:
        """Return the numbers; None where nothing is kept under the key."""

    def images(self, key: str) -> Images:
        """Return the images that are kept under a key."""

    def keep(self, key: str, images: Images, values: dict[str, Any]) -> None:
        """Keep images, (n, size, size, 3) uint8, and numbers."""


class InMemory:
    """A keeper that forgets."""

    def __init__(self) -> None:
        self.kept: dict[str, tuple[Images, dict[str, Any]]] = {}

    def prepare(self, megabytes: float) -> None:
        """Do nothing."""

    def values(self, key: str) -> dict[str, Any] | None:
        """Return the numbers; None where nothing is kept under the key."""
        return self.kept[key][1] if key in self.kept else None

    def images(self, key: str) -> Images:
        """Return the images that are kept under a key."""
        return self.kept[key][0]

    def keep(self, key: str, images: Images, values: dict[str, Any]) -> None:
        """Keep images and numbers."""
        self.kept[key] = (images, values)


@dataclass(frozen=True)
class ImageNames:
    """What training images are recognized by in files beside them."""

    files: tuple[str, ...] | None = None  # their names, (n,), where they are files
    indices: tuple[int, ...] = ()  # their positions in the source, (n,)
    source_count: int = 0  # training images of the source
    validation_count: int = 0  # validation images of the source


@dataclass(frozen=True)
class Piece:
    """Some images of one size."""

    key: str
    count: int
    digest: str  # SHA-256 of the images
    read: Callable[[], Images]  # (count, size, size, 3) uint8


class ImageSet:
    """Images of one size, (n, size, size, 3) uint8, of which one piece at a time is in memory.

    It can be sliced, indexed with positions and made an array of, as an array can.
    """

    def __init__(self, size: int, pieces: tuple[Piece, ...]) -> None:
        self.size = size
        self.pieces = pieces
        self._last: tuple[str, Images] | None = None

    def __len__(self) -> int:
        """Return the number of images."""
        return sum(piece.count for piece in self.pieces)

    @property
    def shape(self) -> tuple[int, int, int, int]:
        """The shape of the array of all."""
        return (len(self), self.size, self.size, 3)

    @property
    def nbytes(self) -> int:
        """The bytes of all."""
        return len(self) * self.size**2 * 3

    @property
    def fingerprint(self) -> str:
        """SHA-256 of the digests of the pieces."""
        return hashlib.sha256(" ".join(piece.digest for piece in self.pieces).encode()).hexdigest()

    def arrays(self) -> Iterator[tuple[int, Images]]:
        """Return each piece with the position of its first image."""
        start = 0
        for piece in self.pieces:
            yield start, self._read(piece)
            start += piece.count

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> NDArray[Any]:
        """Return all images in memory."""
        found = np.empty(self.shape, np.uint8)
        for start, piece in self.arrays():
            found[start : start + len(piece)] = piece
        return found if dtype is None else found.astype(dtype)

    def __getitem__(self, which: slice | NDArray[np.integer]) -> Images:
        """Return some images, in the order of the positions."""
        positions = np.arange(len(self))[which]
        found = np.empty((len(positions), *self.shape[1:]), np.uint8)
        start = 0
        for piece in self.pieces:
            wanted = (positions >= start) & (positions < start + piece.count)
            if wanted.any():
                found[wanted] = self._read(piece)[positions[wanted] - start]
            start += piece.count
        return found

    def _read(self, piece: Piece) -> Images:
        if self._last is None or self._last[0] != piece.key:
            self._last = None  # let go before the next is read
            self._last = (piece.key, piece.read())
        return self._last[1]


class Subset(ImageSet):
    """Images of a set at some positions, (k,), in their order; nothing is copied."""

    def __init__(self, whole: ImageSet, positions: NDArray[np.int64]) -> None:
        super().__init__(whole.size, whole.pieces)
        self.whole = whole
        self.positions = positions

    def __len__(self) -> int:
        """Return the number of images."""
        return len(self.positions)

    @property
    def fingerprint(self) -> str:
        """SHA-256 of the fingerprint of the whole set and the positions."""
        return fingerprint_of_some(self.whole.fingerprint, self.positions)

    def arrays(self) -> Iterator[tuple[int, Images]]:
        """Return as many images at a time as a piece has, with the position of the first."""
        length = piece_length(self.size)
        for start in range(0, len(self), length):
            yield start, self[start : start + length]

    def __getitem__(self, which: slice | NDArray[np.integer]) -> Images:
        """Return some images, in the order of the positions."""
        return self.whole[self.positions[which]]


def fingerprint_of_some(whole: str, positions: NDArray[np.int64]) -> str:
    """Return SHA-256 of the fingerprint of all images and the positions of some."""
    return hashlib.sha256(f"{whole} {fingerprint(positions)}".encode()).hexdigest()


def fingerprint(*arrays: NDArray[Any]) -> str:
    """Return SHA-256 of the type, shape and bytes of arrays."""
    digest = hashlib.sha256()
    for array in arrays:
        digest.update(f"{array.dtype.str}{array.shape}".encode())
        for start in range(0, len(array), ROWS):
            digest.update(np.ascontiguousarray(array[start : start + ROWS]).data)
    return digest.hexdigest()
