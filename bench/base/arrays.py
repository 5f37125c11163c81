"""Arrays in files, read and written so that a file that is cut, or a full disk, is an `Exception`.

A file that is mapped into memory and cut by somebody meanwhile would kill the process (SIGBUS).
"""

from __future__ import annotations

import itertools
import math
import os
import re
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bench.base.errors import UsageError
from bench.base.files import regular

WINDOW = 32 * 2**20  # bytes in memory at a time, of an array whose columns lie together


class Rows:
    """An array in a ``.npy`` file, of which rows are read when they are asked for.

    Attributes
    ----------
    shape : tuple of int
    dtype : dtype

    Raises
    ------
    OSError, ValueError, EOFError
        What `numpy.load` raises for a file that is no whole array of plain values.
    """

    def __init__(self, path: Path) -> None:
        # Only the head of the file is looked at.
        found = np.load(regular(path), mmap_mode="r", allow_pickle=False)
        if not isinstance(found, np.memmap):
            raise ValueError("it is an archive (.npz) and not one .npy array")
        self.path = path
        self.shape, self.dtype = found.shape, found.dtype
        self._start = int(found.offset)
        self._by_column = not found.flags.c_contiguous
        self._file = open(path, "rb")  # noqa: SIM115 - as long as there may be more to read

    def __len__(self) -> int:
        """Return the number of rows."""
        return self.shape[0]

    def read(self, positions: NDArray[np.intp]) -> NDArray[Any]:
        """Return rows, (k, ...), by their positions, (k,); raise `UsageError` if they are gone."""
        found = np.empty((len(positions), *self.shape[1:]), self.dtype)
        if not found.nbytes:
            return found
        if self._by_column:
            self._look_through(positions, found)
            return found
        ends = np.flatnonzero(np.diff(positions) != 1) + 1
        for start, stop in itertools.pairwise([0, *ends.tolist(), len(positions)]):
            self._fill(found[start:stop], int(positions[start]) * found[0].size)
        return found

    def _look_through(self, positions: NDArray[np.intp], found: NDArray[Any]) -> None:
        """Fill in rows of an array in Fortran's order, whose columns lie together."""
        columns = math.prod(self.shape[1:])
        many = max(1, WINDOW // (columns * self.dtype.itemsize))
        for start in range(int(positions.min()), int(positions.max()) + 1, many):
            inside = (positions >= start) & (positions < start + many)
            if inside.any():
                block = np.empty((columns, min(many, len(self) - start)), self.dtype)
                for column, values in enumerate(block):
                    self._fill(values, column * len(self) + start)
                rows = block.reshape(*self.shape[:0:-1], -1).T
                found[inside] = rows[positions[inside] - start]

    def _fill(self, values: NDArray[Any], first: int) -> None:
        """Read values that lie together, from the first."""
        self._file.seek(self._start + first * self.dtype.itemsize)
        read = self._file.readinto(values.reshape(-1).view(np.uint8).data)
        if read != values.nbytes:
            raise UsageError(f"{self.path} was cut off while it was read: write it again")


def save_arrays(arrays: dict[str, NDArray[Any]], path: Path) -> None:
    """Write arrays in the format safetensors; raise `OSError` if they cannot be written."""
    from safetensors import SafetensorError
    from safetensors.numpy import save_file

    try:
        save_file({name: np.asarray(each, order="C") for name, each in arrays.items()}, path)
    except SafetensorError as error:
        # It tells an error of the disk in words.
        number = re.search(r"os error (\d+)", str(error))
        if number is None:
            raise
        code = int(number[1])
        raise OSError(code, os.strerror(code), str(path)) from error
