"""Runs a command in this process, as if it had been started in one of its own.

Starting Python and importing torch takes three seconds, drawing for the first time two more. What a
command changes for its whole process is put back as it was: the current folder, what it registered,
threads, warnings and the garbage collector.
"""

from __future__ import annotations

import contextlib
import gc
import importlib
import io
import subprocess
import sys
import traceback
import warnings
from collections.abc import Iterator
from pathlib import Path

import torch

from bench.base.processors import limit_threads
from bench.clusterers import clusterers
from bench.datasets import datasets
from bench.execution.engines import choose
from bench.execution.engines.inline import Inline
from models import autoencoders
from reducers import reducers

REGISTRIES = (datasets, autoencoders, reducers, clusterers)


def run(module: str, *arguments: object, cwd: Path) -> subprocess.CompletedProcess[str]:
    """Run a module's command line in a folder; return what it said and its exit code."""
    words = list(map(str, arguments))
    out, error = io.StringIO(), io.StringIO()
    with (
        restored(),
        no_worker(),
        contextlib.chdir(cwd),
        contextlib.redirect_stdout(out),
        contextlib.redirect_stderr(error),
        shown_warnings(),
    ):
        try:
            _main(module)(words)
            code = 0
        except SystemExit as end:
            code = end.code if isinstance(end.code, int) else int(end.code is not None)
        except Exception:
            traceback.print_exc()
            code = 1
    if code in (130, 143):  # it was these tests that were stopped
        raise KeyboardInterrupt(error.getvalue())
    return subprocess.CompletedProcess(words, code, out.getvalue(), error.getvalue())


def _main(module: str):
    found = importlib.import_module(module)
    if hasattr(found, "__path__"):  # as Python does with a package
        found = importlib.import_module(f"{module}.__main__")
    return found.main


@contextlib.contextmanager
def shown_warnings() -> Iterator[None]:
    """Write warnings to standard error, once each and by Python's own choice of categories."""

    def show(message, category, filename, lineno, file=None, line=None):
        sys.stderr.write(warnings.formatwarning(message, category, filename, lineno, line))

    with warnings.catch_warnings():
        warnings.resetwarnings()
        for hidden in (
            DeprecationWarning, PendingDeprecationWarning, ImportWarning, ResourceWarning
        ):  # fmt: skip
            warnings.simplefilter("ignore", hidden)
        warnings.showwarning = show
        yield


@contextlib.contextmanager
def no_worker() -> Iterator[None]:
    """Have the default engine do its tasks in this process, as the engine inline does."""
    before = choose.Local
    choose.Local = lambda workers: before(workers) if (workers or 1) > 1 else Inline()
    try:
        yield
    finally:
        choose.Local = before


@contextlib.contextmanager
def restored() -> Iterator[None]:
    """Put back what a command changes for the whole process."""
    threads, thresholds = torch.get_num_threads(), gc.get_threshold()
    names = [set(registry.names()) for registry in REGISTRIES]
    modules = set(sys.modules)
    try:
        yield
    finally:
        gc.set_threshold(*thresholds)
        limit_threads(threads)
        for registry, before in zip(REGISTRIES, names, strict=True):
            for entry in list(registry):
                if entry.name not in before and entry.origin is None:
                    registry.unregister(entry.name)
        for name in set(sys.modules) - modules:
            if name.startswith("latentgrid_plugin_"):
                del sys.modules[name]
