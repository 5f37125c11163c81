"""A folder of artifacts, ``<stage>/<key>/``, named by a hash of what went into them.

An artifact is written under another name, flushed and renamed, so that one that is there is
whole; one that the disk or somebody altered is noticed when it is read.

Several users may share a store. A symbolic link in it is never written through or emptied, so that
what one of them puts there cannot direct what another writes.
"""

from __future__ import annotations

import errno
import os
import shutil
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from filelock import FileLock, Timeout
from numpy.typing import NDArray

from bench.base import compiled
from bench.base.errors import UsageError
from bench.base.files import clear, make_folder, refuse_link, write_text
from bench.store.artifact import MANIFEST, Artifact, StoreError, flush, read, write

# Folders of a store beside those of the stages.
ASIDE, DRAFTS, ERRORS, GRIDS, LOCKS = "damaged", "drafts", "errors", "grids", "locks"
ROOMS = (ASIDE, DRAFTS, ERRORS, GRIDS, LOCKS)
# Folders in which no stage has its artifacts.
OTHERS = (*ROOMS, compiled.FOLDER)

DISK_FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
POLL = 0.2  # seconds between two looks at a lock that another process holds


class Store:
    """A folder of artifacts; nothing is made there before `prepare`."""

    def __init__(self, root: Path) -> None:
        self.root = root

    def prepare(self, megabytes: float = 0.0) -> None:
        """Make the folder, or say in one line why it will not do.

        A disk with fewer ``megabytes`` left than are going to be written is refused.
        """
        try:
            for room in ROOMS:
                self.room(room)
            if not os.path.lexists(self.root / ".gitignore"):
                write_text(self.root / ".gitignore", "*\n")
            free = shutil.disk_usage(self.root).free / 1e6
        except OSError as error:
            raise UsageError(f"store {self.root} cannot be written: {error.strerror}") from None
        if free < megabytes:
            raise UsageError(
                f"store {self.root} has {free:,.0f} MB of free disk space, and this grid needs "
                f"about {megabytes:,.0f} MB: free some (python -m bench.store prune), or name "
                "another place with --store"
            )

    def room(self, name: str) -> Path:
        """Make a folder of the store, and return it; raise `OSError` if it is a link."""
        return make_folder(self.root / name)

    def path(self, stage: str, key: str) -> Path:
        """Return where an artifact is or would be."""
        return self.root / stage / key

    def __contains__(self, place: tuple[str, str]) -> bool:
        """Tell whether an artifact, by stage and key, is there; not whether it is sound."""
        return (self.path(*place) / MANIFEST).is_file()

    def load(self, stage: str, key: str) -> Artifact:
        """Read an artifact's numbers; its arrays are read, and verified, when asked for.

        Errors are those of `bench.store.artifact.read`. A key is read from records, perhaps; raise
        `UsageError` where they name none.
        """
        if not isinstance(key, str):
            raise UsageError(
                f"the records name no artifact of the stage {stage}: run the grid again"
            )
        return read(self.path(stage, key))

    def save(
        self,
        stage: str,
        key: str,
        arrays: dict[str, NDArray[Any]],
        values: dict[str, Any],
        inputs: dict[str, Any],
        seconds: float = 0.0,
        warm_up_seconds: float = 0.0,
        peak_memory_mb: float | None = None,
        replace: bool = False,
    ) -> None:
        """Write an artifact. Processes that share a store hold its `lock` meanwhile.

        ``inputs`` is what the key is a hash of. One that is there already stays, unless
        ``replace``.
        """
        place = self.path(stage, key)
        draft = self.root / DRAFTS / f"{stage}-{key}"
        manifest = {
            "stage": stage,
            "key": key,
            "inputs": inputs,
            "values": values,
            "seconds": seconds,
            "warm_up_seconds": warm_up_seconds,
            "peak_memory_mb": peak_memory_mb,
        }
        with self.reporting("written"):
            self.room(DRAFTS)
        # What a killed process left there: it held the lock that is held here.
        clear(draft)
        try:
            with self.reporting("written"):
                draft.mkdir(mode=0o700)
                write(draft, arrays, manifest)
                self._publish(draft, place, replace)
        finally:
            clear(draft)

    def _publish(self, draft: Path, place: Path, replace: bool) -> None:
        if (place / MANIFEST).is_file() and not replace:
            return
        make_folder(place.parent)
        if os.path.lexists(place):
            old = draft.with_name(f"{draft.name}-old")
            clear(old)
            os.replace(place, old)
            clear(old)
        shutil.copymode(place.parent, draft)  # until here it was its owner's alone
        os.replace(draft, place)
        flush(place.parent)

    def remove(self, stage: str, key: str) -> None:
        """Remove an artifact, or what there is of it."""
        # Renamed first, so that one that is half removed is never taken for whole.
        gone = self.root / DRAFTS / f"{stage}-{key}-gone"
        if self._move(stage, key, gone):
            clear(gone)

    def set_aside(self, stage: str, key: str) -> Path | None:
        """Move a damaged artifact out of the way, to where it can be looked at.

        Return its new place; None where it was gone already.
        """
        place = self.root / ASIDE / f"{stage}-{key}-{time.time_ns()}"
        return place if self._move(stage, key, place) else None

    def _move(self, stage: str, key: str, place: Path) -> bool:
        """Move an artifact away; return whether it was there."""
        with self.reporting("written"):
            refuse_link(self.root / stage)
            try:
                make_folder(place.parent)
                os.replace(self.path(stage, key), place)
            except FileNotFoundError:
                return False
        return True

    @contextmanager
    def lock(self, key: str, waiting: Callable[[], object] = lambda: None) -> Iterator[None]:
        """Be the only process that makes an artifact; a process that dies lets go of it.

        ``waiting`` is called once if another process holds the lock.
        """
        with self.reporting("locked"):
            lock = FileLock(self.room(LOCKS) / f"{key}.lock")
            try:
                lock.acquire(blocking=False)
            except Timeout:
                waiting()
                lock.acquire(poll_interval=POLL)
        try:
            yield
        finally:
            lock.release()

    def is_locked(self, key: str) -> bool:
        """Tell whether a process holds a lock; raise `OSError` if it cannot be tried."""
        path = self.root / LOCKS / f"{key}.lock"
        if not path.exists():
            return False
        try:
            with FileLock(path, blocking=False):
                return False
        except Timeout:
            return True

    def remove_free_locks(self) -> None:
        """Remove the files behind locks that no process holds."""
        for path in self.contents(LOCKS, ".lock"):
            with suppress(Timeout, OSError), FileLock(path, blocking=False):
                path.unlink()  # safe while held: who opened it before looks for its name again

    def contents(self, room: str, suffix: str = "") -> list[Path]:
        """List what is in a folder of the store; what is behind a link is not in it."""
        folder = self.root / room
        return [] if folder.is_symlink() else sorted(folder.glob(f"*{suffix}"))

    def write_error(self, key: str, text: str) -> Path:
        """Keep the traceback of a task that failed; return the file."""
        path = self.root / ERRORS / f"{key}.txt"
        with self.reporting("written"):
            self.room(ERRORS)
            write_text(path, text.encode(errors="backslashreplace").decode())
        return path

    @contextmanager
    def reporting(self, what: str) -> Iterator[None]:
        """Raise `StoreError` for an error of the disk."""
        try:
            yield
        except OSError as error:
            hint = ": free some disk" if error.errno in DISK_FULL else ""
            raise StoreError(
                f"store {self.root} could not be {what} ({error.strerror}){hint}, then run the "
                "same command again: what was done is kept"
            ) from error
