"""Errors that end a command with one line and no traceback, and how errors are written in one."""

from __future__ import annotations

import errno
import os
import re
from collections.abc import Sequence

from bench.base.plain_text import readable

# Errors of a file that somebody named wrongly; others are of the machine.
_MISUSE = {
    *(errno.ENOENT, errno.ENOTDIR, errno.EISDIR, errno.EEXIST, errno.ENOTEMPTY, errno.ENXIO),
    *(errno.EACCES, errno.EPERM, errno.EROFS, errno.ENAMETOOLONG, errno.ELOOP, errno.EINVAL),
}
_CONTROL = re.compile("[\x00-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]")
NAMED = 5  # files named one by one in a message; the rest are counted


class UsageError(Exception):
    """Bad input: one line that says what was wrong, what was found and what is allowed.

    The commands print the line and end with exit code 2.
    """


class RunError(Exception):
    """Something outside of the grid stopped it, such as a full disk; what was done stays.

    The commands print the line and end with exit code 1.
    """


def refused(error: OSError) -> UsageError | RunError:
    """Return what an error of the system is to the user of a command.

    Of a file that was named, such as one without permission, it is misuse; else, such as a full
    disk, it is the machine.
    """
    said = error.strerror or str(error) or type(error).__name__
    if error.filename is not None:
        said = f"{os.fsdecode(error.filename)}: {said}"
        if error.errno in _MISUSE:
            return UsageError(said)
    return RunError(f"{said}; what was done is kept")


def reason(error: Exception) -> str:
    """Return what an error says, without the file that a message names already."""
    return getattr(error, "strerror", None) or str(error)


def one_line(text: str) -> str:
    """Return text as one line that a terminal shows as it is, whatever characters it holds.

    Characters that control a terminal, or turn the direction of text, are replaced.
    """
    printable = _CONTROL.sub("\ufffd", " ".join(text.split()))
    return readable(printable)


def show_value(value: object, most: int = 120) -> str:
    """Return what was found as Python writes it, in one line and cut behind so many characters."""
    try:
        text = repr(value)
    except ValueError:  # Python writes no whole number of more than 4,300 digits
        text = "a number of thousands of digits"
    except RecursionError:
        text = f"a {type(value).__name__} within itself"
    line = one_line(text)
    return line if len(line) <= most else f"{line[:most]}…"


def name_some(names: list[str], most: int) -> str:
    """Return the first of some names, and dots where there are more."""
    return ", ".join(names[:most]) + (", …" if len(names) > most else "")


def count(number: int, word: str) -> str:
    """Return a number of things in words: ``1 file``, ``2 files``."""
    return f"{number:,} {word}{'' if number == 1 else 's'}"


def name_first(files: Sequence[str], total: int | None = None) -> str:
    """Name the first of so many files, and say how many more there are."""
    more = (total or len(files)) - NAMED
    rest = f" and {more} more" if more > 0 else ""
    return ", ".join(files[:NAMED]) + rest


def format_error(error: BaseException) -> str:
    """Return an error's type and message in one line."""
    return one_line(f"{type(error).__name__}: {error}")
