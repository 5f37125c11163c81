"""Copies or links files into one folder a cluster; nothing that is there is ever replaced."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from pathlib import Path
from types import TracebackType

from bench.clusterers.clusterer import NOISE
from bench.errors import RunError, UsageError

WAYS = ("copy", "link")
SORTED = "sorted"


def folder_name(cluster: int) -> str:
    """Return the name of a cluster's folder, and of its contact sheet."""
    return "cluster-none" if cluster == NOISE else f"cluster-{cluster}"


class Sorter:
    """Sorts files into ``OUT/sorted``, which is there when all of them are in it, or not at all.

    Parameters
    ----------
    out : Path
        A folder that is there.
    way : str
        ``copy``, or ``link``: symbolic links to where the files are.

    Raises
    ------
    UsageError
        If there is something in ``OUT/sorted`` already.
    """

    def __init__(self, out: Path, way: str) -> None:
        self.place = out / SORTED
        self.draft = out / f".draft-{os.getpid()}-{SORTED}"
        self.put: Callable[[Path, Path], None] = _copy if way == "copy" else _link
        self.taken: dict[tuple[str, str], int] = {}
        check_free(out)

    def __enter__(self) -> Sorter:
        """Make the folder that files are gathered in."""
        shutil.rmtree(self.draft, ignore_errors=True)  # of a process of this number, long gone
        self.draft.mkdir()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Move the folder to its place, or away if something went wrong."""
        if kind is None:
            if self.place.is_dir() and not self.place.is_symlink():
                self.place.rmdir()  # it is empty, or this fails
            os.replace(self.draft, self.place)
        shutil.rmtree(self.draft, ignore_errors=True)

    def add(self, file: Path, cluster: int) -> None:
        """Put a file into its cluster's folder, under another name where its own is taken.

        Raises
        ------
        RunError
            If it cannot be put there.
        """
        folder = self.draft / folder_name(cluster)
        folder.mkdir(exist_ok=True)
        key = (folder.name, file.name)
        number = self.taken.get(key, 1)
        try:
            while not self._try(file, folder, number):
                number += 1
        except OSError as error:
            raise RunError(f"cannot sort {file} into {self.place}: {error.strerror}") from error
        if number > 1:
            self.taken[key] = number

    def _try(self, file: Path, folder: Path, number: int) -> bool:
        name = file.name if number == 1 else f"{file.stem}-{number}{file.suffix}"
        try:
            self.put(file, folder / name)
        except FileExistsError:
            return False
        return True


def check_free(out: Path) -> None:
    """Refuse a folder for sorted files that has something in it.

    Raises
    ------
    UsageError
    """
    place = out / SORTED
    if os.path.lexists(place) and not (
        place.is_dir() and not place.is_symlink() and not any(place.iterdir())
    ):
        raise UsageError(
            f"{place} is there already, and files are sorted into an empty folder only: move it "
            "away, or name another --out"
        )


def _copy(file: Path, to: Path) -> None:
    with open(file, "rb") as source, open(to, "xb") as target:
        shutil.copyfileobj(source, target)
    shutil.copystat(file, to)


def _link(file: Path, to: Path) -> None:
    to.symlink_to(file.absolute())
