"""What ends a command with one line and no traceback."""

from __future__ import annotations


class UsageError(Exception):
    """Bad input: one line that says what was wrong, what was found and what is allowed.

    The commands print the line and end with exit code 2.
    """


class RunError(Exception):
    """Something outside of the grid stopped it, such as a full disk; what was done stays.

    The commands print the line and end with exit code 1.
    """
