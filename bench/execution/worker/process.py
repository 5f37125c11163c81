"""A worker in a process of its own: one that dies takes no grid with it.

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
from dataclasses import dataclass
from typing import IO

from bench.base.errors import RunError
from bench.execution.worker.messages import (
    Damaged,
    Done,
    End,
    Order,
    Progressed,
    Raised,
    Ready,
    Setup,
    Stuck,
    Waiting,
)
from bench.planning.settings import GridSettings
from bench.stages.stage import Steps, no_steps

# Read by numerical libraries when they are loaded, each by its own.
THREADS = (
    "OMP_NUM_THREADS",
    "OPENBLAS_NUM_THREADS",
    "MKL_NUM_THREADS",
    "NUMBA_NUM_THREADS",
)

PRINTED = 20_000  # characters kept of what an item printed before it failed


def environment(setup: Setup | GridSettings) -> dict[str, str]:
    """Return the environment of a worker's process: what libraries read when they are loaded.

    Threads that wait for others sleep unless the user says otherwise. To have them spin is no
    faster where the processors are free, and made training 2 to 4 times slower on two cores
    where something else was at work.
    """
    found = dict(os.environ) | dict.fromkeys(THREADS, str(setup.threads))
    found.setdefault("OMP_WAIT_POLICY", "passive")
    if setup.deterministic:
        found["CUBLAS_WORKSPACE_CONFIG"] = ":4096:8"
    return found


@dataclass(frozen=True)
class Launched:
    """A process that has started and was told nothing yet."""

    process: subprocess.Popen[bytes]
    # What items print is kept for the file of an error: the terminal belongs to the grid.
    printed: IO[bytes]

    def end(self) -> None:
        """End it at once: what it had not finished is in nobody's way."""
        self.process.kill()
        self.process.wait()
        for pipe in (self.process.stdin, self.process.stdout, self.printed):
            if pipe is not None:
                with suppress(BrokenPipeError):  # the other end may not have read all
                    pipe.close()


def launch(setup: Setup | GridSettings, more: dict[str, str] | None = None) -> Launched:
    """Start a process, which imports what tasks need; ``more``: variables beside `environment`."""
    code = (
        f"import sys; sys.path[:] = {sys.path!r}; "
        "from bench.execution.worker.serve import serve; serve()"
    )
    printed = tempfile.TemporaryFile()  # noqa: SIM115 - closed with the process
    process = subprocess.Popen(
        [sys.executable, "-u", "-c", code],  # so that what a dead worker printed is there
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=printed,
        env=environment(setup) | (more or {}),
    )
    return Launched(process, printed)


class WorkerProcess:
    """A process that starts when there is something to do, and again after it died.

    Parameters
    ----------
    setup : Setup
    waiting : callable
        Called when another process is doing the task that was asked for.
    more : dict or None
        Variables of the process's environment beside `environment`.
    launched : list of Launched
        Processes that are there already, of which it takes one with its first task.
    """

    def __init__(
        self,
        setup: Setup,
        waiting: Callable[[], object] = lambda: None,
        more: dict[str, str] | None = None,
        launched: list[Launched] | None = None,
    ) -> None:
        self.setup = setup
        self.waiting = waiting
        self.more = more
        self.launched = [] if launched is None else launched
        self.started: Launched | None = None

    def __enter__(self) -> WorkerProcess:
        """Start nothing yet."""
        return self

    def __exit__(self, *raised: object) -> None:
        """End the process."""
        self.end()

    def do(self, order: Order, steps: Steps = no_steps) -> End:
        """Have a task done; return how it ended. A process that died over it is a failure.

        Raises
        ------
        bench.base.errors.RunError
            If the process cannot start.
        """
        if self.started is None:
            answer = self._start()
            if not isinstance(answer, Ready):
                self.end()
                if isinstance(answer, Raised):
                    raise RunError(
                        f"the process that works on the grid could not start: {answer.error}"
                    )
                return answer
        answer = self._ask(order, steps)
        assert not isinstance(answer, Ready)
        return answer

    def kill(self) -> None:
        """Kill the process; another thread that waits for its answer gets a failure."""
        started = self.started
        if started is not None:
            started.process.kill()

    def end(self) -> None:
        """End the process."""
        if self.started is not None:
            self.started.end()
        self.started = None

    def _start(self) -> End | Ready:
        # Taken by threads at the same time: pop is atomic, a look before it would not be.
        try:
            self.started = self.launched.pop()
        except IndexError:
            self.started = launch(self.setup, self.more)
        try:
            return self._ask(self.setup, no_steps)
        except BaseException:
            self.end()  # it is set up for nothing
            raise

    def _ask(self, request: Setup | Order, steps: Steps) -> End | Ready:
        """Send a request and follow its replies to the last."""
        assert self.started is not None
        process = self.started.process
        assert process.stdin is not None
        assert process.stdout is not None
        try:
            pickle.dump(request, process.stdin)
            process.stdin.flush()
            while True:
                match pickle.load(process.stdout):
                    case Progressed(done, total):
                        steps(done, total)
                    case Waiting():
                        self.waiting()
                    case Raised(error, text):
                        return Raised(error, text + self._output())
                    case Ready() | Done() | Damaged() | Stuck() as answer:
                        return answer
        except (EOFError, BrokenPipeError, ConnectionResetError, pickle.UnpicklingError):
            error = f"WorkerDied: the worker process ended ({_reason(process.wait())})"
            died = Raised(error, f"{error}\n{self._output()}")
            self.end()
            return died

    def _output(self) -> str:
        """Return what the worker printed lately."""
        assert self.started is not None
        self.started.printed.seek(0)
        text = self.started.printed.read().decode(errors="backslashreplace")[-PRINTED:]
        return f"\nWhat it printed:\n{text}" if text else ""


def _reason(code: int) -> str:
    """Say why a process ended."""
    if code >= 0:
        return f"exit code {code}"
    known = -code in set(signal.Signals)  # those of real time have no name
    name = f", {signal.Signals(-code).name}" if known else ""
    memory = "; the system may have run out of memory" if -code == signal.SIGKILL else ""
    return f"killed by signal {-code}{name}{memory}"
