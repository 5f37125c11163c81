"""Text for terminals, and for what output is redirected to, that lack some characters."""

from __future__ import annotations

import codecs
import re
from pathlib import Path

# The handler of errors by which these are replaced; see `codecs.register_error`.
REPLACED = "latentgrid.replaced"

# Of the characters that we write ourselves; all others become a question mark.
PLAIN = {
    **{"×": "x", "±": "+/-", "→": "->", "–": "-", "…": "...", "²": "^2", "³": "^3", "\u00a0": " "},
    **{"✓": "+", "✗": "x"},
}


# What Python makes of the bytes of a file's name that are no text.
_BYTES = re.compile("[\udc80-\udcff]")


def readable(text: str | Path) -> str:
    r"""Return text, such as a path, that every file can hold: a byte of none becomes ``\xe9``."""
    found = _BYTES.sub(lambda byte: f"\\x{ord(byte[0]) - 0xDC00:02x}", str(text))
    return found.encode(errors="backslashreplace").decode()


def _replaced(error: UnicodeError) -> tuple[str, int]:
    if not isinstance(error, UnicodeEncodeError):
        raise error
    lost = error.object[error.start : error.end]
    found = (PLAIN.get(each, readable(each) if _BYTES.match(each) else "?") for each in lost)
    return "".join(found), error.end


codecs.register_error(REPLACED, _replaced)
