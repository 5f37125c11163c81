"""The user's own codes, read from a file: what another program made of the images."""

from __future__ import annotations

import importlib.util
import itertools
import math
import posixpath
import zipfile
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any, ClassVar, NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from bench.base.arrays import Rows
from bench.base.checks import need
from bench.base.errors import one_line
from bench.base.files import expand, is_file
from bench.base.tables import unshield
from models import autoencoders
from models.autoencoder import Autoencoder, ImageShape

Array = NDArray[Any]
Positions = NDArray[np.int64]

# What a column, or an array, of file names is called; compared in lower case.
NAME_COLUMNS = ("file", "files", "filename", "filenames", "path", "name", "names", "image")
# Numbers under these names are no part of a code, and a label among them would give the answer
# away.
NO_CODE = {
    *("", "label", "labels", "class", "target", "cluster", "split", "fold", "id", "index"),
    *("unnamed: 0", "__index_level_0__"),
}
CODES = "embeddings"  # what the array is called, in a .npz of several
HEAD = 1000  # rows of a .csv by which a column is known to hold numbers
PIECE = 4096  # rows that are converted at a time
NAMED = 5  # images and rows named one by one in a message; the rest are counted


class Names(Protocol):
    """What rows are matched to; see `bench.datasets.pieces.ImageNames`."""

    @property
    def files(self) -> tuple[str, ...] | None:
        """Names of the training images, (n,); None where they are no files."""

    @property
    def indices(self) -> tuple[int, ...]:
        """Positions of the training images in the source, (n,)."""

    @property
    def source_count(self) -> int:
        """Training images of the source."""

    @property
    def validation_count(self) -> int:
        """Validation images of the source."""


class Table(Protocol):
    """A file of codes; its constructor reads no more than tells the size of a code."""

    size: int  # numbers of a code

    def names(self) -> list[str] | None:
        """Return the names of the rows; None where they have none."""

    def count(self) -> int:
        """Return the number of rows."""

    def pieces(self) -> Iterator[Array]:
        """Return the rows, some at a time, (k, size) of any type of numbers."""


@autoencoders.register(
    "embeddings", "your own codes of the images, from a file: embeddings(file=codes.npy)"
)
class Embeddings(Autoencoder):
    """Codes that another program made of the same images; there is no network.

    A ``.npy`` holds an array whose rows are in the order of the images; what has more dimensions
    than two is flattened. A ``.npz`` holds one array, or one that is called ``embeddings``; with a
    second one of text, ``files``, its rows are matched by name. A ``.csv`` and a ``.parquet`` have
    a column of file names and columns of numbers.

    Parameters
    ----------
    file : str
        A ``.npy``, ``.npz``, ``.csv`` or ``.parquet``.

    Attributes
    ----------
    code_size : int
        Numbers of a code.
    """

    trains: ClassVar[bool] = False
    decodes: ClassVar[bool] = False
    deterministic: ClassVar[bool] = True
    frozen: ClassVar[bool] = True
    from_names: ClassVar[bool] = True
    libraries: ClassVar[tuple[str, ...]] = ("numpy", "pandas")

    def __init__(self, image_shape: ImageShape, *, file: str) -> None:
        super().__init__()
        self.path = _path(file)
        with _about(self.path):
            self.table = TABLES[self.path.suffix.lower()](self.path)
            need(self.table.size > 0, "its rows hold no numbers")
        self.code_size = self.table.size

    @classmethod
    def attributes(cls, **settings: Any) -> dict[str, Any]:
        return {"files": (_path(settings["file"]),)}

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Raise `ValueError`: there are codes for the images of the file only."""
        raise ValueError(f"{self.path} has codes for its own images only")

    def rows(self, names: Names) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """Return the codes of images.

        Parameters
        ----------
        names : Names
            What the images are recognized by: by position in the source, where rows have no
            names.

        Returns
        -------
        train : ndarray, shape (n, code size), float32
        validation : ndarray, shape (m, code size), float32
            Of the validation images, where rows are in order and go on behind the training
            images; else m = 0.

        Raises
        ------
        ValueError
            In one line: the number of rows is not that of the images, an image has no row, a
            name is there twice, or a number of an image's row is not finite.
        """
        with _about(self.path):
            listed = self.table.names()
            need(self.table.count() > 0, "it holds no rows")
            if listed is None:
                train, validation = in_order(self.table.count(), names)
            else:
                train, validation = match(listed, names.files), np.empty(0, np.int64)
            both = _gather(self.table.pieces(), np.concatenate([train, validation]), self.code_size)
            return both[: len(train)], both[len(train) :]


# Which row is whose


def in_order(count: int, names: Names) -> tuple[Positions, Positions]:
    """Return the rows of training images (n,) and of validation images, of so many in order.

    Raise `ValueError` where they are not as many as the images.
    """
    images, held_out = names.source_count, names.validation_count
    if count not in (images, images + held_out):
        more = f", or {images + held_out} with its {held_out} validation images" if held_out else ""
        raise ValueError(
            f"it holds {count} rows, and the data set {images} training images{more}: needed one "
            "row for each, in their order"
        )
    return np.array(names.indices, np.int64), np.arange(images, count)


def match(listed: Sequence[str], files: Sequence[str] | None) -> Positions:
    """Return the row of each image, (n,), by the names of rows and of images.

    Names are the same as they are; or else by their last part, where those are all different;
    or else without the first folders, where those are the same for all rows or for all images.
    One way must find all images. Rows of no image are ignored.

    Raises
    ------
    ValueError
        If images have no names, a row is named twice, or an image has no row.
    """
    if files is None:
        raise ValueError(
            "its rows are named, and the images of this data set have no names: give the rows in "
            "the order of the images, without names, as a .npy"
        )
    rows, images = [_clean(name) for name in listed], [_clean(name) for name in files]
    twice = [name for name, times in Counter(rows).items() if times > 1]
    need(not twice, f"{len(twice)} names are there twice: {_some(twice)}")
    fewest: list[int] | None = None
    for keys, wanted in _ways(rows, images):
        place = {key: position for position, key in enumerate(keys)}
        found = np.array([place.get(key, -1) for key in wanted], np.int64)
        missing = np.flatnonzero(found < 0).tolist()
        if not missing:
            return found
        if fewest is None or len(missing) < len(fewest):
            fewest = missing
    lacking = [files[position] for position in fewest or []]
    raise ValueError(
        f"{len(lacking)} of {len(files)} images have no row: {_some(lacking)} (its first row is "
        f"of {listed[0]})"
    )


def _ways(rows: list[str], images: list[str]) -> Iterator[tuple[list[str], list[str]]]:
    """Return what rows and images are compared by, one way after the other."""
    yield rows, images
    last = [posixpath.basename(name) for name in rows]
    its = [posixpath.basename(name) for name in images]
    if len(set(last)) == len(last) and len(set(its)) == len(its):
        yield last, its
    above, below = _common_folders(rows), _common_folders(images)
    for folders in range(1, above + 1):
        yield _without(rows, folders), images
    for folders in range(1, below + 1):
        yield rows, _without(images, folders)
    if above and below:
        yield _without(rows, above), _without(images, below)


def _clean(name: str) -> str:
    """Return a name as on Linux, without ``./`` and the like."""
    return posixpath.normpath(name.strip().replace("\\", "/"))


def _common_folders(names: list[str]) -> int:
    """Return how many first folders all names share."""
    # The first and the last in order share what all do.
    ends = zip(min(names).split("/")[:-1], max(names).split("/")[:-1], strict=False)
    return sum(1 for _ in itertools.takewhile(lambda both: both[0] == both[1], ends))


def _without(names: list[str], folders: int) -> list[str]:
    return [name.split("/", folders)[-1] for name in names]


def _some(names: Sequence[str]) -> str:
    more = len(names) - NAMED
    return ", ".join(names[:NAMED]) + (f" and {more} more" if more > 0 else "")


def _gather(pieces: Iterable[Array], positions: Positions, size: int) -> NDArray[np.float32]:
    """Return the rows at positions, (n, size), of rows that come in pieces.

    So that of a large file no more than the result, and a piece, is in memory.
    """
    found = np.empty((len(positions), size), np.float32)
    order = np.argsort(positions, kind="stable")
    ascending, start = positions[order], 0
    for piece in pieces:
        low, high = np.searchsorted(ascending, [start, start + len(piece)])
        if low < high:
            with np.errstate(over="ignore"):  # what is too large is found to be infinite
                chosen = piece[ascending[low:high] - start].astype(np.float32, copy=False)
            bad = np.flatnonzero(~np.isfinite(chosen).all(1))
            if len(bad):
                raise ValueError(
                    f"row {ascending[low + bad[0]] + 1} holds a value that is missing, not finite, "
                    "or too large for 32 bits"
                )
            found[order[low:high]] = chosen
        start += len(piece)
    return found


# Kinds of files


class Header(NamedTuple):
    """What a file says of an array before its numbers."""

    shape: tuple[int, ...]
    dtype: np.dtype[Any]


def _header(file: IO[bytes]) -> Header:
    """Read the head of a ``.npy``."""
    version = np.lib.format.read_magic(file)
    # Version 3 is for names of fields, of which numbers have none.
    read = {
        (1, 0): np.lib.format.read_array_header_1_0,
        (2, 0): np.lib.format.read_array_header_2_0,
    }
    need(version in read, "it is an array of fields, needed numbers")
    shape, _, dtype = read[version](file)
    return Header(shape, dtype)


def _size_of(header: Header) -> int:
    """Return how many numbers a row of an array has; refuse what is no array of numbers."""
    shape, dtype = header
    need(
        not dtype.hasobject,
        "it holds Python objects, which are not read: save numbers, array.astype('float32')",
    )
    need(dtype.kind in "biuf", f"it holds values of type {dtype}, needed numbers")
    need(len(shape) > 1, f"it has the shape {shape}, needed a row for each image: (images, size)")
    return math.prod(shape[1:])


def _pieces(rows: Rows) -> Iterator[Array]:
    """Return the rows of an array in a file, flat, some at a time."""
    for start in range(0, len(rows), PIECE):
        piece = rows.read(np.arange(start, min(start + PIECE, len(rows))))
        yield piece.reshape(len(piece), -1)


def _slices(array: Array) -> Iterator[Array]:
    """Return the rows of an array, flat, some at a time."""
    for start in range(0, len(array), PIECE):
        piece = array[start : start + PIECE]
        yield piece.reshape(len(piece), -1)


class Npy:
    """One array, its rows in the order of the images."""

    def __init__(self, path: Path) -> None:
        self.path = path
        with open(path, "rb") as file:
            header = _header(file)
        self.size, self.rows = _size_of(header), header.shape[0]

    def names(self) -> None:
        """Return None."""

    def count(self) -> int:
        """Return the number of rows."""
        return self.rows

    def pieces(self) -> Iterator[Array]:
        """Return the rows; what is not looked at is not read."""
        return _pieces(Rows(self.path))


class Npz:
    """An array of numbers and, in any order, another one of names."""

    def __init__(self, path: Path) -> None:
        self.path = path
        headers: dict[str, Header] = {}
        with zipfile.ZipFile(path) as archive:
            for member in archive.namelist():
                with archive.open(member) as file:
                    headers[member.removesuffix(".npy")] = _header(file)
        texts = [name for name, header in headers.items() if header.dtype.kind in "US"]
        called = [name for name in texts if name.lower() in NAME_COLUMNS]
        self.of_names = next(iter(called or texts), None)
        objects = [
            name
            for name, header in headers.items()
            if header.dtype.hasobject and name.lower() in NAME_COLUMNS
        ]
        need(
            not objects,
            f"{_some(objects)} holds Python objects, which are not read: save text, "
            "np.array(names, dtype=str)",
        )
        numbers = [name for name in headers if name not in texts]
        self.of_codes = CODES if CODES in headers else next(iter(numbers), "")
        need(
            len(numbers) == 1 or (self.of_codes == CODES and CODES in numbers),
            f"it holds {len(numbers)} arrays of numbers ({_some(numbers)}), needed one, or one "
            f"called {CODES}",
        )
        header = headers[self.of_codes]
        self.size, self.rows = _size_of(header), header.shape[0]
        if self.of_names:
            shape = headers[self.of_names].shape
            need(
                shape == header.shape[:1],
                f"its array {self.of_names} has the shape {shape}, needed a name for each of "
                f"{self.rows} rows",
            )

    def names(self) -> list[str] | None:
        """Return the names, None where there are none."""
        if self.of_names is None:
            return None
        found = self._read(self.of_names).tolist()
        return [name.decode() if isinstance(name, bytes) else name for name in found]

    def count(self) -> int:
        """Return the number of rows."""
        return self.rows

    def pieces(self) -> Iterator[Array]:
        """Return the rows."""
        return _slices(self._read(self.of_codes))

    def _read(self, name: str) -> Array:
        with np.load(self.path, allow_pickle=False) as archive:
            return archive[name]


class Columns(NamedTuple):
    """What the columns of a table are."""

    of_names: str
    of_numbers: list[str]


def _columns(numbers: list[str], texts: list[str], others: list[str]) -> Columns:
    """Tell which column holds names, and which are codes, by the names of columns by their type.

    A column of names that is called so may hold numbers.
    """
    every = [*texts, *numbers, *others]
    called = [n for wanted in NAME_COLUMNS for n in every if n.strip().lower() == wanted]
    of_names = called[0] if called else next(iter(texts), "")
    if not called and len(texts) != 1:
        found = f"{len(texts)} columns of text ({_some(texts)})" if texts else "no column of text"
        raise ValueError(f"it has {found}, needed a column of file names, called file")
    codes = [name for name in numbers if name != of_names]
    need(bool(codes), f"it has no columns of numbers beside {of_names}: found {_some(every)}")
    strange = [name for name in codes if name.strip().lower() in NO_CODE]
    need(
        not strange,
        f"its columns of numbers include {_some([repr(name) for name in strange])}, which is no "
        "part of a code: leave it out",
    )
    return Columns(of_names, codes)


class Csv:
    """A table with a line of headings."""

    def __init__(self, path: Path) -> None:
        import pandas as pd
        from pandas.api import types

        self.path = path
        head = pd.read_csv(path, nrows=HEAD)
        need(len(head) > 0, "it holds no rows")
        others = [str(name) for name in head if types.is_bool_dtype(head[name])]
        numbers = [str(name) for name in head if types.is_numeric_dtype(head[name])]
        numbers = [name for name in numbers if name not in others]
        texts = [str(name) for name in head if name not in (*numbers, *others)]
        self.columns = _columns(numbers, texts, others)
        for name in texts:
            # Or else a number with a typing error would make its column a text, to be ignored.
            if name != self.columns.of_names:
                column = head[name]
                wrong = column[pd.to_numeric(column, errors="coerce").isna() & column.notna()]
                need(
                    len(wrong) == column.notna().sum(),
                    f"its column {name!r} holds numbers and text: {wrong.iloc[0]!r}",
                )
        self.size = len(self.columns.of_numbers)
        self.listed: list[str] | None = None

    def names(self) -> list[str]:
        """Return the names, which are read once."""
        import pandas as pd

        if self.listed is None:
            name = self.columns.of_names
            # As they stand there: a file may be called 001, or NA.
            found = pd.read_csv(self.path, usecols=[name], dtype=str, keep_default_na=False)
            self.listed = list(map(unshield, found[name]))
        return self.listed

    def count(self) -> int:
        """Return the number of rows."""
        return len(self.names())

    def pieces(self) -> Iterator[Array]:
        """Return the rows."""
        import pandas as pd

        wanted = self.columns.of_numbers
        kinds: Any = dict.fromkeys(wanted, np.float32)
        with np.errstate(over="ignore"):
            for piece in pd.read_csv(self.path, usecols=wanted, dtype=kinds, chunksize=PIECE):
                yield piece[wanted].to_numpy()


class Parquet:
    """A table in Apache's format."""

    def __init__(self, path: Path) -> None:
        if importlib.util.find_spec("pyarrow") is None:
            raise ValueError(
                "a .parquet needs the package pyarrow, which is not installed: pip install "
                "pyarrow (latentgrid's extra [tables])"
            )
        from pyarrow import parquet, types

        self.path = path
        numbers: list[str] = []
        texts: list[str] = []
        others: list[str] = []
        for field in parquet.read_schema(path):
            kind = field.type.value_type if types.is_dictionary(field.type) else field.type
            if types.is_integer(kind) or types.is_floating(kind):
                numbers.append(field.name)
            elif types.is_string(kind) or types.is_large_string(kind):
                texts.append(field.name)
            else:
                others.append(field.name)
        self.columns = _columns(numbers, texts, others)
        self.size = len(self.columns.of_numbers)

    def names(self) -> list[str]:
        """Return the names."""
        from pyarrow import parquet

        name = self.columns.of_names
        found = parquet.read_table(self.path, columns=[name])[name].to_pylist()
        return ["" if value is None else str(value) for value in found]

    def count(self) -> int:
        """Return the number of rows."""
        from pyarrow import parquet

        return int(parquet.read_metadata(self.path).num_rows)

    def pieces(self) -> Iterator[Array]:
        """Return the rows."""
        from pyarrow import parquet

        wanted = self.columns.of_numbers
        with parquet.ParquetFile(self.path) as file:
            for batch in file.iter_batches(PIECE, columns=wanted):
                found = np.empty((len(batch), len(wanted)), np.float32)
                for number, name in enumerate(wanted):
                    with np.errstate(over="ignore"):
                        found[:, number] = batch.column(name).to_numpy(zero_copy_only=False)
                yield found


TABLES: dict[str, type[Any]] = {".npy": Npy, ".npz": Npz, ".csv": Csv, ".parquet": Parquet}


def _path(file: str) -> Path:
    """Return the file of a text; refuse one that is not there, or of another kind."""
    path = expand(file)
    kinds = ", ".join(TABLES)
    need(path.suffix.lower() in TABLES, f"file must be one of {kinds}, found {file}")
    need(is_file(path), f"no such file: {path}")
    return path


@contextmanager
def _about(path: Path) -> Iterator[None]:
    """Have errors begin with the file, in one line."""
    try:
        yield
    except (ValueError, OSError, EOFError, LookupError, zipfile.BadZipFile) as error:
        raise ValueError(one_line(f"{path}: {error}")) from error
