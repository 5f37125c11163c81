"""One command's run: a grid on each data set; everything is loaded and planned before training."""

from __future__ import annotations

from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

import pandas as pd
from rich.console import Console

from bench.base.errors import UsageError
from bench.base.naming import set_name
from bench.execution.engines.choose import choose
from bench.execution.runner import Outcome
from bench.planning.mode import Mode
from bench.planning.places import check_places
from bench.planning.settings import GridSettings
from bench.planning.size import check_size
from bench.session.grid import Finished, GridOnDataset
from bench.stages.stage import Task
from bench.store.upkeep import record_grid


@dataclass(frozen=True)
class AllFinished:
    """What a session leaves."""

    records: pd.DataFrame  # of all data sets, one after the other
    each: list[Finished]  # one for each grid
    written: list[Path]  # the results.md to begin with is first


class Session:
    """A grid on each data set of the settings; nothing has been trained.

    The results of one data set go to the results folder. Those of several go to folders within it,
    beside the comparison of them all. Progress is drawn on the console, by default standard error.

    Raises
    ------
    UsageError
        If any of the data cannot be used, two data sets are the same images, or results or store
        would be read as images.
    """

    def __init__(
        self,
        settings: GridSettings,
        mode: Mode = Mode.MISSING,
        console: Console | None = None,
        decode: bool = True,
    ) -> None:
        self.mode = mode
        self.decode = decode
        self.console = console
        check_size(settings)
        check_places(settings)
        self.engine = choose(settings)
        with ExitStack() as stack:
            stack.push(self.engine.__exit__)  # it may be connected, and nobody would leave it
            settings = self.engine.fit(settings)
            if decode and not mode.only_cached:
                self.engine.start(settings)
            self.grids = [self._load(settings, name) for name in settings.datasets]
            _refuse_same_images(self.grids)
            stack.pop_all()
        resolved = {"device": self.grids[0].settings.device}
        self.settings = settings.model_copy(update=resolved)

    def _load(self, settings: GridSettings, name: str) -> GridOnDataset:
        """Load one data set; of several, errors say which."""
        several = len(settings.datasets) > 1
        if several:
            own = {"dataset": name, "out": settings.out / set_name(name)}
            settings = settings.model_copy(update=own)
        try:
            return GridOnDataset(settings, self.mode, self.console, self.engine, self.decode)
        except UsageError as error:
            named = not several or name in str(error)
            raise UsageError(str(error) if named else f"{name}: {error}") from None

    def tasks(self) -> dict[str, Task]:
        """Return the distinct tasks of all grids, by key."""
        return {key: task for grid in self.grids for key, task in grid.plan.tasks.items()}

    def done(self) -> int:
        """Count the tasks whose results are in the store."""
        store = self.grids[0].store
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
        from bench.report import several

        with self.engine:
            self.prepare()
            each: list[Finished] = []
            for grid in self.grids:
                # The first failure of any stops all, where it is to stop the rest.
                before = [finished.outcome.failures for finished in each] * self.mode.fail_fast
                failures = {key: what for some in before for key, what in some.items()}
                each.append(grid.execute(Outcome(failures=failures)))
            records = pd.concat([finished.records for finished in each], ignore_index=True)
            files = [path for finished in each for path in finished.written]
            compared = several.write(records, self.settings) if len(each) > 1 else []
            return AllFinished(records, each, [*compared, *files])

    def prepare(self) -> None:
        """Make the folders for results and artifacts, or raise UsageError."""
        from bench.report.write import prepare

        if self.mode.only_cached and not self.done():
            raise UsageError(
                f"no result of this grid is in {self.settings.store}: run it without --only-cached"
            )
        everything = [place for grid in self.grids for place in grid.places()]
        folders = {self.settings.out: (everything, self.settings)}
        # With one data set, its folder is that folder.
        folders |= {grid.settings.out: (grid.places(), grid.to_repeat) for grid in self.grids}
        for folder in folders:
            prepare(folder, own=folder == self.settings.out)
        if self.mode.only_cached:
            return
        store = self.grids[0].store
        store.prepare(sum(grid.megabytes_needed() for grid in self.grids))
        for grid in self.grids:
            grid.decide()
        for folder, (places, settings) in folders.items():
            record_grid(store, folder, places, settings.to_toml())


def _refuse_same_images(grids: list[GridOnDataset]) -> None:
    """Refuse data sets of the same images and labels, which would count twice in every rank."""
    names: dict[str, str] = {}
    for grid in grids:
        name, key = grid.dataset.name, grid.dataset.key
        if key in names:
            raise UsageError(
                f"data sets {names[key]} and {name} are the same images and labels: name one"
            )
        names[key] = name
