"""A worker in a process of its own, so that one that dies takes no grid with it.

The two ends talk in pickles over the process's standard input and output: no port, and nothing
that was read from a file. The process ends when its input does, that is, with its parent,
however that died.
"""

from __future__ import annotations

import faulthandler
import os
import pickle
import queue
import signal
import subprocess
import sys
import tempfile
import threading
import time
import traceback
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import IO, Any

import cloudpickle

from bench.errors import RunError
from bench.plan import Task
from bench.stages import Steps
from bench.store import DamagedError, Store, StoreError

# Read by the arithmetic libraries when they are loaded, each by its own.
THREADS = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")

PAUSE = 0.1  # seconds between two reports of progress
PRINTED = 20_000  # characters kept of what an item printed before it failed


@dataclass(frozen=True)
class Setup:
    """What a worker has to know before its first task.

    Attributes
    ----------
    store : Path
    data : str
        Key of the artifact that holds the data set's arrays.
    device : str
    threads : int
    deterministic : bool
    checkpoint : float
        Seconds.
    plugins : tuple of Path
    items : bytes
        The grid's models and reducers, for those that only this process knows: a notebook's.
    """

    store: Path
    data: str
    device: str
    threads: int
    deterministic: bool
    checkpoint: float
    plugins: tuple[Path, ...]
    items: bytes


@dataclass(frozen=True)
class Order:
    """A task to do; ``force``: although its artifact is there."""

    task: Task
    force: bool


@dataclass(frozen=True)
class Progressed:
    """So many steps of so many."""

    done: int
    total: int


class Waiting:
    """Another process is doing the task."""


class Ready:
    """The worker is set up."""


@dataclass(frozen=True)
class Done:
    """The artifact is there; ``computed``: by this worker."""

    computed: bool


@dataclass(frozen=True)
class Raised:
    """The task raised: error in one line, and the whole traceback."""

    error: str
    traceback: str


@dataclass(frozen=True)
class Damaged:
    """An artifact that the task reads is damaged."""

    stage: str
    key: str
    reason: str


@dataclass(frozen=True)
class Stuck:
    """The store cannot be used, and no task would fare better."""

    message: str


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
    """

    def __init__(self, setup: Setup, waiting: Callable[[], object] = lambda: None) -> None:
        self.setup = setup
        self.waiting = waiting
        self.process: subprocess.Popen[bytes] | None = None
        self.printed: IO[bytes] | None = None

    def __enter__(self) -> WorkerProcess:
        """Start nothing yet."""
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
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
        code = (
            f"import sys; sys.path[:] = {sys.path!r}; "
            "from bench.worker_process import serve; serve()"
        )
        settings = dict.fromkeys(THREADS, str(self.setup.threads))
        if self.setup.deterministic:
            settings["CUBLAS_WORKSPACE_CONFIG"] = ":4096:8"
        # What items print is kept for the file of an error: the terminal belongs to the grid.
        self.printed = tempfile.TemporaryFile()  # noqa: SIM115 - closed with the process
        self.process = subprocess.Popen(
            [sys.executable, "-c", code],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self.printed,
            env=os.environ | settings,
        )
        try:
            self._ask(self.setup, lambda done, total: None)
        except TaskFailedError as error:
            raise RunError(
                f"the process that works on the grid could not start: {error.error}"
            ) from error

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
        reason = f"exit code {code}"
        if code < 0:
            reason = f"killed by signal {-code}, {signal.Signals(-code).name}"
        if code == -signal.SIGKILL:
            reason += "; the system may have run out of memory"
        error = f"WorkerDied: the process that did this ended ({reason})"
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


def serve() -> None:
    """Be the worker: set up by the first message, then do task after task until the input ends."""
    replies = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)  # what items print must not get between the replies
    faulthandler.enable()
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the parent, which ends us
    requests: queue.Queue[Any] = queue.Queue()
    threading.Thread(
        target=_listen, args=(os.fdopen(os.dup(0), "rb"), requests), daemon=True
    ).start()

    def reply(message: object) -> None:
        pickle.dump(message, replies)
        replies.flush()

    worker = None
    while True:
        request = requests.get()
        try:
            if isinstance(request, Setup):
                worker = _set_up(request)
                reply(Ready())
            else:
                reply(_do(worker, request, reply))
        except DamagedError as damage:
            reply(Damaged(damage.stage, damage.key, damage.reason))
        except StoreError as error:
            reply(Stuck(str(error)))
        except Exception as error:  # whatever an item raises: told, not hidden
            line = " ".join(f"{type(error).__name__}: {error}".split())
            reply(Raised(line, "".join(traceback.format_exception(error))))


def _listen(pipe: IO[bytes], requests: queue.Queue[Any]) -> None:
    """Pass on what comes in; end the process, whatever it is doing, when nothing more will."""
    while True:
        try:
            requests.put(pickle.load(pipe))
        except EOFError:
            os._exit(0)


def _set_up(setup: Setup) -> Any:
    import torch

    from bench.plugins import adopt, load_plugins
    from bench.training import core
    from bench.worker import Data, Worker

    load_plugins(setup.plugins)
    adopt(cloudpickle.loads(setup.items))
    torch.set_num_threads(setup.threads)
    if setup.deterministic:
        core.be_deterministic()
    store = Store(setup.store)
    arrays = store.load("data", setup.data)
    data = Data(
        arrays.require("images"),
        arrays.require("validation_images"),
        arrays.array("labels"),
        arrays.array("validation_labels"),
    )
    return Worker(data, store, setup.device, setup.checkpoint)


def _do(worker: Any, order: Order, reply: Callable[[object], None]) -> Done:
    last = 0.0

    def steps(done: int, total: int) -> None:
        nonlocal last
        if time.monotonic() - last > PAUSE:
            last = time.monotonic()
            reply(Progressed(done, total))

    return Done(worker.do(order.task, steps, order.force, lambda: reply(Waiting())))
