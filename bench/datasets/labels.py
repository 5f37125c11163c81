"""Where the labels of images come from: their folders, their data set, a CSV file, or nowhere."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from pathlib import Path, PurePosixPath
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bench.base.errors import UsageError, count, name_first, name_some
from bench.base.files import expand, regular
from bench.base.tables import unshield
from bench.datasets.source import Source

FOLDERS, NONE = "folders", "none"

# Folders of these names are the parts that a data set was divided into, and not its classes.
PARTS = {"train", "training", "val", "valid", "validation", "test", "testing", "dev", "eval"}
# Columns of a CSV file that hold the labels, where there are several.
LABEL_COLUMNS = ("label", "labels", "class", "category", "target")
# A column of the tables that latentgrid writes, whose text may have an apostrophe before it.
OURS = "cluster"
MINUS_ONE = ("-1", "-1.0")
# The label of an image whose label is not known; as a number it is -1.
UNKNOWN = ""
FEW = 100  # labels: with fewer, a normal interval over images holds too little


def apply(source: Source, how: str = FOLDERS, depth: int | None = None) -> Source:
    """Give a source the labels that are asked for, and say in its notes how they were found.

    Images that lie outside of the folders that are labels are left out, and named. Those that a
    CSV file gives no label to stay, without one.

    Parameters
    ----------
    how : str
        ``folders``: the names of sub-folders, or the labels that the source brings; ``none``; or
        the path of a CSV file.
    depth : int or None
        Of folders: which level names the class, 1 for the folders directly in the data set's. None:
        the first at which there are several, those that divide a data set into parts left aside.

    Raises
    ------
    UsageError
        If a CSV file cannot be read or does not name the images, or no image lies so deep.
    """
    if depth is not None and (how != FOLDERS or not source.tree):
        raise UsageError(
            f"label_depth {depth} applies to the sub-folders of a folder of images only"
        )
    if how == NONE:
        return without(source)
    if how != FOLDERS:
        return _from_csv(source, expand(how))
    return _from_folders(source, depth) if source.tree else source


def without(source: Source) -> Source:
    """Return a source without its labels, and so without a validation set."""
    return replace(source, labels=None, validation=None, validation_labels=None)


def only_label(source: Source, indices: NDArray[Any]) -> str | None:
    """Return the label that all images have, those of the validation set included, if they do.

    One label tells nothing of how images are grouped: the clustering that is most unbalanced would
    be the most accurate.
    """
    given = [] if source.labels is None else [source.labels[indices]]
    given += [] if source.validation_labels is None else [source.validation_labels]
    found = {label for labels in given for label in classes(labels)}
    return found.pop() if len(found) == 1 else None


def classes(labels: NDArray[Any]) -> list[str]:
    """Return the different labels that are known, sorted, as text."""
    return [str(label) for label in np.unique(labels).tolist() if label != UNKNOWN]


def known(labels: NDArray[Any]) -> NDArray[np.bool_]:
    """Return which labels are known, (n,)."""
    if labels.dtype.kind not in "UO":
        return np.ones(labels.shape, bool)
    return np.asarray(labels != UNKNOWN)


def notes_on(source: Source, indices: NDArray[Any]) -> tuple[str, ...]:
    """Return what a reader should know of the labels of the images that were chosen."""
    if source.labels is None:
        return ()
    every, kept = classes(source.labels), classes(source.labels[indices])
    lost = [label for label in every if label not in kept]
    unknown = int(np.isin(source.labels.astype(str), MINUS_ONE).sum())
    labeled = int(known(source.labels[indices]).sum())
    return (
        *([_on_few(labeled, len(indices))] if labeled < len(indices) else []),
        *_note(lost, "--limit left out all images of {}: {}.", "label"),
        *([_on_unknown(unknown)] if unknown else []),
        *([_on_years(every)] if source.tree and all(map(_is_year, every)) else []),
    )


def _note(names: list[str], text: str, what: str) -> list[str]:
    return [text.format(count(len(names), what), name_first(names))] if names else []


def _on_few(labeled: int, images: int) -> str:
    narrow = " Intervals over so few images are too narrow." * (labeled < FEW)
    return (
        f"{labeled:,} of {images:,} images have a label: accuracy and other scores that use labels "
        f"are of these alone.{narrow}"
    )


def _on_unknown(found: int) -> str:
    return (
        f"The label -1 of {count(found, 'image')} counts as a class like any other. If it stands "
        "for an unknown label, remove these images, or give the known labels in a CSV file."
    )


def _on_years(years: list[str]) -> str:
    return (
        f"The labels are years ({name_some(years, 4)}), which say when images were made and not "
        "what they show: use --labels none, or --label-depth for the folders below."
    )


def _is_year(name: str) -> bool:
    return len(name) == 4 and name.isdecimal() and 1900 <= int(name) <= 2100


def _from_folders(source: Source, depth: int | None) -> Source:
    """Take the folder at one level for the label; leave out images that have none there."""
    folders = [PurePosixPath(name).parts[:-1] for name in source.files or ()]
    said: list[str] = []
    chosen = depth is not None
    if depth is None:
        depth, said = _find_depth(folders)
    deepest = max(map(len, folders))
    if depth > max(deepest, 1):
        raise UsageError(
            f"label_depth {depth}: no image lies that deep; the deepest folder of images is at "
            f"level {deepest}"
        )
    at_depth = [parts[depth - 1] if len(parts) >= depth else None for parts in folders]
    classes = sorted({name for name in at_depth if name is not None})
    inside = np.array([name is not None for name in at_depth])
    if classes and not chosen and all(name.casefold() in PARTS for name in classes):
        said.append(
            f"The sub-folders ({name_some(classes, 4)}) are parts of a data set, no labels."
        )
        return replace(source, notes=(*source.notes, *said))
    labeled = bool(classes) and 2 * int(inside.sum()) >= len(folders)
    if labeled and len(classes) == 1 and not inside.all():
        said.append(f"The only sub-folder, {classes[0]}, is no label: all images count.")
        return replace(source, notes=(*source.notes, *said))
    kept = inside if labeled else ~inside
    where = "beside the sub-folders" if depth == 1 else f"in no folder at level {depth}"
    said += _left_out(source, ~kept, where if labeled else "in sub-folders")
    labels = np.array([name for name in at_depth if name is not None]) if labeled else None
    return _take(source, np.flatnonzero(kept), labels, said)


def _find_depth(folders: list[tuple[str, ...]]) -> tuple[int, list[str]]:
    """Return the first level at which folders differ in more than the part of the data set."""
    depth, passed = 1, []
    while True:
        names = {parts[depth - 1] for parts in folders if len(parts) >= depth}
        deeper = sum(len(parts) > depth for parts in folders)
        parts_only = bool(names) and all(name.casefold() in PARTS for name in names)
        if not (parts_only or len(names) == 1) or 2 * deeper < len(folders):
            break
        passed.append(name_some(sorted(names), 4))
        depth += 1
    if not passed:
        return depth, []
    what = f"The labels are the folders at level {depth}, below {' and '.join(passed)}"
    return depth, [f"{what} (--label-depth N chooses another level)."]


def _left_out(source: Source, which: NDArray[np.bool_], where: str) -> list[str]:
    names = [(source.files or ())[i] for i in np.flatnonzero(which)]
    return _note(names, "Left out {} " + where + ": {}.", "image")


def _take(source: Source, kept: NDArray[Any], labels: Any, notes: Iterable[str]) -> Source:
    """Return some of a source's training images with other labels and more notes."""
    found = replace(source, labels=labels, notes=(*source.notes, *notes))
    if len(kept) == source.count:
        return found
    read, open_one = source.read, source.open
    return replace(
        found,
        count=len(kept),
        read=None if read is None else lambda indices: read(kept[indices]),
        open=None if open_one is None else _of_some(open_one, kept),
        measure=None if source.measure is None else _of_some(source.measure, kept),
        files=None if source.files is None else tuple(source.files[i] for i in kept),
        stamps=tuple(source.stamps[i] for i in kept) if source.stamps else (),
    )


def _of_some(of_one: Callable[..., Any], kept: NDArray[Any]) -> Callable[..., Any]:
    """Return a function of the positions among those kept, of one of the positions before."""

    def of_kept(index: int, *others: Any, **named: Any) -> Any:
        return of_one(int(kept[index]), *others, **named)

    # What is kept of files has a key of the module that decodes them.
    of_kept.__module__ = of_one.__module__
    return of_kept


def whole_numbers(labels: NDArray[Any], what: str) -> NDArray[np.int64]:
    """Return labels that are numbers as int64.

    Raise `UsageError` for those that are no whole numbers, or beyond int64: ``what`` says where
    they are from.
    """
    limits = np.iinfo(np.int64)
    if labels.dtype.kind == "f":
        wrong = ~np.isfinite(labels) | (labels != np.rint(labels)) | (np.abs(labels) >= 2.0**63)
    else:
        wrong = labels > limits.max if labels.dtype.kind == "u" else np.zeros(labels.shape, bool)
    if wrong.any():
        first = int(np.flatnonzero(wrong)[0])
        raise UsageError(
            f"{what} has {labels.dtype} labels, of which {count(int(wrong.sum()), 'value')} cannot "
            f"be a class (the first is {labels[first]}, of image {first}): allowed are whole "
            f"numbers from {limits.min} to {limits.max}, booleans and text"
        )
    return labels.astype(np.int64)


def _from_csv(source: Source, path: Path) -> Source:
    """Take the labels that a CSV file gives to images by name, or by position in an array."""
    names = source.files or tuple(str(i) for i in range(source.count))
    given, unknown = _read(path, _Names(names))
    labels = np.array([given.get(i, UNKNOWN) for i in range(source.count)])
    notes = [f"The labels are those of {path.name}."]
    notes += _note(unknown, f"{path.name} has {{}} of no image: {{}}.", "name")
    return replace(without(source), labels=labels, notes=(*source.notes, *notes))


class _Names:
    """Finds images by the names that people write: a path, a file name, or that without its end."""

    def __init__(self, names: Sequence[str]) -> None:
        self.names = names
        self.ways: list[dict[str, list[int]]] = [{}, {}, {}]
        for position, name in enumerate(names):
            pure = PurePosixPath(name)
            for way, text in zip(self.ways, (name, pure.name, pure.stem), strict=True):
                way.setdefault(text, []).append(position)

    def known(self, written: str) -> str:
        """Return a name as it is written, or without the apostrophe that a table of ours gave it.

        The latter where only that names an image.
        """
        return written if self.way([written]) else unshield(written)

    def way(self, written: Iterable[str]) -> dict[str, list[int]] | None:
        """Return the first way of naming that finds any image; None if none does."""
        texts = list(map(_plain, written))
        return next((way for way in self.ways if any(text in way for text in texts)), None)


def _plain(text: str) -> str:
    return text.replace("\\", "/").removeprefix("./")


def _read(path: Path, names: _Names) -> tuple[dict[int, str], list[str]]:
    """Return the label of each image that a CSV file names, by position, and its other names."""
    header, rows = _table(path)
    file, label = _columns(path, header)
    given = [(line, names.known(row[file].strip()), row[label].strip()) for line, row in rows]
    way = names.way(name for _, name, _ in given)
    if way is None:
        raise UsageError(
            f"{path} names none of the images: it names {name_first([n for _, n, _ in given])}; "
            f"the images are {name_first(names.names)}"
        )
    lines: dict[int, int] = {}
    labels: dict[int, str] = {}
    unknown = [name for _, name, _ in given if _plain(name) not in way]
    for line, name, text in given:
        found = way.get(_plain(name), [])
        if len(found) > 1:
            raise UsageError(
                f"{path}, line {line}: {name} is the name of {len(found)} images "
                f"({name_first([names.names[i] for i in found])}): write their paths"
            )
        for position in found:
            if position in lines:
                raise UsageError(
                    f"{path}, line {line}: {name} is named twice, first in line {lines[position]}"
                )
            lines[position] = line
            if text:
                labels[position] = text
    if not labels:
        raise UsageError(f"{path} has no label in its column {header[label]!r}")
    return labels, unknown


def _table(path: Path) -> tuple[list[str], list[tuple[int, list[str]]]]:
    """Return the names of the columns, and the other rows with the number of their line."""
    try:
        text = regular(path).read_bytes().decode("utf-8-sig")
    except OSError as error:
        raise UsageError(f"cannot read {path}: {error.strerror}") from None
    except UnicodeDecodeError as error:
        line = error.object[: error.start].count(b"\n") + 1
        raise UsageError(
            f"{path} is not UTF-8 text: found byte 0x{error.object[error.start]:02x} in line "
            f"{line}; save it as CSV UTF-8"
        ) from None
    first = text.split("\n", 1)[0]
    separator = max(",;\t", key=first.count)
    try:
        reader = csv.reader(io.StringIO(text, newline=""), delimiter=separator, strict=True)
        rows = [(reader.line_num, row) for row in reader if any(map(str.strip, row))]
    except csv.Error as error:
        raise UsageError(f"{path} is not a CSV file: {error}") from None
    if len(rows) < 2:
        raise UsageError(
            f"{path} has no rows: needed are a row of names, such as file,label, and a row for "
            "each image"
        )
    (_, header), *rest = rows
    header = [name.strip() for name in header]
    for line, row in rest:
        if len(row) != len(header):
            raise UsageError(
                f"{path}, line {line}: found {count(len(row), 'value')}, expected {len(header)} "
                f"({', '.join(header)})"
            )
    if OURS in header:
        rest = [(line, list(map(unshield, row))) for line, row in rest]
    return header, rest


def _columns(path: Path, header: list[str]) -> tuple[int, int]:
    """Return which columns hold names and labels: the first, and the other or the one so called."""
    others = list(range(1, len(header)))
    if len(others) == 1:
        return 0, 1
    called = [i for i in others if header[i].casefold() in LABEL_COLUMNS]
    if len(called) != 1:
        what = "one column" if not others else "more than one column that may hold the labels"
        raise UsageError(
            f"{path} has {what} ({', '.join(header)}): expected the names of the files in the "
            "first column, and the labels in a second one, or in one called label"
        )
    return 0, called[0]
