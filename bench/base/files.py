"""Files that are written whole or not at all, and TOML that is read.

Nothing is written through a symbolic link that lies where the file goes: others may be allowed to
write there, and could choose by it what is replaced.
"""

from __future__ import annotations

import errno
import os
import re
import shutil
import stat
import tempfile
import tomllib
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

from bench.base.errors import UsageError, reason

# What a file may be that is none on a disk: opening it may wait for ever, or reading never end.
_SPECIAL = {
    stat.S_IFIFO: "a named pipe",
    stat.S_IFSOCK: "a socket",
    stat.S_IFCHR: "a terminal or another device",
    stat.S_IFBLK: "a device",
}


_BYTE = re.compile(rb"\\x([0-9a-f]{2})")


def regular(path: Path) -> Path:
    """Return the path of a file that is to be opened.

    Raise `OSError` where there is none, or a pipe, a terminal, a device or a socket.
    """
    kind = _SPECIAL.get(stat.S_IFMT(os.stat(path).st_mode))
    if kind:
        raise OSError(errno.EINVAL, f"it is {kind}, needed a file on a disk", str(path))
    return path


def is_file(path: Path) -> bool:
    """Tell whether there is a file; raise `OSError` where there is something special instead."""
    try:
        return regular(path).is_file()
    except (FileNotFoundError, NotADirectoryError):
        return False


def read_text(path: Path) -> str:
    """Read a text file, UTF-8 with or without a byte order mark; raises `OSError`, `ValueError`."""
    return regular(path).read_text(encoding="utf-8-sig")


def expand(path: str | Path) -> Path:
    """Return the path that text means.

    A ``~`` is a home folder, where there is such a user. Bytes that are no text may be written as
    `bench.base.plain_text.readable` writes them.
    """
    found = os.path.expanduser(path)
    if "\\x" in found and not os.path.lexists(found):
        meant = os.fsdecode(_BYTE.sub(lambda byte: bytes([int(byte[1], 16)]), os.fsencode(found)))
        found = meant if os.path.lexists(meant) else found
    return Path(found)


def write_whole(path: Path, write: Callable[[Path], object]) -> None:
    """Have a function write a file beside its place, then move it there.

    ``write`` is given a path of the same name; what was at ``path`` is replaced, also if that is a
    link.
    """
    try:
        # The folder is new and its owner's alone, so that nobody can have put a link there.
        with tempfile.TemporaryDirectory(prefix=".draft-", dir=path.parent) as folder:
            draft = Path(folder) / path.name
            write(draft)
            os.replace(draft, path)
    except OSError as error:
        error.filename = str(path)  # of a write that fails, the system does not say it
        raise


def write_text(path: Path, text: str) -> None:
    """Write a text file, UTF-8, whole or not at all."""
    write_whole(path, lambda draft: draft.write_text(text, encoding="utf-8"))


def make_folder(path: Path) -> Path:
    """Make a folder, unless it is there, and return it; raise `OSError` if it is a link."""
    refuse_link(path)
    path.mkdir(parents=True, exist_ok=True)
    return path


def refuse_link(path: Path) -> None:
    """Raise `OSError` if there is a symbolic link at a path."""
    if path.is_symlink():
        raise OSError(errno.ELOOP, f"{path.name} is a symbolic link", str(path))


def clear(path: Path) -> None:
    """Remove a file, a folder or a link, if it can be removed; what a link leads to stays."""
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path, ignore_errors=True)
    else:
        with suppress(OSError):
            path.unlink()


def write_output(path: Path, text: str, make_folder: bool = False) -> None:
    """Write a text file that the user named, or raise UsageError."""
    try:
        if make_folder:
            path.parent.mkdir(parents=True, exist_ok=True)
        write_text(path, text)
    except OSError as error:
        raise UsageError(f"cannot write {path}: {error.strerror}") from None


def read_toml(path: Path, what: str, missing: str) -> dict[str, Any]:
    """Read a TOML file.

    Parameters
    ----------
    path : Path
    what : str
        What the file is called in messages.
    missing : str
        The message if there is no such file.

    Raises
    ------
    UsageError
        If it is missing or not TOML.
    """
    try:
        return tomllib.loads(read_text(path))
    except FileNotFoundError:
        raise UsageError(missing) from None
    except (OSError, ValueError, RecursionError) as error:
        raise UsageError(f"cannot read {what} {path}: {reason(error)}") from None
