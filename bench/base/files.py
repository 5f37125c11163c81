"""Writing files whole or not at all."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path


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
