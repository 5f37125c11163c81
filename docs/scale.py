"""Measures what docs/scale.md says.

``python docs/scale.py planning``, ``cells``, ``workers``, ``growth``, or ``images 70000``, with the
number of images.
"""

from __future__ import annotations

import resource
import subprocess
import sys
import tempfile
import time
from dataclasses import replace
from pathlib import Path

import cloudpickle
import numpy as np
import pandas as pd
import psutil

from bench.base.times import duration
from bench.datasets.dataset import Dataset, load
from bench.execution.engines.dask.cluster import Cluster
from bench.execution.engines.engine import Engine
from bench.execution.engines.local import Local
from bench.execution.progress import Watch
from bench.execution.runner import Outcome, run_plan
from bench.execution.worker.messages import Setup
from bench.planning.mode import Mode
from bench.planning.plan import Plan, plan
from bench.planning.settings import resolve
from bench.stages import stages_of_runs
from bench.store import MANIFEST, Store

FEW_MODELS = {"models": "pixels,dnn,cnn,histogram,hog", "reducers": "none,pca16,svd16,tsne2"}
MANY_MODELS = {"models": "dnn,cnn,cnn-plain,denoising,sparse", "reducers": "pca16"}


def planned(data: Dataset, seeds: int, **settings: str) -> Plan:
    """Plan a grid without controls and baselines."""
    fixed = {"limit": len(data), "device": "cpu", "threads": 1, "null": False, "baselines": False}
    return plan(resolve({**fixed, "seeds": seeds, **settings}), data)


def planning() -> None:
    """Plan grids of more and more runs: seconds, microseconds for each run, peak memory so far."""
    data = load("digits", limit=200)
    for seeds in (50, 500, 5000):
        began = time.perf_counter()
        made = planned(data, seeds, **FEW_MODELS)
        took = time.perf_counter() - began
        memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
        print(
            f"{len(made.runs):7,} runs, {len(made.tasks):7,} tasks: {duration(took)}, "
            f"{took / len(made.runs) * 1e6:.0f} µs for each run, {memory:,.0f} MiB"
        )


def cells() -> None:
    """Execute 1,000 runs whose artifacts exist: the time that is left is the engine's own."""
    data = load("digits", limit=200)
    plans = [planned(data, 50, **FEW_MODELS), planned(data, 200, **MANY_MODELS)]
    with tempfile.TemporaryDirectory() as folder:
        store, setup = _nothing_to_do(Path(folder), plans)
        for made in plans:
            engines = {"local": Local(), "two workers": Local(2), "dask": Cluster(None, 2)}
            for name, engine in engines.items():
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


def _time(name: str, engine: Engine, store: Store, setup: Setup, made: Plan) -> None:
    first = replace(made, tasks=dict(list(made.tasks.items())[:1]))
    watch = Watch({})
    with engine, engine.at_work(made, setup, watch) as run:
        run_plan(first, store, run, watch, Mode.MISSING, Outcome())  # starts what there is to start
        began = time.perf_counter()
        outcome = Outcome()
        run_plan(made, store, run, watch, Mode.MISSING, outcome)
        took = time.perf_counter() - began
    assert outcome.reused == set(made.tasks)
    count = len(made.runs)
    print(
        f"{name}, {count:,} runs, {len(made.tasks) / count:.1f} tasks each: {took:.1f} s, "
        f"{took / count * 1e3:.1f} ms for each run"
    )


PERPLEXITIES = (10, 15, 20, 25, 30, 35, 40, 45)


def workers() -> None:
    """Run a grid of eight t-SNE runs with one worker and with two."""
    found = [_grid(1500, 8, 1, "--workers", number, "--threads", "1") for number in "12"]
    for what, (one, two) in zip(("in all", "tasks alone"), zip(*found, strict=True), strict=True):
        print(f"{what}: one worker {one:.1f} s, two {two:.1f} s: {one / two:.2f} times as fast")


def growth() -> None:
    """Run grids of more and more t-SNE runs, and of more and more seeds, one after the other."""
    for chains, seeds in ((1, 1), (2, 1), (4, 1), (8, 1), (1, 2), (1, 4), (1, 8)):
        _, took = _grid(500, chains, seeds, "--threads", "1")
        print(f"{chains} chains, {seeds} seeds: {took:.1f} s")


def _grid(images: int, chains: int, seeds: int, *more: str) -> tuple[float, float]:
    """Run the command with an empty store, then again with what is left in that.

    Returns
    -------
    tuple of float
        Seconds of wall clock: of the first run; and that less the second run, which starts and
        reports but has no task to do.
    """
    reducers = ",".join(f"tsne2(perplexity={value})" for value in PERPLEXITIES[:chains])
    took = []
    with tempfile.TemporaryDirectory() as folder:
        for out in ("first", "again"):
            command = [
                *(sys.executable, "-m", "bench.grid", "--models", "pixels", "--seeds", str(seeds)),
                *("--limit", str(images), "--reducers", reducers, "--no-null", "--no-baselines"),
                *("--out", f"{folder}/{out}", "--store", f"{folder}/store", *more),
            ]
            began = time.perf_counter()
            subprocess.run(command, check=True, capture_output=True)
            took.append(time.perf_counter() - began)
    return took[0], took[0] - took[1]


LOOKS = 0.2  # seconds between two looks at the memory


def images(count: int = 7000) -> None:
    """Run a grid on so many images: seconds a stage, and the most memory of all its processes."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        _write_images(folder, count)
        command = [
            *(sys.executable, "-m", "bench.grid", "--dataset", f"npy:{folder}"),
            *("--models", "pixels,dnn", "--reducers", "ipca50,ipca50+tsne2"),
            *("--epochs", "1", "--seeds", "1", "--threads", "2", "--device", "cpu"),
            *("--no-null", "--no-baselines", "--resamples", "0"),
            *("--out", str(folder / "results"), "--store", str(folder / "store")),
        ]
        print(*command[1:])
        began = time.perf_counter()
        code, most = _watch(command)
        print(f"{count:,} images: {duration(time.perf_counter() - began)}, exit code {code}")
        # Pages that two processes share, such as those of libraries, count in both.
        each = " + ".join(f"{bytes_ / 1e6:,.0f}" for bytes_ in most)
        print(f"most memory of all processes at once: {sum(most) / 1e6:,.0f} MB ({each})")
        if not (folder / "results" / "results.csv").is_file():
            return
        records = pd.read_csv(folder / "results" / "results.csv")
        for _, record in records.iterrows():
            links = record["reduce_link_seconds"]
            print(f"{record['model']}, {record['chain']}: {record['status']}, links took {links} s")
            for stage in stages_of_runs():
                took, peak = record[f"{stage}_seconds"], record[f"{stage}_peak_memory_mb"]
                print(f"  {stage:8} {took:8.1f} s {peak * 2**20 / 1e6:8,.0f} MB in its process")


def _write_images(folder: Path, count: int) -> None:
    """Write so many images, (count, 32, 32, 3) uint8, and labels, as ``npy:DIR`` reads them.

    They are scikit-learn's digits, enlarged, moved, in random colors and with noise.
    """
    from sklearn.datasets import load_digits

    digits, random = load_digits(), np.random.default_rng(0)
    chosen = random.integers(0, len(digits.target), count)
    np.save(folder / "trainY.npy", digits.target[chosen])
    made = np.lib.format.open_memmap(
        folder / "trainX.npy", mode="w+", dtype=np.uint8, shape=(count, 32, 32, 3)
    )
    for position, digit in enumerate(chosen):
        ink = np.kron(digits.images[digit] / 16, np.ones((4, 4)))
        ink = np.roll(ink, random.integers(-3, 4, 2), axis=(0, 1))[..., None]
        paper, pen = random.uniform(0, 100, 3), random.uniform(120, 255, 3)
        values = paper + ink * (pen - paper) + random.normal(0, 12, (32, 32, 3))
        made[position] = values.clip(0, 255)
    made.flush()


def _watch(command: list[str]) -> tuple[int, list[int]]:
    """Run a command; return its exit code, and its processes' memory when their sum was most."""
    running, most = psutil.Popen(command, stdout=subprocess.DEVNULL), [0]
    while running.poll() is None:
        found = [_resident(each) for each in (running, *_children(running))]
        most = max(most, found, key=sum)
        time.sleep(LOOKS)
    return running.returncode, most


def _children(running: psutil.Popen) -> list[psutil.Process]:
    try:
        return list(running.children(recursive=True))
    except psutil.NoSuchProcess:  # it has just ended
        return []


def _resident(process: psutil.Process) -> int:
    try:
        return int(process.memory_info().rss)
    except psutil.NoSuchProcess:
        return 0


if __name__ == "__main__":
    jobs = {f.__name__: f for f in (planning, cells, workers, growth, images)}
    jobs[sys.argv[1]](*map(int, sys.argv[2:]))
