"""How Ctrl-C and SIGTERM stop a command: in one line, whenever they come and however often.

Nothing is lost if a process ends at once: what it had not finished is in nobody's way.
"""

from __future__ import annotations

import os
import signal
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from types import FrameType
from typing import Any, NoReturn

from bench.base.errors import one_line

SIGNALS = (signal.SIGINT, signal.SIGTERM)
GRACE = 1.5  # seconds in which a process that is stopped may leave things in order
WORK_KEPT = "finished work is kept"

_is_ours = False  # the process is a command, and does nothing after it


class Stopped(BaseException):
    """The process was asked to stop, by Ctrl-C or SIGTERM.

    It is no KeyboardInterrupt, which typer would answer itself.

    Parameters
    ----------
    number : int
        The signal.
    """

    def __init__(self, number: int) -> None:
        super().__init__(number)
        self.code = 128 + number
        self.said = False

    def say(self, message: str) -> int:
        """Print in one line, once, what is kept; return the exit code, 130 or 143."""
        if not self.said:
            self.said = True
            print(f"interrupted: {one_line(message)}", file=sys.stderr)
        return self.code


class Asked:
    """Whether a command was asked to stop: what was raised then."""

    stopped: Stopped | None = None


def guard_command() -> None:
    """Have Ctrl-C end this process in one line if it is a command, which imports for a second.

    It is if it was started as ``python -m bench.COMMAND``, or by the script ``latentgrid``; any
    other that imports us is left as it is. `stoppable` takes over when the command begins.
    """
    global _is_ours
    script = os.path.splitext(os.path.basename(sys.argv[0] if sys.argv else ""))[0]
    as_module = script == "-m" and any(word.startswith("bench.") for word in sys.orig_argv)
    if not (as_module or script == "latentgrid"):
        return
    _is_ours = True
    if signal.getsignal(signal.SIGINT) is signal.default_int_handler:
        signal.signal(signal.SIGINT, lambda number, _: _leave(number, "nothing was done yet"))


@contextmanager
def stoppable() -> Iterator[Asked]:
    """Raise `Stopped` at the first Ctrl-C or SIGTERM; a signal that is ignored stays so (nohup).

    A process that is still there `GRACE` seconds after a SIGTERM, or a second Ctrl-C, is ended,
    whatever it is doing.
    """
    asked = Asked()

    def stop(number: int, frame: FrameType | None) -> None:
        if asked.stopped is None:
            asked.stopped = Stopped(number)
            raise asked.stopped

    reader, writer = os.pipe()
    os.set_blocking(writer, False)
    before: dict[int, Any] = {}
    for number in SIGNALS:
        if signal.getsignal(number) is not signal.SIG_IGN:
            before[number] = signal.signal(number, stop)
    other = signal.set_wakeup_fd(writer, warn_on_full_buffer=False)
    threading.Thread(target=_watch, args=(reader, asked, set(before)), daemon=True).start()
    try:
        yield asked
    finally:
        if _is_ours:  # what comes now, until it has ended, changes nothing
            asked.stopped = asked.stopped or Stopped(signal.SIGINT)
            asked.stopped.said = True
        else:
            signal.set_wakeup_fd(other)
            os.close(writer)
            for each, handler in before.items():
                signal.signal(each, handler)


def _watch(reader: int, asked: Asked, numbers: set[int]) -> None:
    """Wait for signals, also while the main thread is in code that hears of none."""
    seen: list[int] = []
    while found := os.read(reader, 1):
        seen += [number for number in found if number in numbers]
        if signal.SIGTERM in seen or len(seen) > 1:
            time.sleep(GRACE)
            _leave(seen[0], "" if asked.stopped and asked.stopped.said else WORK_KEPT)
    os.close(reader)


def _leave(number: int, message: str) -> NoReturn:
    cursor = "\x1b[?25h" * os.isatty(2)  # which progress hides
    line = f"interrupted: {message}\n" if message else ""
    with suppress(OSError):
        os.write(2, f"{cursor}{line}".encode())
    os._exit(128 + number)
