"""One run of a grid: settings → data → plan → tasks → records → results."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

import pandas as pd
from rich.console import Console

from bench import estimate, records
from bench.console import LoadBar, Watch
from bench.datasets.dataset import Dataset, load
from bench.plan import Plan, Task, plan
from bench.runner import Outcome, run
from bench.spec import GridSpec, find_device
from bench.store import Store


@dataclass(frozen=True)
class Finished:
    """What a run leaves.

    Attributes
    ----------
    records : DataFrame
    outcome : Outcome
    written : list of Path
        Files, results.md first.
    """

    records: pd.DataFrame
    outcome: Outcome
    written: list[Path]


class Run:
    """A grid with its data loaded and its tasks planned; nothing has been trained.

    Parameters
    ----------
    spec : GridSpec
    console : Console or None
        Where progress is drawn; standard error by default.

    Attributes
    ----------
    spec : GridSpec
        With device and clusters resolved.
    dataset : Dataset
    store : Store
    plan : Plan

    Raises
    ------
    UsageError
        If the data cannot be used, or a model or chain cannot work on them.
    """

    def __init__(self, spec: GridSpec, console: Console | None = None) -> None:
        self.console = console
        with LoadBar(console) as progress:
            self.dataset: Dataset = load(
                spec.dataset,
                limit=spec.most_images,
                seed=spec.seed,
                clusters=spec.clusters,
                progress=progress,
            )
        device = find_device() if spec.device == "auto" else spec.device
        self.spec = spec.model_copy(update={"device": device, "clusters": self.dataset.clusters})
        self.store = Store(spec.store)
        self.plan: Plan = plan(self.spec, self.dataset)

    def missing(self) -> list[Task]:
        """Return the tasks whose artifacts are not in the store."""
        tasks = self.plan.tasks.values()
        return [task for task in tasks if (task.stage, task.key) not in self.store]

    def seconds(self, task: Task) -> float:
        """Estimate a task's wall clock."""
        return estimate.seconds(
            task, self.dataset.image_shape, self.dataset.clusters, self.spec.device
        )

    def megabytes(self, task: Task) -> float:
        """Estimate an artifact's size."""
        return estimate.megabytes(task, self.dataset.image_shape)

    def execute(self) -> Finished:
        """Do what is missing, and write the results.

        Raises
        ------
        UsageError
            If results or store cannot be written; known before anything is trained.
        """
        from bench.report.write import prepare, write

        prepare(self.spec.out)
        self.store.prepare()
        with Watch({task.key: self.seconds(task) for task in self.missing()}, self.console) as w:
            outcome = run(self.plan, self.dataset, self.store, w)
        frame = records.collect(self.plan, self.dataset, self.store, outcome)
        written = write(frame, self.spec, self.dataset, self.store)
        return Finished(frame, outcome, written)


def show(path: Path) -> str:
    """Write a path as short as it can be said from here."""
    relative = os.path.relpath(path)
    return str(path) if relative.startswith("..") else relative
