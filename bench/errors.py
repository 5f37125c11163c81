"""What goes wrong through the user's input, as opposed to a defect of the program."""

from __future__ import annotations


class UsageError(Exception):
    """Bad input: one line that says what was wrong, what was found and what is allowed.

    The commands print the line and end with exit code 2.
    """
