"""Ctrl-C in the second in which a command imports: one line, and no traceback of the import.

This is the first module that a command imports, and guards it from then on. It needs none of
Python's own that is not there already: `signal` itself would take some milliseconds.
"""

import _signal  # type: ignore[import-not-found]
import os
import sys


def _is_command() -> bool:
    script = os.path.splitext(os.path.basename(sys.argv[0] if sys.argv else ""))[0]
    as_module = script == "-m" and any(word.startswith("bench.") for word in sys.orig_argv)
    return as_module or script == "latentgrid"


def leave(number: int, message: str = "") -> None:
    """End the process by a signal at once, with a line if something is to be said."""
    cursor = "\x1b[?25h" if os.isatty(2) else ""  # which progress hides
    line = f"interrupted: {message}\n" if message else ""
    try:
        os.write(2, f"{cursor}{line}".encode())
    finally:
        os._exit(128 + number)


# Whether this process was started as ``python -m bench.COMMAND``, or by the script ``latentgrid``,
# and does nothing after that. Any other that imports us is left as it is.
IS_COMMAND = _is_command()
if IS_COMMAND and _signal.getsignal(_signal.SIGINT) is _signal.default_int_handler:
    # Until `bench.base.stopping.stoppable` takes over.
    _signal.signal(_signal.SIGINT, lambda number, _: leave(number, "nothing was done yet"))
