"""The worker's end: does task after task, and ends when its input does.

The input ends with the parent, however that died.
"""

from __future__ import annotations

import faulthandler
import importlib
import os
import pickle
import queue
import signal
import threading
import time
import traceback
from collections.abc import Callable
from contextlib import suppress
from typing import IO, TYPE_CHECKING, Any

import cloudpickle

from bench.base import compiled
from bench.base.errors import format_error
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
from bench.stages.stage import Steps
from bench.store import DamagedError, Store, StoreError

if TYPE_CHECKING:
    from bench.execution.worker.tasks import Worker

PAUSE = 0.1  # seconds between two reports of progress
# What `_worker` imports, and with it torch and scikit-learn.
IMPORTED = (
    "bench.execution.worker.tasks",
    "bench.planning.plugins",
    "bench.stages.training.core",
)


def serve() -> None:
    """Be the worker: set up by the first message, then do task after task until the input ends."""
    replies = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)  # what items print must not get between the replies
    faulthandler.enable()
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the parent, which ends us
    requests: queue.Queue[Setup | Order] = queue.Queue()
    threading.Thread(
        target=_listen, args=(os.fdopen(os.dup(0), "rb"), requests), daemon=True
    ).start()

    def reply(message: object) -> None:
        pickle.dump(message, replies)
        replies.flush()

    here = Here()
    with suppress(Exception):  # what is wrong is said when the worker is set up
        for module in IMPORTED:
            importlib.import_module(module)
    while True:
        request = requests.get()
        if isinstance(request, Setup):
            reply(here.set_up(request))
        else:
            steps = at_most_every(PAUSE, lambda done, total: reply(Progressed(done, total)))
            reply(here.do(request, steps, lambda: reply(Waiting())))


def _listen(pipe: IO[bytes], requests: queue.Queue[Any]) -> None:
    """Pass on what comes in; end the process, whatever it is doing, when nothing more will."""
    while True:
        try:
            requests.put(pickle.load(pipe))
        except EOFError:
            os._exit(0)


def at_most_every(seconds: float, steps: Steps) -> Steps:
    """Return a function that passes on some of the steps that it is given."""
    last = 0.0

    def some(done: int, total: int) -> None:
        nonlocal last
        if time.monotonic() - last > seconds:
            last = time.monotonic()
            steps(done, total)

    return some


class Here:
    """Does tasks in this process; whatever they raise is how they ended."""

    worker: Worker | None = None

    def set_up(self, setup: Setup) -> End | Ready:
        """Load data and plugins, and set the precision."""

        def load() -> Ready:
            self.worker = _worker(setup)
            return Ready()

        return _ended(load)

    def do(self, order: Order, steps: Steps, waiting: Callable[[], object]) -> End:
        """Do a task, after `set_up`; ``waiting`` is called if another process is doing it."""
        worker = self.worker
        assert worker is not None
        end = _ended(lambda: Done(worker.do(order.task, steps, order.force, waiting)))
        assert not isinstance(end, Ready)
        return end


def _ended(act: Callable[[], Done | Ready]) -> End | Ready:
    try:
        return act()
    except DamagedError as damage:
        return Damaged(damage.stage, damage.key, damage.reason)
    except StoreError as error:
        return Stuck(str(error))
    except Exception as error:  # whatever an item raises
        return Raised(format_error(error), "".join(traceback.format_exception(error)))


def _worker(setup: Setup) -> Worker:
    from bench.execution.worker.tasks import Worker, read_data
    from bench.planning.plugins import adopt, load_plugins
    from bench.stages.training import core

    compiled.find_place(setup.store)
    load_plugins(setup.plugins)
    adopt(cloudpickle.loads(setup.items))
    core.set_precision(setup.precision)
    if setup.deterministic:
        core.be_deterministic()
    store = Store(setup.store)
    return Worker(read_data(store, setup.data), store, setup.checkpoint)
