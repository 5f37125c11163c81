"""Runs of one grid on several data sets: everything is loaded and planned before one trains."""

from __future__ import annotations

from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

import pandas as pd
from rich.console import Console

from bench.base.errors import UsageError
from bench.execution.engines.choose import choose
from bench.execution.engines.engine import Engine
from bench.execution.runner import Mode, Outcome
from bench.planning.settings import GridSettings
from bench.session.run import Finished, Run
from bench.stages.stage import Task
from bench.store.upkeep import record_grid


@dataclass(frozen=True)
class AllFinished:
    """What runs leave.

    Attributes
    ----------
    records : DataFrame
        Of all data sets, one after the other.
    each : list of Finished
        A run each.
    written : list of Path
        Files, the results.md to begin with first.
    """

    records: pd.DataFrame
    each: list[Finished]
    written: list[Path]


class Runs:
    """A run for each data set of a grid; nothing has been trained.

    With one data set this is that run and nothing else. With several, each run's results go to a
    folder of their own within the results folder, which gets the comparison of them all.

    Parameters
    ----------
    spec : GridSettings
    mode : Mode
    console : Console or None
        Where progress is drawn; standard error by default.

    Attributes
    ----------
    spec : GridSettings
        With the device resolved.
    runs : list of Run

    Raises
    ------
    UsageError
        If any of the data cannot be used, or two data sets are the same images.
    """

    def __init__(
        self, spec: GridSettings, mode: Mode | None = None, console: Console | None = None
    ) -> None:
        self.mode = mode or Mode()
        self.engine = choose(spec)
        self.several = len(spec.datasets) > 1
        with ExitStack() as stack:
            stack.push(self.engine.__exit__)  # it may be connected, and nobody would leave it
            spec = self.engine.fit(spec)
            self.runs = self._plan(spec, console)
            stack.pop_all()
        device = self.runs[0].spec.device
        self.spec = (
            spec.model_copy(update={"device": device}) if self.several else self.runs[0].spec
        )

    def _plan(self, spec: GridSettings, console: Console | None) -> list[Run]:
        if not self.several:
            return [Run(spec, self.mode, console, self.engine)]
        runs = [
            _load(_of_one(spec, name), self.mode, console, self.engine) for name in spec.datasets
        ]
        _refuse_same_images(runs)
        return runs

    def tasks(self) -> dict[str, Task]:
        """Return the distinct tasks of all runs, by key."""
        return {key: task for run in self.runs for key, task in run.plan.tasks.items()}

    def done(self) -> int:
        """Count the tasks whose results are in the store."""
        store = self.runs[0].store
        return sum((task.stage, task.key) in store for task in self.tasks().values())

    def execute(self) -> AllFinished:
        """Do what is missing, and write the results of each data set and of all together.

        Raises
        ------
        UsageError
            If results or store cannot be written; known before anything is trained.
        bench.store.StoreError
            If the store cannot be written any more; what was done stays.
        """
        with self.engine:
            return self._execute()

    def _execute(self) -> AllFinished:
        if not self.several:
            finished = self.runs[0].execute()
            return AllFinished(finished.records, [finished], finished.written)
        from bench.report import several

        self._prepare()
        each: list[Finished] = []
        for run in self.runs:
            each.append(run.carry_out(self._outcome(each)))
        records = pd.concat([finished.records for finished in each], ignore_index=True)
        files = [path for finished in each for path in finished.written]
        return AllFinished(records, each, [*several.write(records, self.spec), *files])

    def _prepare(self) -> None:
        from bench.report.write import prepare

        if self.mode.only_cached and all(run.nothing_there() for run in self.runs):
            raise UsageError(
                f"nothing of these grids is in {self.spec.store}: run them without --only-cached"
            )
        prepare(self.spec.out)
        if not self.mode.only_cached:
            store = self.runs[0].store
            store.prepare(sum(run.megabytes_needed() for run in self.runs))
            # In place of what an earlier grid with this results folder used.
            places = [place for run in self.runs for place in run.places()]
            record_grid(store, self.spec.out, places, self.spec.to_toml())
        for run in self.runs:
            run.prepare()

    def _outcome(self, before: list[Finished]) -> Outcome:
        """Return what a run starts from: the failures so far, where the first is to stop all."""
        if not self.mode.fail_fast:
            return Outcome()
        failures = [finished.outcome.failures for finished in before]
        return Outcome(failures={key: what for each in failures for key, what in each.items()})


def _of_one(spec: GridSettings, dataset: str) -> GridSettings:
    """Return the settings of one data set's grid, which goes to a folder of its own."""
    from bench.base.naming import set_name

    return spec.model_copy(update={"dataset": dataset, "out": spec.out / set_name(dataset)})


def _load(spec: GridSettings, mode: Mode, console: Console | None, engine: Engine) -> Run:
    """Load one data set of several; what is wrong with it is said with its name."""
    (name,) = spec.datasets
    try:
        return Run(spec, mode, console, engine)
    except UsageError as error:
        raise UsageError(str(error) if name in str(error) else f"{name}: {error}") from None


def _refuse_same_images(runs: list[Run]) -> None:
    """Refuse data sets of the same images and labels, which would count twice in every rank."""
    names: dict[str, str] = {}
    for run in runs:
        name, key = run.dataset.name, run.dataset.key
        if key in names:
            raise UsageError(
                f"data sets {names[key]} and {name} are the same images and labels: name one"
            )
        names[key] = name
