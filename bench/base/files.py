"""Files that are written whole or not at all, and TOML that is read."""

from __future__ import annotations

import os
import tomllib
from collections.abc import Callable
from pathlib import Path
from typing import Any

from bench.base.errors import UsageError


def write_whole(path: Path, write: Callable[[Path], object]) -> None:
    """Have a function write a file beside its place, then move it there.

    ``write`` is given a path of the same suffix; what was at ``path`` is replaced.
    """
    draft = path.with_name(f".draft-{os.getpid()}-{path.name}")
    try:
        write(draft)
        os.replace(draft, path)
    finally:
        draft.unlink(missing_ok=True)


def write_text(path: Path, text: str) -> None:
    """Write a text file, UTF-8, whole or not at all."""
    write_whole(path, lambda draft: draft.write_text(text, encoding="utf-8"))


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
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise UsageError(missing) from None
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError, RecursionError) as error:
        raise UsageError(f"cannot read {what} {path}: {error}") from None
