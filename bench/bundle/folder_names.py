"""Names of folders for clusters that people named: of any text, a name that all systems take."""

from __future__ import annotations

import os
import re
import unicodedata
from collections.abc import Iterable

from bench.base.plain_text import readable

LONGEST = 200  # bytes of a name; systems take 255, and a number may follow
UNNAMED = "unnamed"
# What Windows does not take, and what controls a terminal or turns the direction of text.
_NOT_ALLOWED = re.compile(
    r'[/\\:*?"<>|\x00-\x1f\x7f-\x9f\u200b\u200e\u200f\u2028-\u202e\u2060-\u206f\ufeff]'
)
_RESERVED = re.compile(r"(con|prn|aux|nul|(com|lpt)[0-9¹²³])(\..*)?", re.IGNORECASE)


def folder_names(names: Iterable[str]) -> dict[str, str]:
    """Return the name of a folder for each name, no two alike up to case.

    A name that can stand stays as it is. The same names in the same order give the same folders.
    """
    found: dict[str, str] = {}
    taken: dict[str, int] = {}
    for name in sorted(names, key=lambda name: safe(name) != name):
        folder = base = safe(name)
        while _folded(folder) in taken:
            taken[_folded(base)] += 1
            folder = f"{base}-{taken[_folded(base)]}"
        taken[_folded(folder)] = 1
        found[name] = folder
    return found


def safe(name: str) -> str:
    """Return a name as one that a folder may have on Linux, macOS and Windows.

    It is not hidden, and no way to another folder.
    """
    text = _NOT_ALLOWED.sub("_", readable(unicodedata.normalize("NFC", name)))
    text = _shortened(" ".join(text.split()).lstrip(". "))
    if not text:
        return UNNAMED
    return f"_{text}" if _RESERVED.fullmatch(text) else text


def _shortened(text: str) -> str:
    while len(os.fsencode(text)) > LONGEST:
        text = text[:-1]
    return text.rstrip(". ")


def _folded(name: str) -> str:
    return unicodedata.normalize("NFC", name.casefold())
