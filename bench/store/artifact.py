"""One artifact on disk: a folder of arrays and numbers with checksums over them.

It holds ``arrays.safetensors``, ``manifest.json`` and ``SHA256SUMS`` over both, which
``sha256sum --check`` reads as well. Nothing in it is ever executed.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, TypeVar

from numpy.typing import NDArray
from pydantic import ValidationError
from safetensors import SafetensorError, safe_open

from bench.base.arrays import save_arrays
from bench.base.errors import RunError, format_error, one_line
from bench.base.files import read_text, regular
from bench.store import content

ARRAYS = "arrays.safetensors"
MANIFEST = "manifest.json"
SUMS = "SHA256SUMS"

T = TypeVar("T")


class StoreError(RunError):
    """The store could not be written or read: a full disk, a lost permission."""


class DamagedError(RunError):
    """An artifact is not what was written."""

    def __init__(self, stage: str, key: str, reason: str) -> None:
        super().__init__(stage, key, reason)
        self.stage, self.key, self.reason = stage, key, reason

    def __str__(self) -> str:
        """Return what is damaged, why, and what helps, where nothing makes it again by itself."""
        return (
            f"store: {self.stage} {self.key} is damaged ({self.reason}): run the grid again, which "
            "makes it again"
        )


class Kept(dict[str, Any]):
    """Numbers of an artifact by name; one that it lacks is damage.

    Parameters
    ----------
    path : Path
        Of the artifact.
    """

    def __init__(self, path: Path, numbers: dict[str, Any]) -> None:
        super().__init__(numbers)
        self.path = path

    def __missing__(self, name: str) -> Any:
        raise _damaged(self.path, f"{MANIFEST} has no {name}")


@dataclass(frozen=True)
class Artifact:
    """What a stage left, read back."""

    path: Path  # its folder, <stage>/<key>
    values: dict[str, Any]  # numbers by name
    inputs: dict[str, Any]  # what its key is a hash of
    seconds: float  # wall clock of the stage, warm-up left out
    warm_up_seconds: float  # imports and compilation that came before it
    peak_memory_mb: float | None  # of the process while the stage ran, MiB; None: not measured
    arrays_sum: str  # SHA-256 that its arrays were written with

    def array(self, name: str) -> NDArray[Any] | None:
        """Read one array; None where there is none of that name."""
        return self._read(lambda file: file.get_tensor(name) if name in file.keys() else None)  # noqa: SIM118

    def require(self, name: str) -> NDArray[Any]:
        """Read an array that every artifact of this stage has."""
        array = self.array(name)
        if array is None:
            raise _damaged(self.path, f"{ARRAYS} has no array {name}")
        return array

    def arrays(self) -> dict[str, NDArray[Any]]:
        """Read all arrays."""
        return self._read(lambda file: {name: file.get_tensor(name) for name in file.keys()})  # noqa: SIM118

    def verify(self) -> None:
        """Read the file of arrays once and compare its checksum."""
        _ = self._verified

    @cached_property
    def _verified(self) -> bool:
        if _reading(self.path, lambda: _sum(self.path / ARRAYS)) != self.arrays_sum:
            raise _damaged(self.path, f"{ARRAYS} does not have its checksum")
        return True

    def _read(self, get: Callable[[Any], T]) -> T:
        self.verify()

        def read() -> T:
            with safe_open(self.path / ARRAYS, framework="np") as file:
                return get(file)

        return _reading(self.path, read)


def read(path: Path) -> Artifact:
    """Read the numbers of the artifact in a folder.

    Raise `DamagedError` if it is not what was written, `StoreError` if it cannot be read.
    """
    sums = _reading(path, lambda: _read_sums(path / SUMS))
    text = _reading(path, lambda: regular(path / MANIFEST).read_bytes())
    size = _reading(path, (path / ARRAYS).stat).st_size
    if hashlib.sha256(text).hexdigest() != sums.get(MANIFEST):
        raise _damaged(path, f"{MANIFEST} does not have its checksum")
    manifest = _reading(path, lambda: content.check(path.parent.name, json.loads(text)))
    if (written := manifest.pop("bytes")) != size:
        raise _damaged(path, f"{ARRAYS} has {size} bytes of {written}")
    for name in ("values", "inputs"):
        manifest[name] = Kept(path, manifest[name])
    return Artifact(path, arrays_sum=sums.get(ARRAYS, ""), **manifest)


def write(folder: Path, arrays: dict[str, NDArray[Any]], manifest: dict[str, Any]) -> None:
    """Write an artifact into an empty folder, and have the system put it on the disk."""
    save_arrays(arrays, folder / ARRAYS)
    manifest["bytes"] = (folder / ARRAYS).stat().st_size
    (folder / MANIFEST).write_text(json.dumps(manifest, indent=1), encoding="utf-8")
    sums = [f"{_sum(folder / name)}  {name}\n" for name in (ARRAYS, MANIFEST)]
    (folder / SUMS).write_text("".join(sums), encoding="utf-8")
    for name in (ARRAYS, MANIFEST, SUMS):
        flush(folder / name)
    flush(folder)


def _sum(path: Path) -> str:
    with open(regular(path), "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _read_sums(path: Path) -> dict[str, str]:
    """Read checksums by file name."""
    lines = read_text(path).splitlines()
    return {name: digest for digest, _, name in (line.partition("  ") for line in lines)}


def flush(path: Path) -> None:
    """Have the system write a file, or a folder's list of files, to the disk."""
    if path.is_dir() and os.name == "nt":
        return  # there folders cannot be opened
    descriptor = os.open(path, os.O_RDONLY if path.is_dir() else os.O_RDWR)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _damaged(path: Path, reason: str) -> DamagedError:
    return DamagedError(path.parent.name, path.name, reason)


def _reading(path: Path, read: Callable[[], T]) -> T:
    """Read something of an artifact; say what it means when that fails."""
    try:
        return read()
    except PermissionError as error:
        raise StoreError(f"store: {path} cannot be read ({error.strerror})") from error
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(map(str, first["loc"])) or "it"
        reason = one_line(f"{MANIFEST}: {where}: {first['msg']}")
        raise _damaged(path, reason) from error
    except (OSError, SafetensorError, ValueError, TypeError, KeyError, RecursionError) as error:
        raise _damaged(path, format_error(error)) from error
