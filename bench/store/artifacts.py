"""Artifacts on disk, named by a hash of what went into them.

An artifact is a folder ``<stage>/<key>/`` with ``arrays.safetensors``, ``manifest.json`` and
``SHA256SUMS`` over both, which ``sha256sum --check`` reads as well. It is written under another
name, flushed and renamed, so that one that is there is whole; one that the disk or somebody
altered is noticed when it is read. Nothing in it is ever executed.
"""

from __future__ import annotations

import errno
import hashlib
import json
import os
import re
import shutil
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from filelock import FileLock, Timeout
from numpy.typing import NDArray
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save_file

from bench.errors import RunError, UsageError

ARRAYS = "arrays.safetensors"
MANIFEST = "manifest.json"
SUMS = "SHA256SUMS"

# Folders of a store beside those of the stages.
ASIDE, DRAFTS, ERRORS, GRIDS, LOCKS = "damaged", "drafts", "errors", "grids", "locks"
ROOMS = (ASIDE, DRAFTS, ERRORS, GRIDS, LOCKS)

DISK_FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
POLL = 0.2  # seconds between two looks at a lock that another process holds


class StoreError(RunError):
    """The store could not be written or read: a full disk, a lost permission."""


class DamagedError(Exception):
    """An artifact is not what was written.

    Parameters
    ----------
    stage, key : str
    reason : str
    """

    def __init__(self, stage: str, key: str, reason: str) -> None:
        super().__init__(stage, key, reason)
        self.stage = stage
        self.key = key
        self.reason = reason


@dataclass(frozen=True)
class Artifact:
    """What a stage left, read back.

    Attributes
    ----------
    path : Path
        Its folder, ``<stage>/<key>``.
    values : dict
        Numbers by name.
    inputs : dict
        What its key is a hash of.
    seconds : float
        Wall clock of the stage, warm-up left out.
    warm_up_seconds : float
        Imports and compilation that came before it.
    peak_memory_mb : float or None
        Most memory of the process while the stage ran, in MiB, where it could be measured.
    arrays_sum : str
        SHA-256 that its arrays were written with.
    """

    path: Path
    values: dict[str, Any]
    inputs: dict[str, Any]
    seconds: float
    warm_up_seconds: float
    peak_memory_mb: float | None
    arrays_sum: str

    def array(self, name: str) -> NDArray[Any] | None:
        """Read one array; None where there is none of that name."""
        return self._read(lambda file: file.get_tensor(name) if name in file.keys() else None)  # noqa: SIM118

    def require(self, name: str) -> NDArray[Any]:
        """Read an array that every artifact of this stage has."""
        array = self.array(name)
        if array is None:
            raise KeyError(f"artifact {self.path} has no array {name!r}")
        return array

    def arrays(self) -> dict[str, NDArray[Any]]:
        """Read all arrays."""
        found: dict[str, NDArray[Any]] = self._read(
            lambda file: {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
        )
        return found

    def verify(self) -> None:
        """Read the file of arrays once and compare its checksum.

        Raises
        ------
        DamagedError
        """
        _ = self._verified

    @cached_property
    def _verified(self) -> bool:
        if _reading(self.path, lambda: _sum(self.path / ARRAYS)) != self.arrays_sum:
            raise _damaged(self.path, f"{ARRAYS} does not have its checksum")
        return True

    def _read(self, get: Callable[[Any], Any]) -> Any:
        self.verify()

        def read() -> Any:
            with safe_open(self.path / ARRAYS, framework="np") as file:
                return get(file)

        return _reading(self.path, read)


class Store:
    """A folder of artifacts.

    Parameters
    ----------
    root : Path
        Nothing is made there before `prepare`.
    """

    def __init__(self, root: Path) -> None:
        self.root = root

    def prepare(self, megabytes: float = 0.0) -> None:
        """Make the folder, or say in one line why it will not do.

        Parameters
        ----------
        megabytes : float
            What is going to be written; refused where the disk has less than that left.

        Raises
        ------
        UsageError
        """
        try:
            for room in ROOMS:
                (self.root / room).mkdir(parents=True, exist_ok=True)
            (self.root / ".gitignore").write_text("*\n")
            free = shutil.disk_usage(self.root).free / 1e6
        except OSError as error:
            raise UsageError(f"store {self.root} cannot be written: {error.strerror}") from None
        if free < megabytes:
            raise UsageError(
                f"store {self.root} has {free:,.0f} MB of disk left, and this grid needs about "
                f"{megabytes:,.0f} MB: free some (python -m bench.store prune), or name another "
                "place with --store"
            )

    def path(self, stage: str, key: str) -> Path:
        """Return where an artifact is or would be."""
        return self.root / stage / key

    def __contains__(self, place: tuple[str, str]) -> bool:
        """Tell whether an artifact, by stage and key, is there; not whether it is sound."""
        return (self.path(*place) / MANIFEST).is_file()

    def load(self, stage: str, key: str) -> Artifact:
        """Read an artifact's numbers; its arrays are read, and verified, when asked for.

        Raises
        ------
        DamagedError
            If it is not what was written.
        StoreError
            If it cannot be read.
        """
        path = self.path(stage, key)
        sums, text, size = _reading(
            path,
            lambda: (
                _read_sums(path / SUMS),
                (path / MANIFEST).read_bytes(),
                (path / ARRAYS).stat().st_size,
            ),
        )
        if hashlib.sha256(text).hexdigest() != sums.get(MANIFEST):
            raise _damaged(path, f"{MANIFEST} does not have its checksum")
        manifest = json.loads(text)
        if manifest["bytes"] != size:
            raise _damaged(path, f"{ARRAYS} has {size} bytes of {manifest['bytes']}")
        return Artifact(
            path,
            manifest["values"],
            manifest["inputs"],
            manifest["seconds"],
            manifest["warm_up_seconds"],
            manifest["peak_memory_mb"],
            sums.get(ARRAYS, ""),
        )

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

        Parameters
        ----------
        stage, key : str
        arrays, values
            What the stage left.
        inputs : dict
            What the key is a hash of, kept for people who read the manifest.
        seconds, warm_up_seconds, peak_memory_mb
            See `Artifact`.
        replace : bool
            False: one that is there already stays.

        Raises
        ------
        StoreError
            If it cannot be written.
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
        try:
            # What a killed process left there: it held the lock that is held here.
            shutil.rmtree(draft, ignore_errors=True)
            draft.mkdir(parents=True)
            _write(draft, arrays, manifest)
            self._publish(draft, place, replace)
        except OSError as error:
            raise self._cannot("written", error) from error
        finally:
            shutil.rmtree(draft, ignore_errors=True)

    def _publish(self, draft: Path, place: Path, replace: bool) -> None:
        if (place / MANIFEST).is_file() and not replace:
            return
        place.parent.mkdir(parents=True, exist_ok=True)
        if place.exists():
            old = draft.with_name(f"{draft.name}-old")
            shutil.rmtree(old, ignore_errors=True)
            os.replace(place, old)
            shutil.rmtree(old, ignore_errors=True)
        os.replace(draft, place)
        _flush(place.parent)

    def remove(self, stage: str, key: str) -> None:
        """Remove an artifact, or what there is of it."""
        # Renamed first, so that one that is half removed is never taken for whole.
        gone = self.root / DRAFTS / f"{stage}-{key}-gone"
        try:
            os.replace(self.path(stage, key), gone)
        except FileNotFoundError:
            return
        except OSError as error:
            raise self._cannot("written", error) from error
        shutil.rmtree(gone, ignore_errors=True)

    def set_aside(self, stage: str, key: str) -> Path | None:
        """Move a damaged artifact out of the way, to where it can be looked at.

        Returns
        -------
        Path or None
            Where it is now; None where it was gone already.
        """
        place = self.root / ASIDE / f"{stage}-{key}-{time.time_ns()}"
        try:
            place.parent.mkdir(exist_ok=True)
            os.replace(self.path(stage, key), place)
        except FileNotFoundError:
            return None
        except OSError as error:
            raise self._cannot("written", error) from error
        return place

    @contextmanager
    def lock(self, key: str, waiting: Callable[[], object] = lambda: None) -> Iterator[None]:
        """Be the only process that makes an artifact; a process that dies lets go of it.

        Parameters
        ----------
        key : str
        waiting : callable
            Called once if another process holds it.
        """
        try:
            (self.root / LOCKS).mkdir(parents=True, exist_ok=True)
            lock = FileLock(self.root / LOCKS / f"{key}.lock")
            try:
                lock.acquire(blocking=False)
            except Timeout:
                waiting()
                lock.acquire(poll_interval=POLL)
        except OSError as error:
            raise self._cannot("locked", error) from error
        try:
            yield
        finally:
            lock.release()

    def remove_free_locks(self) -> None:
        """Remove the files behind locks that no process holds."""
        for path in (self.root / LOCKS).glob("*.lock"):
            with suppress(Timeout, OSError), FileLock(path, blocking=False):
                path.unlink()  # safe while held: who opened it before looks for its name again

    def write_error(self, key: str, text: str) -> Path:
        """Keep the traceback of a task that failed; return the file."""
        path = self.root / ERRORS / f"{key}.txt"
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, encoding="utf-8", errors="backslashreplace")
        except OSError as error:
            raise self._cannot("written", error) from error
        return path

    def _cannot(self, what: str, error: OSError) -> StoreError:
        hint = ": free some disk" if error.errno in DISK_FULL else ""
        return StoreError(
            f"store {self.root} could not be {what} ({error.strerror}){hint}, then run the same "
            "command again: what was done is kept"
        )


def _damaged(path: Path, reason: str) -> DamagedError:
    return DamagedError(path.parent.name, path.name, reason)


def _reading(path: Path, read: Callable[[], Any]) -> Any:
    """Read something of an artifact; say what it means when that fails."""
    try:
        return read()
    except PermissionError as error:
        raise StoreError(f"store: {path} cannot be read ({error.strerror})") from error
    except (OSError, SafetensorError, ValueError) as error:
        raise _damaged(path, " ".join(f"{type(error).__name__}: {error}".split())) from error


def _write(folder: Path, arrays: dict[str, NDArray[Any]], manifest: dict[str, Any]) -> None:
    try:
        save_file({k: np.asarray(v, order="C") for k, v in arrays.items()}, folder / ARRAYS)
    except SafetensorError as error:
        raise _as_os_error(error) from error
    manifest["bytes"] = (folder / ARRAYS).stat().st_size
    (folder / MANIFEST).write_text(json.dumps(manifest, indent=1), encoding="utf-8")
    sums = [f"{_sum(folder / name)}  {name}\n" for name in (ARRAYS, MANIFEST)]
    (folder / SUMS).write_text("".join(sums), encoding="utf-8")
    for name in (ARRAYS, MANIFEST, SUMS):
        _flush(folder / name)
    _flush(folder)


def _as_os_error(error: SafetensorError) -> OSError:
    """Give an error of the disk, which safetensors tells in words, its number back."""
    number = re.search(r"os error (\d+)", str(error))
    if number is None:
        raise error
    code = int(number[1])
    return OSError(code, os.strerror(code))


def _sum(path: Path) -> str:
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _read_sums(path: Path) -> dict[str, str]:
    """Read checksums by file name."""
    lines = path.read_text(encoding="utf-8").splitlines()
    return {name: digest for digest, _, name in (line.partition("  ") for line in lines)}


def _flush(path: Path) -> None:
    """Have the system write a file, or a folder's list of files, to the disk."""
    if path.is_dir() and os.name == "nt":
        return  # there folders cannot be opened
    descriptor = os.open(path, os.O_RDONLY if path.is_dir() else os.O_RDWR)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
