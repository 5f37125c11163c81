"""Real ``dask scheduler`` and ``dask worker`` processes on the loopback interface."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

from tests.conftest import HANGING, ROOT

# Holds a worker's process up in each kind of stage, once: the test says when it goes on.
HOLD = """
import importlib.abc, importlib.util, os, pathlib, sys, time

FOLDER = pathlib.Path(os.environ["HOLD"])


class Without(importlib.abc.MetaPathFinder):
    def find_spec(self, name, path, target=None):
        if name == "bench":
            raise ModuleNotFoundError(f"No module named {name!r}")


if "WITHOUT" in os.environ:
    sys.meta_path.insert(0, Without())


class Hook(importlib.abc.MetaPathFinder):
    def find_spec(self, name, path, target=None):
        if name != "bench.execution.worker.tasks":
            return None
        sys.meta_path.remove(self)
        spec = importlib.util.find_spec(name)
        load = spec.loader.exec_module
        spec.loader.exec_module = lambda module: (load(module), patch(module.Worker))
        return spec


def patch(worker):
    do = worker.do

    def held(self, task, *rest):
        marker = FOLDER / task.stage
        if (FOLDER / f"{task.stage}.wanted").exists():
            try:
                os.close(os.open(marker, os.O_CREAT | os.O_EXCL))
            except FileExistsError:
                return do(self, task, *rest)
            (FOLDER / f"{task.stage}.pid").write_text(f"{os.getppid()} {os.getpid()}")
            while (FOLDER / f"{task.stage}.wanted").exists():
                time.sleep(0.05)
        return do(self, task, *rest)

    worker.do = held


sys.meta_path.insert(0, Hook())
"""


def free_port() -> int:
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return int(found.getsockname()[1])


def wait_for(what, seconds=HANGING):
    """Return what a function returns as soon as that is true."""
    deadline = time.monotonic() + seconds
    while not (found := what()):
        assert time.monotonic() < deadline, "waited in vain"
        time.sleep(0.05)
    return found


class DaskCluster:
    """A scheduler, and workers that are started one by one; ends what it started."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.port = free_port()
        self.address = f"tcp://127.0.0.1:{self.port}"
        self.engine = f"dask:{self.address}"
        self.hold = folder / "hold"
        self.hold.mkdir()
        (folder / "site").mkdir()
        (folder / "site" / "sitecustomize.py").write_text(HOLD)
        self.processes: list[subprocess.Popen[bytes]] = []
        self.scheduler = self.start_scheduler()

    def start_scheduler(self, **environment):
        self.scheduler = self._start(
            "scheduler", "--host", "127.0.0.1", "--port", self.port, "--dashboard-address",
            "127.0.0.1:0", **environment,
        )  # fmt: skip
        return self.scheduler

    def start_worker(self, memory="6GB", threads=1, nanny=True, **environment):
        return self._start(
            "worker", self.address, "--nthreads", threads, "--memory-limit", memory, "--host",
            "127.0.0.1", "--no-dashboard", "--nanny" if nanny else "--no-nanny", "--death-timeout",
            HANGING, "--local-directory", self.folder / "scratch", **environment,
        )  # fmt: skip

    def want_held(self, *stages):
        for stage in stages:
            (self.hold / f"{stage}.wanted").touch()

    def held(self, stage):
        """Wait until a process is held in a stage; return the worker's and its own number."""
        path = self.hold / f"{stage}.pid"
        text = wait_for(lambda: path.is_file() and path.read_text())
        return tuple(map(int, text.split()))

    def let_go(self, stage):
        (self.hold / f"{stage}.wanted").unlink()

    def reset(self):
        for path in self.hold.iterdir():
            path.unlink()

    def end(self):
        for process in self.processes:
            process.send_signal(signal.SIGTERM)
        for process in self.processes:
            try:
                process.wait(2)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()

    def _start(self, *arguments, **environment):
        number = len(self.processes)
        plain = {name: value for name, value in os.environ.items() if "COV" not in name}
        paths = f"{self.folder / 'site'}{os.pathsep}{ROOT}"
        with open(self.folder / f"log-{number}.txt", "wb") as log:
            process = subprocess.Popen(
                [sys.executable, "-m", "dask", *map(str, arguments)],
                cwd=self.folder,
                env=plain | {"PYTHONPATH": paths, "HOLD": str(self.hold)} | environment,
                stdout=log,
                stderr=log,
            )
        self.processes.append(process)
        return process
