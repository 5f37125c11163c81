"""Names of files, one for each cell, that cannot collide."""

from __future__ import annotations

import hashlib
import re


def cell_name(model: str, chain: str) -> str:
    """Return a readable file name for a cell, with a hash of what the letters leave out."""
    readable = re.sub(r"[^a-z0-9]+", "-", f"{model}-{chain}".lower()).strip("-")
    digest = hashlib.sha256(f"{model}\n{chain}".encode()).hexdigest()
    return f"{readable[:60]}-{digest[:6]}"
