"""Measures what docs/scale.md says: ``python docs/scale.py planning`` or ``cells``."""

from __future__ import annotations

import resource
import sys
import tempfile
import time
from pathlib import Path

import cloudpickle
import numpy as np

from bench.console import duration
from bench.datasets.dataset import load
from bench.engines.cluster import Cluster
from bench.engines.local import Local
from bench.plan import Plan, plan
from bench.runner import Mode, Outcome
from bench.spec import resolve
from bench.store import MANIFEST, Store
from bench.task import Task
from bench.worker.messages import Setup


def planning() -> None:
    """Plan grids of more and more cells: seconds, microseconds a cell, most memory so far."""
    data = load("digits", limit=200)
    for seeds in (50, 500, 5000):
        spec = resolve(
            {"models": "pixels,dnn,cnn,histogram,hog", "reducers": "none,pca16,svd16,tsne2",
             "limit": 200, "seeds": seeds, "device": "cpu", "null": False, "baselines": False}
        )  # fmt: skip
        began = time.perf_counter()
        made = plan(spec, data)
        took = time.perf_counter() - began
        memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
        print(
            f"{len(made.cells):7,} cells, {len(made.tasks):7,} tasks: {duration(took)}, "
            f"{took / len(made.cells) * 1e6:.0f} µs a cell, {memory:,.0f} MiB"
        )


def cells() -> None:
    """Have 1,000 cells "done" whose artifacts are there: what is left is the engine's own time."""
    with tempfile.TemporaryDirectory() as folder:
        store, setup = _nothing_to_do(Path(folder))
        for name, engine in (("local", Local()), ("dask", Cluster(None, 2))):
            for length in (1, 4, 8):  # tasks a cell
                _time(name, engine, store, setup, length)


def _nothing_to_do(folder: Path) -> tuple[Store, Setup]:
    store = Store(folder)
    store.prepare()
    images = np.zeros((2, 32, 32, 3), np.uint8)
    store.save("data", "d", {"images": images, "validation_images": images[:0]}, {}, {})
    return store, Setup(folder, "d", "cpu", 1, False, "float32", 60.0, (), cloudpickle.dumps([]))


def _time(name: str, engine: Local | Cluster, store: Store, setup: Setup, length: int) -> None:
    class Unseen(Store):
        """The client's, to which nothing is there, so that all of it is handed out."""

        def __contains__(self, place: tuple[str, str]) -> bool:
            return False

    tasks: dict[str, Task] = {}
    for cell in range(1000):
        for step in range(length):
            key = f"{length}-{cell}-{step}"
            reads = (("noop", f"{length}-{cell}-{step - 1}"),) if step else ()
            tasks[key] = Task("noop", key, reads, {}, {"versions": {}}, "", 1, 1, 1)
            store.path("noop", key).mkdir(parents=True, exist_ok=True)
            (store.path("noop", key) / MANIFEST).touch()
    first = dict(list(tasks.items())[:1])
    with engine, engine.at_work(setup, {}, None) as work:
        work(
            Plan(None, (), first), Unseen(store.root), Mode(), Outcome()
        )  # starts what there is to
        began = time.perf_counter()
        work(Plan(None, (), tasks), Unseen(store.root), Mode(), Outcome())
        took = time.perf_counter() - began
    print(f"{name}, {length} tasks a cell: {took:.1f} s, {took:.2f} ms a cell")


if __name__ == "__main__":
    {"planning": planning, "cells": cells}[sys.argv[1]]()
