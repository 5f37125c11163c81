"""Runs a plan on this machine: what is missing in the store, each task once."""

from __future__ import annotations

import importlib
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from threadpoolctl import threadpool_limits

from bench import stages
from bench.datasets.dataset import Dataset
from bench.measure import Stopwatch
from bench.plan import Plan, Task
from bench.stages import Result
from bench.store import Artifact, Store
from models import autoencoders
from reducers.chain import Chain


@dataclass(frozen=True)
class Failure:
    """A task that raised.

    Attributes
    ----------
    stage : str
    error : str
        Type and message, in one line.
    traceback : Path
        The file that holds the whole of it.
    """

    stage: str
    error: str
    traceback: Path


@dataclass
class Outcome:
    """What a run did.

    Attributes
    ----------
    computed, reused : int
        Tasks.
    failures : dict
        By the task's key. Cells behind a failed task fail with it.
    """

    computed: int = 0
    reused: int = 0
    failures: dict[str, Failure] = field(default_factory=dict)


class Watcher(Protocol):
    """Told what a run is doing."""

    def begin(self, task: Task) -> stages.Steps:
        """Take note that a task begins; return where it reports its steps."""

    def end(self, task: Task) -> None:
        """Take note that a task is done, was there already, or failed."""


def run(plan: Plan, dataset: Dataset, store: Store, watcher: Watcher) -> Outcome:
    """Do every task of a plan whose artifact is not in the store.

    A task that fails leaves no artifact, so that the next run tries it again; tasks behind it
    are left out, all others are done.
    """
    outcome = Outcome()
    worker = _Worker(dataset, store, plan.spec.device)
    with _threads(plan.spec.threads):
        for task in plan.tasks.values():
            if task.parent in outcome.failures:
                outcome.failures[task.key] = outcome.failures[task.parent]
            elif (task.stage, task.key) in store:
                outcome.reused += 1
            else:
                steps = watcher.begin(task)
                try:
                    worker.do(task, steps)
                    outcome.computed += 1
                except Exception as error:  # whatever an item raises: recorded, not hidden
                    outcome.failures[task.key] = _failure(task, error, store)
            watcher.end(task)
    return outcome


def _failure(task: Task, error: Exception, store: Store) -> Failure:
    path = store.root / "errors" / f"{task.key}.txt"
    path.parent.mkdir(exist_ok=True)
    path.write_text("".join(traceback.format_exception(error)), encoding="utf-8")
    message = " ".join(f"{type(error).__name__}: {error}".split())
    return Failure(task.stage, message, path)


@dataclass(frozen=True)
class _Job:
    """A stage with its input read: what to do before the clock starts, and what to time."""

    call: Callable[[], Result]
    warm_up: Callable[[], object] = lambda: None


class _Worker:
    """Binds tasks to the plain functions of `bench.stages`."""

    def __init__(self, dataset: Dataset, store: Store, device: str) -> None:
        self.dataset = dataset
        self.store = store
        self.device = device
        self.warm: set[str] = set()

    def do(self, task: Task, steps: stages.Steps) -> None:
        """Run a task and keep what it leaves."""
        job = self._job(task, steps)
        warm_up_seconds = self._warm_up(task, job)
        with Stopwatch(self.device) as watch:
            result = job.call()
        self.store.save(
            task.stage,
            task.key,
            result.arrays,
            result.values,
            task.inputs,
            watch.seconds,
            warm_up_seconds,
            watch.peak_memory_mb,
        )

    def _warm_up(self, task: Task, job: _Job) -> float:
        what = f"{task.stage} {task.settings.get('model', task.settings.get('link'))}"
        if what in self.warm:
            return 0.0
        self.warm.add(what)
        with Stopwatch(self.device) as watch:
            job.warm_up()
        return watch.seconds

    def _job(self, task: Task, steps: stages.Steps) -> _Job:
        if task.parent is None or task.parent_stage is None:
            return self._train(task, steps)
        parent = self.store.load(task.parent_stage, task.parent)
        make = {
            "encode": self._encode,
            "reduce": self._reduce,
            "cluster": self._cluster,
            "score": self._score,
        }[task.stage]
        return make(task, parent, steps)

    def _train(self, task: Task, steps: stages.Steps) -> _Job:
        from bench.training import core

        settings = task.settings
        model = autoencoders[settings["model"]]
        # A model that does not train has no recipe and no batches, one without weights no seed.
        recipe = core.Recipe(
            settings.get("epochs", 0), settings.get("lr", 0.0), settings.get("batch_size", 1)
        )
        return _Job(
            lambda: stages.train(
                model,
                self.dataset.images,
                recipe,
                settings.get("weights_seed", 0),
                settings.get("batches_seed", 0),
                self.device,
                steps,
            ),
            # The CPU has no kernels to choose, and a model that does not train needs none.
            lambda: (
                core.warm_up(model, self.dataset.image_shape, recipe, self.device)
                if self.device != "cpu" and model.trains
                else None
            ),
        )

    def _encode(self, task: Task, parent: Artifact, steps: stages.Steps) -> _Job:
        weights = parent.arrays()
        return _Job(
            lambda: stages.encode(
                autoencoders[task.settings["model"]],
                weights,
                self.dataset.images,
                self.dataset.validation_images,
                self.device,
                task.settings["samples"],
                steps,
            )
        )

    def _reduce(self, task: Task, parent: Artifact, steps: stages.Steps) -> _Job:
        (link,) = Chain.parse(task.settings["link"]).links
        reducer = link.build(task.settings.get("seed"), task.inputs["threads"])
        train, validation = parent.require("train"), parent.array("validation")
        return _Job(
            lambda: stages.reduce(reducer, train, validation),
            lambda: reducer.warm_up(*train.shape),
        )

    def _cluster(self, task: Task, parent: Artifact, steps: stages.Steps) -> _Job:
        train, validation = parent.require("train"), parent.array("validation")
        settings = task.settings
        return _Job(
            lambda: stages.cluster(
                settings["clusters"], settings["seed"], train, validation, settings["starts"]
            ),
            lambda: importlib.import_module("sklearn.cluster"),
        )

    def _score(self, task: Task, parent: Artifact, steps: stages.Steps) -> _Job:
        train, validation = parent.require("train"), parent.array("validation")
        data = self.dataset
        return _Job(
            lambda: stages.score(train, data.labels, validation, data.validation_labels),
            lambda: importlib.import_module("sklearn.metrics"),
        )


@contextmanager
def _threads(count: int) -> Iterator[None]:
    """Hold torch and the linear algebra libraries to a number of threads."""
    import torch

    before = torch.get_num_threads()
    torch.set_num_threads(count)
    try:
        with threadpool_limits(count):
            yield
    finally:
        torch.set_num_threads(before)
