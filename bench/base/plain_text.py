"""Text for terminals, and for what output is redirected to, that lack some characters."""

from __future__ import annotations

import codecs

# The handler of errors by which these are replaced; see `codecs.register_error`.
REPLACED = "latentgrid.replaced"

# Of the characters that we write ourselves; all others become a question mark.
PLAIN = {
    **{"×": "x", "±": "+/-", "→": "->", "–": "-", "…": "...", "²": "^2", "³": "^3", "\u00a0": " "},
    **{"✓": "+", "✗": "x"},
}


def _replaced(error: UnicodeError) -> tuple[str, int]:
    if not isinstance(error, UnicodeEncodeError):
        raise error
    lost = error.object[error.start : error.end]
    return "".join(PLAIN.get(character, "?") for character in lost), error.end


codecs.register_error(REPLACED, _replaced)
