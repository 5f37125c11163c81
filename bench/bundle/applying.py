"""Puts a run's images where a user corrected them to be: into folders by cluster, and a table."""

from __future__ import annotations

import os
from collections import Counter, defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from bench.base.errors import UsageError, count, name_first, one_line, refused
from bench.base.files import expand, write_whole
from bench.base.progress import Progress, silent
from bench.base.tables import row_writer
from bench.bundle.clusters_file import ClustersFile
from bench.bundle.folder_names import folder_names
from bench.bundle.sorting import check_apart, check_free, draft_of, open_sorter
from bench.datasets.folder import list_files, looks_like_image, readable_name

COLUMNS = ("image", "cluster", "tags")
BETWEEN_TAGS = "; "
FOLDER = "folder:"  # begins data sets whose images are files below a path


@dataclass(frozen=True)
class Found:
    """The files of a run's images: those that are there, by name, and which are not."""

    folder: Path
    files: dict[str, Path]
    missing: list[str]
    others: list[str]  # images in the folder that the run's page does not show


def apply(
    file: ClustersFile,
    path: Path,
    *,
    sort_into: Path | None = None,
    how: str = "copy",
    images: Path | None = None,
    skip_missing: bool = False,
    table: Path | None = None,
    progress: Progress = silent,
) -> Found | None:
    """Sort a run's images by their corrected clusters, and write them as a table.

    Return the files that were sorted; None where only the table was asked for.

    Parameters
    ----------
    path : Path
        Where the file is, for messages.
    sort_into : Path or None
        Folder that gets a folder for each cluster; it must be empty or not exist.
    how : str
        ``copy`` or ``link``.
    images : Path or None
        Folder that the names of images are below; None: the one that the data set names.
    skip_missing : bool
        Sort what is there where images are missing, instead of refusing.
    table : Path or None
        CSV file to write, replaced if it exists.

    Raises
    ------
    UsageError
        If the images are no files or not there, or it is not free where they would go.
    RunError
        If they cannot be written, for instance because the disk is full; none is sorted then.
    """
    found = None
    if sort_into is not None:
        sort_into = Path(os.path.abspath(sort_into))
        found = find(file, path, images, skip_missing)
        check_apart(found.folder, sort_into)
        check_apart(found.folder, draft_of(sort_into))
        check_free(sort_into)
        if table is not None and Path(os.path.abspath(table)).is_relative_to(sort_into):
            raise UsageError(
                f"{table} would be among the sorted images: name another place for the table"
            )
    try:
        if table is not None:
            _write_table(file, path, table)
        if found is not None and sort_into is not None:
            _sort(file, found, sort_into, how, progress)
    except OSError as error:
        raise refused(error) from error
    return found


def find(file: ClustersFile, path: Path, images: Path | None, skip_missing: bool) -> Found:
    """Find a run's images below a folder; parameters and errors are those of `apply`.

    Only files that are listed there are found: a name cannot lead out of the folder.
    """
    folder = images or _folder_of(file, path)
    if not folder.is_dir():
        hint = "" if images else f" (named in {path}, relative to here): --images DIR names another"
        raise UsageError(f"no such folder: {folder}{hint}")
    there = {readable_name(each.relative_to(folder)): each for each in list_files(folder)}
    files = {name: there[name] for name in file.images if name in there}
    missing = [name for name in file.images if name not in there]
    if not files:
        raise UsageError(
            f"none of the {count(len(missing), 'image')} of {path} is in {folder}: missing are "
            f"{name_first(missing)}; --images DIR names another folder"
        )
    if missing and not skip_missing:
        raise UsageError(
            f"{len(missing):,} of {count(len(file.images), 'image')} of {path} are not in "
            f"{folder}: {name_first(missing)}; --skip-missing sorts the others"
        )
    others = [name for name in there if name not in files and looks_like_image(there[name])]
    return Found(folder, files, missing, others)


def _folder_of(file: ClustersFile, path: Path) -> Path:
    if not file.dataset.startswith(FOLDER):
        raise UsageError(
            f"{path} is of {file.dataset}, whose images are no files that could be sorted: "
            "--table FILE writes their clusters"
        )
    return expand(file.dataset.removeprefix(FOLDER))


def _sort(file: ClustersFile, found: Found, into: Path, how: str, progress: Progress) -> None:
    folders = folder_names(file.names)
    into.parent.mkdir(parents=True, exist_ok=True)
    with open_sorter(into, how) as sorter:
        for done, (name, each) in enumerate(found.files.items(), 1):
            sorter.add(each, folders[file.images[name]])
            progress("sorting images", done, len(found.files))


def _write_table(file: ClustersFile, path: Path, table: Path) -> None:
    if table.exists() and path.samefile(table):
        raise UsageError(f"{table} is the file that is read: name another for the table")
    tags: dict[str, list[str]] = defaultdict(list)
    for tag, images in file.tags.items():
        for name in dict.fromkeys(images):
            tags[name].append(tag)

    def write(draft: Path) -> None:
        with open(draft, "w", encoding="utf-8", newline="") as opened:
            write_row = row_writer(opened)
            write_row(COLUMNS)
            for name in dict.fromkeys([*file.images, *tags]):
                write_row([name, file.images.get(name, ""), BETWEEN_TAGS.join(tags[name])])

    write_whole(table, write)


def describe(file: ClustersFile, path: Path, found: Found | None) -> Iterator[str]:
    """Describe what was done: a line a cluster, then what is not among the sorted files."""
    images = file.images if found is None else found.files
    counts, folders = Counter(file.images[name] for name in images), folder_names(file.names)
    yield f"{count(len(images), 'image')} in {count(len(counts), 'cluster')}"
    for name in file.names:
        if counts[name]:
            written = "" if found is None or folders[name] == name else f"  {one_line(name)}"
            shown = name if found is None else folders[name]
            yield f"  {one_line(shown)}  {counts[name]:,}{written}"
    if found is None:
        return
    if found.missing:
        missing = count(len(found.missing), "image")
        said = f"skipped {missing} not in {found.folder}: {name_first(found.missing)}"
        yield f"note: {one_line(said)}"
    if found.others:
        others = count(len(found.others), "image")
        said = (
            f"left out {others} of {found.folder} that {path} does not have: "
            f"{name_first(found.others)}; latentgrid assign --clusters sorts them as well"
        )
        yield f"note: {one_line(said)}"
