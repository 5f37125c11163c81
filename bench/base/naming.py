"""Names of files and folders, one for each cell or data set, that cannot collide."""

from __future__ import annotations

import hashlib
import re


def cell_name(model: str, chain: str) -> str:
    """Return a readable file name for a cell, with a hash of what the letters leave out."""
    return _named(f"{model}-{chain}", f"{model}\n{chain}")


def set_name(dataset: str) -> str:
    """Return a readable folder name for a data set, made as `cell_name` makes a file's."""
    return _named(dataset, dataset)


def _named(text: str, whole: str) -> str:
    readable = re.sub(r"[^a-z0-9]+", "-", text.lower()).strip("-")
    digest = hashlib.sha256(whole.encode(errors="surrogateescape")).hexdigest()
    return f"{readable[:60]}-{digest[:6]}"
