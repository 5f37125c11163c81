"""How Ctrl-C and SIGTERM stop a command: in one line, whenever they come and however often.

Nothing is lost if a process ends at once: what it had not finished is in nobody's way.
"""

from __future__ import annotations

import signal
import socket
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Any

from bench.base.errors import one_line
from bench.base.starting import IS_COMMAND, leave

SIGNALS = (signal.SIGINT, signal.SIGTERM)
GRACE = 1.5  # seconds in which a process that is stopped may leave things in order
WORK_KEPT = "finished work is kept"


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
        self.number = number
        self.said = False

    def say(self, message: str) -> int:
        """Print in one line, once, what is kept; return the exit code, 130 or 143."""
        if not self.said:
            self.said = True
            print(f"interrupted: {one_line(message)}", file=sys.stderr)
        return 128 + self.number


class Asked:
    """Whether a command was asked to stop: what was raised then."""

    stopped: Stopped | None = None


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

    reader, writer = socket.socketpair()
    writer.setblocking(False)
    before: dict[int, Any] = {}
    for number in SIGNALS:
        if signal.getsignal(number) is not signal.SIG_IGN:
            before[number] = signal.signal(number, stop)
    other = signal.set_wakeup_fd(writer.fileno(), warn_on_full_buffer=False)
    threading.Thread(target=_watch, args=(reader, asked, set(before)), daemon=True).start()
    try:
        yield asked
    finally:
        if IS_COMMAND:  # what comes now, until it has ended, changes nothing
            asked.stopped = asked.stopped or Stopped(signal.SIGINT)
            asked.stopped.said = True
        else:
            signal.set_wakeup_fd(other)
            writer.close()
            for each, handler in before.items():
                signal.signal(each, handler)


def _watch(reader: socket.socket, asked: Asked, numbers: set[int]) -> None:
    """Wait for signals, also while the main thread is in code that hears of none."""
    seen: list[int] = []
    end = None
    try:
        while found := reader.recv(1):
            seen += [number for number in found if number in numbers]
            if signal.SIGTERM in seen or len(seen) > 1:
                end = end or time.monotonic() + GRACE
                reader.settimeout(max(end - time.monotonic(), 0.001))
    except TimeoutError:
        leave(seen[0], "" if asked.stopped and asked.stopped.said else WORK_KEPT)
    reader.close()
