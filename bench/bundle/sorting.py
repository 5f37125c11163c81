"""Copies or links files into one folder a cluster; nothing that is there is ever replaced."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

from filelock import FileLock, Timeout

from bench.base.errors import RunError, UsageError
from bench.base.files import clear, regular

HOW = ("copy", "link")
LONGEST = 255  # bytes of a file's name, of nearly all file systems


def draft_of(target: Path) -> Path:
    """Return the folder that files are sorted into, before it takes the place of the target."""
    return target.with_name(f".draft-{target.name}")


@contextmanager
def open_sorter(target: Path, how: str) -> Iterator[Sorter]:
    """Sort files into a folder, which is there when all of them are in it, or not at all.

    Raise `UsageError` if there is something in it already, or another run sorts into it.
    """
    check_free(target)
    draft = draft_of(target)
    lock = FileLock(f"{draft}.lock")
    try:
        lock.acquire(blocking=False)
    except Timeout:
        raise UsageError(
            f"another run sorts into {target} now: wait for it, or name another folder"
        ) from None
    try:
        clear(draft)  # of a run that was killed
        draft.mkdir()
        yield Sorter(target, draft, _copy if how == "copy" else _link)
        if target.is_dir() and not target.is_symlink():
            target.rmdir()  # it is empty, or this fails
        os.replace(draft, target)
    finally:
        clear(draft)
        with suppress(OSError):
            os.unlink(lock.lock_file)  # safe while held: who opened it looks for its name
        lock.release()


@dataclass
class Sorter:
    """Puts files into a folder a cluster, below a draft of the target; see `open_sorter`."""

    target: Path
    draft: Path
    put: Callable[[Path, Path], None]
    taken: dict[tuple[str, str], int] = field(default_factory=dict)

    def add(self, file: Path, name: str) -> None:
        """Put a file into a folder of a name, under another name where its own is taken."""
        folder = self.draft / name
        folder.mkdir(exist_ok=True)
        key = (folder.name, file.name)
        number = self.taken.get(key, 1)
        try:
            while not self._try(file, folder, number):
                number += 1
        except OSError as error:
            raise RunError(f"cannot sort {file} into {self.target}: {error.strerror}") from error
        if number > 1:
            self.taken[key] = number

    def _try(self, file: Path, folder: Path, number: int) -> bool:
        name = file.name if number == 1 else numbered(file, number)
        try:
            self.put(file, folder / name)
        except FileExistsError:
            return False
        return True


def numbered(file: Path, number: int) -> str:
    """Return a file's name with a number behind it, shortened where it would be too long."""
    stem, end = file.stem, f"-{number}{file.suffix}"
    if len(os.fsencode(end)) >= LONGEST:  # a dot early in a long name, and no suffix
        stem, end = file.name, f"-{number}"
    # By characters, so that none is cut in two, until the bytes are few enough.
    while len(os.fsencode(stem + end)) > LONGEST:
        stem = stem[:-1]
    return stem + end


def check_apart(images: Path, made: Path) -> None:
    """Raise `UsageError` if what is written would be among what is read, or the other way."""
    source, place = images.resolve(), made.resolve()  # which may be a link to elsewhere
    if source == place or place in source.parents or source in place.parents:
        raise UsageError(
            f"{images} overlaps with {made}, which would be written: name another folder"
        )


def check_free(folder: Path) -> None:
    """Raise `UsageError` if there is something in a folder for sorted files."""
    if os.path.lexists(folder) and not (
        folder.is_dir() and not folder.is_symlink() and not any(folder.iterdir())
    ):
        raise UsageError(
            f"{folder} exists, and files are sorted only into an empty folder: move it away, or "
            "name another folder"
        )


def _copy(file: Path, to: Path) -> None:
    with open(regular(file), "rb") as source, open(to, "xb") as target:
        shutil.copyfileobj(source, target)
    shutil.copystat(file, to)


def _link(file: Path, to: Path) -> None:
    to.symlink_to(file.absolute())
