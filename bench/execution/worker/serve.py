"""The worker's end: does task after task, and ends when its input does.

That is with its parent, however that died.
"""

from __future__ import annotations

import faulthandler
import os
import pickle
import queue
import signal
import threading
import time
import traceback
from collections.abc import Callable
from typing import IO, Any

import cloudpickle

from bench.base.errors import format_error
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
from bench.store import DamagedError, Store, StoreError

PAUSE = 0.1  # seconds between two reports of progress


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
                worker = set_up(request)
                reply(Ready())
            else:
                reply(_do(worker, request, reply))
        except DamagedError as damage:
            reply(Damaged(damage.stage, damage.key, damage.reason))
        except StoreError as error:
            reply(Stuck(str(error)))
        except Exception as error:  # whatever an item raises: told, not hidden
            reply(Raised(format_error(error), "".join(traceback.format_exception(error))))


def _listen(pipe: IO[bytes], requests: queue.Queue[Any]) -> None:
    """Pass on what comes in; end the process, whatever it is doing, when nothing more will."""
    while True:
        try:
            requests.put(pickle.load(pipe))
        except EOFError:
            os._exit(0)


def set_up(setup: Setup) -> Any:
    """Return a worker with its data, plugins and precision ready."""
    from bench.execution.worker.tasks import Worker
    from bench.planning.plugins import adopt, load_plugins
    from bench.stages.stage import Data
    from bench.stages.training import core

    load_plugins(setup.plugins)
    adopt(cloudpickle.loads(setup.items))
    core.set_precision(setup.precision)
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
    return Worker(data, store, setup.checkpoint)


def _do(worker: Any, order: Order, reply: Callable[[object], None]) -> Done:
    last = 0.0

    def steps(done: int, total: int) -> None:
        nonlocal last
        if time.monotonic() - last > PAUSE:
            last = time.monotonic()
            reply(Progressed(done, total))

    return Done(worker.do(order.task, steps, order.force, lambda: reply(Waiting())))
