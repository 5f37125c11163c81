"""A worker in a process of its own, so that one that dies takes no grid with it.

The two ends talk in pickles over the process's standard input and output: no port, and nothing
that was read from a file.
"""

from __future__ import annotations

import os
import pickle
import signal
import subprocess
import sys
import tempfile
from collections.abc import Callable
from contextlib import suppress
from typing import IO

from bench.base.errors import RunError
from bench.execution.worker.messages import (
    Damaged,
    Done,
    Order,
    Progressed,
    Raised,
    Ready,
    Setup,
    Stuck,
    Waiting,
)
from bench.stages.stage import Steps, Task
from bench.store import DamagedError, StoreError

# Read by the arithmetic libraries when they are loaded, each by its own.
THREADS = (
    "OMP_NUM_THREADS",
    "OPENBLAS_NUM_THREADS",
    "MKL_NUM_THREADS",
    "NUMBA_NUM_THREADS",
)

PRINTED = 20_000  # characters kept of what an item printed before it failed


def environment(setup: Setup) -> dict[str, str]:
    """Return the environment of a worker's process: what libraries read when they are loaded.

    Threads that wait for the others sleep unless the user says otherwise. To have them spin is no
    faster where the processors are free; where something else is at work too, it made training 2
    to 4 times slower on two cores.
    """
    found = dict(os.environ) | dict.fromkeys(THREADS, str(setup.threads))
    found.setdefault("OMP_WAIT_POLICY", "passive")
    if setup.deterministic:
        found["CUBLAS_WORKSPACE_CONFIG"] = ":4096:8"
    return found


class TaskFailedError(Exception):
    """A task raised, or its worker died.

    Parameters
    ----------
    error : str
        One line.
    details : str
        The traceback and what was printed.
    """

    def __init__(self, error: str, details: str) -> None:
        super().__init__(error)
        self.error = error
        self.details = details


class WorkerProcess:
    """Starts a worker when there is something to do, and again after it died.

    Parameters
    ----------
    setup : Setup
    waiting : callable
        Called when another process is doing the task that was asked for.
    more : dict or None
        Variables of the process's environment beside `environment`.
    """

    def __init__(
        self,
        setup: Setup,
        waiting: Callable[[], object] = lambda: None,
        more: dict[str, str] | None = None,
    ) -> None:
        self.setup = setup
        self.waiting = waiting
        self.more = more or {}
        self.process: subprocess.Popen[bytes] | None = None
        self.printed: IO[bytes] | None = None

    def __enter__(self) -> WorkerProcess:
        """Start nothing yet."""
        return self

    def __exit__(self, *raised: object) -> None:
        """End the process at once: what it had not finished is in no one's way."""
        self._end()

    def do(self, task: Task, steps: Steps, force: bool = False) -> bool:
        """Have a task done.

        Returns
        -------
        bool
            False if its artifact was there.

        Raises
        ------
        TaskFailedError
            If it raised, or the process died over it.
        bench.store.DamagedError
            If what it reads is damaged.
        bench.store.StoreError
            If the store cannot be written.
        """
        if self.process is None:
            self._start()
        return self._ask(Order(task, force), steps)

    def _start(self) -> None:
        code = f"import sys; sys.path[:] = {sys.path!r}; from bench.execution.worker.serve import serve; serve()"
        # What items print is kept for the file of an error: the terminal belongs to the grid.
        self.printed = tempfile.TemporaryFile()  # noqa: SIM115 - closed with the process
        self.process = subprocess.Popen(
            [sys.executable, "-u", "-c", code],  # so that what a dead worker printed is there
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self.printed,
            env=environment(self.setup) | self.more,
        )
        try:
            self._ask(self.setup, lambda done, total: None)
        except TaskFailedError as error:
            self._end()
            raise RunError(
                f"the process that works on the grid could not start: {error.error}"
            ) from error
        except BaseException:
            self._end()  # it is set up for nothing
            raise

    def _ask(self, request: Setup | Order, steps: Steps) -> bool:
        """Send a request and follow its replies to the last."""
        assert self.process is not None
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        try:
            pickle.dump(request, self.process.stdin)
            self.process.stdin.flush()
            while True:
                match pickle.load(self.process.stdout):
                    case Progressed(done, total):
                        steps(done, total)
                    case Waiting():
                        self.waiting()
                    case Ready():
                        return True
                    case Done(computed):
                        return computed
                    case Damaged(stage, key, reason):
                        raise DamagedError(stage, key, reason)
                    case Stuck(message):
                        raise StoreError(message)
                    case Raised(error, text):
                        raise TaskFailedError(error, text + self._output())
        except (EOFError, BrokenPipeError, ConnectionResetError, pickle.UnpicklingError):
            raise self._died() from None

    def _died(self) -> TaskFailedError:
        assert self.process is not None
        code = self.process.wait()
        error = f"WorkerDied: the process that did this ended ({_reason(code)})"
        details = f"{error}\n{self._output()}"
        self._end()
        return TaskFailedError(error, details)

    def _output(self) -> str:
        """Return what the worker printed lately."""
        assert self.printed is not None
        self.printed.seek(0)
        text = self.printed.read().decode(errors="backslashreplace")[-PRINTED:]
        return f"\nWhat it printed:\n{text}" if text else ""

    def _end(self) -> None:
        if self.process is not None:
            self.process.kill()
            self.process.wait()
            for pipe in (self.process.stdin, self.process.stdout, self.printed):
                if pipe is not None:
                    with suppress(BrokenPipeError):  # the other end may not have read all
                        pipe.close()
        self.process = self.printed = None


def _reason(code: int) -> str:
    """Say why a process ended."""
    if code >= 0:
        return f"exit code {code}"
    known = -code in set(signal.Signals)  # those of real time have no name
    name = f", {signal.Signals(-code).name}" if known else ""
    memory = "; the system may have run out of memory" if -code == signal.SIGKILL else ""
    return f"killed by signal {-code}{name}{memory}"
