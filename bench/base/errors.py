"""Errors that end a command with one line and no traceback, and how errors are written in one."""

from __future__ import annotations

import re
from collections.abc import Sequence

NAMED = 5  # files named one by one in a message; the rest are counted


class UsageError(Exception):
    """Bad input: one line that says what was wrong, what was found and what is allowed.

    The commands print the line and end with exit code 2.
    """


class RunError(Exception):
    """Something outside of the grid stopped it, such as a full disk; what was done stays.

    The commands print the line and end with exit code 1.
    """


def one_line(text: str) -> str:
    """Return text as one line that a terminal shows as it is, whatever characters it holds."""
    printable = re.sub(r"[\x00-\x1f\x7f-\x9f]", "\ufffd", " ".join(text.split()))
    return printable.encode(errors="backslashreplace").decode()


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
