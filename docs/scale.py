"""Measures what docs/scale.md says: ``python docs/scale.py planning`` or ``cells``."""

from __future__ import annotations

import resource
import sys
import tempfile
import time
from dataclasses import replace
from pathlib import Path

import cloudpickle
import numpy as np

from bench.console import duration
from bench.datasets.dataset import Dataset, load
from bench.engines.cluster import Cluster
from bench.engines.local import Local
from bench.plan import Plan, plan
from bench.runner import Mode, Outcome
from bench.spec import resolve
from bench.store import MANIFEST, Store
from bench.worker.messages import Setup

FEW_MODELS = {"models": "pixels,dnn,cnn,histogram,hog", "reducers": "none,pca16,svd16,tsne2"}
MANY_MODELS = {"models": "dnn,cnn,cnn-plain,denoising,sparse", "reducers": "pca16"}


def planned(data: Dataset, seeds: int, **settings: str) -> Plan:
    """Plan a grid without controls and baselines."""
    fixed = {"limit": len(data), "device": "cpu", "threads": 1, "null": False, "baselines": False}
    return plan(resolve({**fixed, "seeds": seeds, **settings}), data)


def planning() -> None:
    """Plan grids of more and more cells: seconds, microseconds a cell, most memory so far."""
    data = load("digits", limit=200)
    for seeds in (50, 500, 5000):
        began = time.perf_counter()
        made = planned(data, seeds, **FEW_MODELS)
        took = time.perf_counter() - began
        memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
        print(
            f"{len(made.cells):7,} cells, {len(made.tasks):7,} tasks: {duration(took)}, "
            f"{took / len(made.cells) * 1e6:.0f} µs a cell, {memory:,.0f} MiB"
        )


def cells() -> None:
    """Have 1,000 cells "done" whose artifacts are there: what is left is the engine's own time."""
    data = load("digits", limit=200)
    plans = [planned(data, 50, **FEW_MODELS), planned(data, 200, **MANY_MODELS)]
    with tempfile.TemporaryDirectory() as folder:
        store, setup = _nothing_to_do(Path(folder), plans)
        for made in plans:
            for name, engine in (("local", Local()), ("dask", Cluster(None, 2))):
                _time(name, engine, store, setup, made)


class _Unseen(Store):
    """The client's, to which nothing is there, so that all of it is handed out."""

    def __contains__(self, place: tuple[str, str]) -> bool:
        return False


def _nothing_to_do(folder: Path, plans: list[Plan]) -> tuple[Store, Setup]:
    store = _Unseen(folder)
    store.prepare()
    images = np.zeros((2, 32, 32, 3), np.uint8)
    store.save("data", "d", {"images": images, "validation_images": images[:0]}, {}, {})
    for made in plans:
        for task in made.tasks.values():
            store.path(task.stage, task.key).mkdir(parents=True, exist_ok=True)
            (store.path(task.stage, task.key) / MANIFEST).touch()
    return store, Setup(folder, "d", "cpu", 1, False, "float32", 60.0, (), cloudpickle.dumps([]))


def _time(name: str, engine: Local | Cluster, store: Store, setup: Setup, made: Plan) -> None:
    first = replace(made, tasks=dict(list(made.tasks.items())[:1]))
    with engine, engine.at_work(setup, {}, None) as work:
        work(first, store, Mode(), Outcome())  # starts what there is to start
        began = time.perf_counter()
        outcome = Outcome()
        work(made, store, Mode(), outcome)
        took = time.perf_counter() - began
    assert outcome.reused == set(made.tasks)
    count = len(made.cells)
    print(
        f"{name}, {count:,} cells, {len(made.tasks) / count:.1f} tasks each: {took:.1f} s, "
        f"{took / count * 1e3:.1f} ms a cell"
    )


if __name__ == "__main__":
    {"planning": planning, "cells": cells}[sys.argv[1]]()
