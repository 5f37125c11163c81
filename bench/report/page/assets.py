"""Arrays and sheets of a page: in the page itself, or in a folder beside it."""

from __future__ import annotations

import base64
import contextlib
import functools
import hashlib
import re
from collections.abc import Collection
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bench.base.files import make_folder, write_whole

FOLDER = "index_files"
OURS = re.compile(r"[0-9a-f]{24}\.(webp|js)")  # what is removed there


@dataclass
class Assets:
    """Arrays and sheets by name; those with the same content have the same name."""

    arrays: dict[str, bytes] = field(default_factory=dict)
    sheets: dict[str, bytes] = field(default_factory=dict)

    def array(self, *parts: tuple[NDArray[Any], str]) -> str:
        """Take arrays with the types in which they follow one another; return their name."""
        return _add(
            self.arrays, b"".join(np.ascontiguousarray(a, kind).tobytes() for a, kind in parts)
        )

    def sheet(self, image: bytes) -> str:
        """Take a WebP image; return its name."""
        return _add(self.sheets, image)

    @property
    def inside(self) -> dict[str, str]:
        """All as base64, as they are in a page."""
        every = self.arrays | self.sheets
        return {name: base64.b64encode(content).decode() for name, content in every.items()}

    @property
    def room(self) -> int:
        """The bytes that all would take in a page."""
        every = [*self.arrays.values(), *self.sheets.values()]
        return sum(-(-len(content) // 3) * 4 + 100 for content in every)

    @property
    def files(self) -> dict[str, bytes]:
        """All by the names of their files.

        A page that is opened as a file may not read other files, but it may show images and run
        scripts: arrays are scripts that hand them over.
        """
        scripts = {
            f"{name}.js": f'latentgrid.asset("{name}","'.encode()
            + base64.b64encode(content)
            + b'")\n'
            for name, content in self.arrays.items()
        }
        return scripts | {f"{name}.webp": image for name, image in self.sheets.items()}


def write(folder: Path, files: dict[str, bytes]) -> None:
    """Write the files that are not there yet; what is in a file decides its name."""
    make_folder(folder)
    for name, content in files.items():
        if not is_there(folder, name, len(content)):
            write_whole(folder / name, functools.partial(Path.write_bytes, data=content))


def is_there(folder: Path, name: str, size: int) -> bool:
    """Tell whether a file of some bytes is in a folder."""
    path = folder / name
    return path.is_file() and not path.is_symlink() and path.stat().st_size == size


def remove(folder: Path, but: Collection[str] = ()) -> None:
    """Remove the files of earlier pages from a folder, and the folder if nothing else is in it."""
    if folder.is_symlink() or not folder.is_dir():
        return
    for path in folder.iterdir():
        if OURS.fullmatch(path.name) and path.name not in but:
            path.unlink(missing_ok=True)
    with contextlib.suppress(OSError):  # there are files of this page, or somebody else's
        folder.rmdir()


def _add(to: dict[str, bytes], content: bytes) -> str:
    name = hashlib.sha256(content).hexdigest()[:24]
    to[name] = content
    return name
