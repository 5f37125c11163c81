"""A grid on one data set: settings → data → plan → tasks → records → results."""

from __future__ import annotations

import functools
import os
import time
from bisect import bisect_left
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import cloudpickle
import pandas as pd
from rich.console import Console

from bench.analysis import records, suggest
from bench.base import keys
from bench.base.console import LoadBar
from bench.base.errors import RunError, UsageError
from bench.base.processors import find_device
from bench.datasets.dataset import Dataset, load
from bench.execution.engines.engine import Engine
from bench.execution.progress import Watch
from bench.execution.runner import Outcome, run_plan
from bench.execution.worker.messages import Setup
from bench.planning import budget
from bench.planning.mode import Mode
from bench.planning.plan import Plan, own_sizes, plan, plan_scan
from bench.planning.plugins import items_of
from bench.planning.settings import AUTO, GridSettings
from bench.stages import scan, stage_of
from bench.stages.stage import Task
from bench.store import DamagedError, Store, StoreError
from bench.store.images import STAGE as IMAGES
from bench.store.images import KeptImages, describe
from bench.store.upkeep import record_grid

# An artifact that is damaged again each time it was made tells of a disk that fails.
ROUNDS = 3


@dataclass(frozen=True)
class Finished:
    """What a grid on one data set leaves."""

    records: pd.DataFrame
    outcome: Outcome
    written: list[Path]  # results.md first
    notes: list[str]  # what happened that the user should know


class GridOnDataset:
    """A grid with its data loaded and its tasks planned; nothing has been trained.

    Without ``decode``, files that were not decoded before are not decoded: the grid can be
    described, but not run.

    Raises
    ------
    UsageError
        If the data cannot be used, or a model or chain cannot work on them.
    """

    def __init__(
        self,
        settings: GridSettings,
        mode: Mode,
        console: Console | None,
        engine: Engine,
        decode: bool = True,
    ) -> None:
        began = time.monotonic()
        self.mode = mode
        self.decode = decode and not mode.only_cached
        self.console = console
        self.engine = engine
        self.store = Store(settings.store)
        (name,) = settings.datasets
        clusters = scan.LEAST if settings.clusters == AUTO else settings.clusters
        self.dataset = self._load(name, settings, clusters)
        device = find_device() if settings.device == "auto" else settings.device
        resolved: dict[str, Any] = {
            "device": device,
            "resamples": self._resamples(settings),
            "image_size": self.dataset.form.size,
        }
        if settings.clusters != AUTO:
            resolved["clusters"] = self.dataset.clusters
        # Device and clusters are resolved in both; a budget chooses the epochs of the settings.
        self.asked = self.settings = settings.model_copy(update=resolved)
        # What the number of clusters was suggested by; the plan is of the suggestion until then.
        self.curve: pd.DataFrame | None = None
        if settings.budget is not None:
            self.settings = self.asked.model_copy(update={"epochs": self._epochs()})
        planned = plan_scan if self._suggests else plan
        self.plan: Plan = planned(self.settings, self.dataset)
        self.spent = time.monotonic() - began  # of a budget, to load and to plan

    def _load(self, name: str, settings: GridSettings, clusters: int | None) -> Dataset:
        """Load the data; decoded images that are kept, and damaged, are decoded again."""
        keeper = KeptImages(self.store)
        while True:
            try:
                with LoadBar(self.console) as progress:
                    found = load(
                        name,
                        limit=settings.most_images,
                        seed=settings.seed,
                        clusters=clusters,
                        image_size=settings.image_size,
                        fit=settings.fit,
                        labels=settings.labels,
                        label_depth=settings.label_depth,
                        halves=settings.subsample_images,
                        range=settings.range,
                        background=settings.background,
                        own_sizes=own_sizes(settings.models),
                        keeper=keeper,
                        decode=self.decode,
                        progress=progress,
                    )
            except DamagedError as damage:
                self.store.set_aside(damage.stage, damage.key)
                continue
            if not found.decoded and self.mode.only_cached:
                raise UsageError(
                    f"no result of this grid is in {self.store.root}: run it without --only-cached"
                )
            return found

    def _resamples(self, settings: GridSettings) -> int:
        """Return how often chains run on fewer images: where nothing is labeled, once."""
        if settings.resamples is not None:
            return settings.resamples
        known = self.dataset.labels is not None or self.dataset.validation_labels is not None
        return 0 if known else 1

    def _epochs(self) -> int:
        """Return the epochs that the budget has room for: as decided before, or estimated."""
        asked, seconds = self.asked, self.asked.budget_seconds
        assert seconds is not None
        found = budget.decided(self.store, self._decision)
        if found is not None:
            return found

        def work(epochs: int, seeds: int) -> budget.Work:
            spec = asked.model_copy(update={"epochs": epochs, "seeds": seeds})
            planned = [plan(spec, self.dataset)]
            if self._suggests:
                planned.append(plan_scan(spec, self.dataset))
            each = {key: self.seconds(t) for made in planned for key, t in made.tasks.items()}
            return budget.Work(sum(each.values()), max(each.values(), default=0.0))

        epochs, _ = budget.split(seconds, asked.epochs, asked.seeds, work, self.engine.at_once)
        return epochs

    @functools.cached_property
    def _decision(self) -> str:
        """The key under which the number of epochs is kept: of all that it depends on."""
        elsewhere = {"out", "store", "checkpoint", "epochs", "engine", "workers", "equivalence"}
        if not self.asked.subsample_images:
            elsewhere.add("subsample_images")  # newer than decisions that are kept
        asked = self.asked.model_dump(mode="json", exclude=elsewhere)
        most = self.asked.epochs
        return keys.key({"asked": asked, "most": most, "data": self.dataset.fingerprint})

    def decide(self) -> None:
        """Keep the number of epochs that a budget has room for."""
        if self.settings.budget is not None:
            budget.decide(self.store, self._decision, self.settings.epochs)

    @property
    def to_repeat(self) -> GridSettings:
        """The settings that give this grid again: a budget chooses the epochs by itself."""
        return self.settings.model_copy(update={"epochs": self.asked.epochs})

    def missing(self, of: Plan | None = None) -> list[Task]:
        """Return the tasks of a plan, the grid's by default, that are to be done."""
        tasks = (of or self.plan).tasks.values()
        return [t for t in tasks if self.mode.force or (t.stage, t.key) not in self.store]

    def seconds(self, task: Task) -> float:
        """Estimate a task's wall clock."""
        return stage_of(task).seconds(task, self.dataset.image_shape)

    def megabytes(self, task: Task) -> float:
        """Estimate an artifact's size."""
        shape, more = self.dataset.image_shape, len(self.dataset.validation_images)
        return stage_of(task).megabytes(task, shape, more)

    def megabytes_needed(self) -> float:
        """Estimate the disk that all of it takes, checkpoints included."""
        missing, shape = self.missing(), self.dataset.image_shape
        if not missing:
            return 0.0
        images = sum(
            piece.count * size**2 * 3 / 1e6
            for size, both in self.dataset.sizes.items()
            for found in both
            for piece in found.pieces
            if (IMAGES, piece.key) not in self.store
        )
        checkpoint = max(stage_of(task).checkpoint_megabytes(task, shape) for task in missing)
        return images + sum(map(self.megabytes, missing)) + checkpoint

    def places(self) -> list[tuple[str, str]]:
        """Return stage and key of every artifact that the results rest on, or are shown with."""
        from bench.report.page import thumbnails

        used = [(task.stage, task.key) for task in self.plan.tasks.values()]
        if self.settings.budget is not None:
            used.append((budget.STAGE, self._decision))
        kept = [*(piece.key for piece in self.dataset.pieces()), *self.dataset.kept]
        images = [(IMAGES, key) for key in kept]
        data = [("data", each.artifact) for each in self._datasets()]
        shown = thumbnails.place(self.dataset)
        return [*data, *images, *used, *([shown] if shown else [])]

    def _datasets(self) -> list[Dataset]:
        """Return the data set, and the parts of it that seeds are on, if they are on parts."""
        if self.dataset.halves is None:
            return [self.dataset]
        seeds = dict.fromkeys(run.seed_index for run in self.plan.runs)
        return [self.dataset, *map(self.dataset.of_seed, seeds)]

    def execute(self, outcome: Outcome) -> Finished:
        """Do what is missing and write the results, in folders that were prepared.

        The outcome is filled in; a failure that it holds already stops a grid that is to stop at
        the first.
        """
        from bench.report.write import write

        seconds = self.settings.budget_seconds
        clock = None if seconds is None else budget.Clock(seconds, self.spent)
        notes = list(self._set_aside_damaged())
        seen: Counter[tuple[str, str]] = Counter()
        while True:
            try:
                if not self.mode.only_cached:
                    self._save_data()
                    self.decide()
                said = self._run(outcome, clock)
                if self._suggests:
                    notes += self._take_suggestion(outcome)
                    continue
                notes += said
                frame = records.collect(self.plan, self.dataset, self.store, outcome)
                with LoadBar(self.console) as progress:
                    written = write(
                        frame, self.to_repeat, self.dataset, self.store, self.curve, progress
                    )
                notes += records.notes(self.plan, self.store)
                return Finished(frame, outcome, written, notes)
            except DamagedError as damage:
                seen[damage.stage, damage.key] += 1
                if seen[damage.stage, damage.key] == ROUNDS or self.mode.only_cached:
                    what = f"{damage.stage} {damage.key} is damaged ({damage.reason})"
                    raise StoreError(f"store {self.store.root}: {what}") from damage
                notes.append(self._set_aside(damage))
                if damage.stage == IMAGES:
                    name, clusters = self.dataset.name, self.dataset.clusters
                    self.dataset = self._load(name, self.settings, clusters)

    @property
    def _suggests(self) -> bool:
        """Whether the plan is the one that suggests a number of clusters."""
        return self.settings.clusters == AUTO and self.curve is None

    def _take_suggestion(self, outcome: Outcome) -> list[str]:
        """Choose the number of clusters, plan the grid with it; return what users should know."""
        found = suggest.curve(self.plan, self.store)
        silent = suggest.missing(self.plan, self.store)
        if self.mode.only_cached and silent:
            raise UsageError(
                f"to suggest a number of clusters, {len(silent)} of {len(self.plan.runs)} "
                f"pipelines are missing in {self.store.root}: run without --only-cached, or give "
                "--clusters N"
            )
        reasons = [outcome.failures[key].error for key in silent if key in outcome.failures]
        why = "; ".join(dict.fromkeys(reasons))
        if found.empty:
            raise RunError(
                "no number of clusters can be suggested, because no pipeline has an embedding "
                f"({why}): give --clusters N to see more in the report"
            )
        chosen = suggest.choose(found)
        note = (
            f"{chosen} clusters, suggested by kNN modularity from {found['clusters'].min()} to "
            f"{found['clusters'].max()}."
        )
        self.dataset = replace(self.dataset, clusters=chosen, notes=(*self.dataset.notes, note))
        self.curve = found
        scanned = self.places()
        self.plan = plan(self.settings, self.dataset)
        if not self.mode.only_cached:
            used = [*scanned, *self.places()]
            record_grid(self.store, self.settings.out, used, self.to_repeat.to_toml())
        said = f"{len(silent)} pipelines were not used to suggest the number of clusters: {why}"
        return [said] if silent else []

    def _save_data(self) -> None:
        """Put the images where the process that works on them finds them."""
        dataset, keeper = self.dataset, KeptImages(self.store)
        if not self.missing():
            return
        for piece in dataset.pieces():
            if (IMAGES, piece.key) not in self.store:
                keeper.keep(piece.key, piece.read(), {"count": piece.count, "digest": piece.digest})
        for each in self._datasets():
            if ("data", each.artifact) not in self.store:
                with self.store.lock(each.artifact):
                    arrays = each.label_arrays()
                    self.store.save("data", each.artifact, arrays, describe(each), {})

    def _set_aside_damaged(self) -> Iterator[str]:
        """Set aside artifacts that are visibly damaged, so that they count as missing."""
        for place in filter(self.store.__contains__, self.places()):
            try:
                self.store.load(*place)
            except DamagedError as damage:
                yield self._set_aside(damage)

    def _set_aside(self, damage: DamagedError) -> str:
        aside = self.store.set_aside(damage.stage, damage.key)
        where = f", set aside in {show(aside)}" if aside else ""
        return f"{damage.stage} {damage.key} was damaged ({damage.reason}){where}, and made again"

    def _run(self, outcome: Outcome, clock: budget.Clock | None) -> list[str]:
        """Do what is missing; return what users should know.

        Within a budget, first one seed, and the plan becomes that of the seeds done.
        """
        todo = self.missing()
        watch = Watch({task.key: self.seconds(task) for task in todo}, self.console, todo)
        with self.engine.at_work(self.plan, self._setup(), watch) as run:
            if clock is None or self._suggests:
                run_plan(self.plan, self.store, run, watch, self.mode, outcome)
                return []
            seeds, more = 0, 1
            while more:
                seeds += more
                self.plan = self._of_seeds(seeds)
                run_plan(self.plan, self.store, run, watch, self.mode, outcome)
                more = self._more(seeds, clock, watch)
        wanted = self.settings.seeds
        return [] if seeds == wanted else [clock.note(seeds, wanted)]

    def _of_seeds(self, seeds: int) -> Plan:
        return plan(self.settings.model_copy(update={"seeds": seeds}), self.dataset)

    def _more(self, seeds: int, clock: budget.Clock, watch: Watch) -> int:
        """Return how many more seeds there is time for, or are in the store already."""

        def too_many(more: int) -> bool:
            missing = self.missing(self._of_seeds(seeds + more))
            expected = watch.expected({task.key: self.seconds(task) for task in missing}, missing)
            return bool(missing) and (self.mode.only_cached or not clock.has(expected))

        most = self.settings.seeds - seeds
        if self.mode.only_cached:  # nothing says that what is stored is of fewer seeds as well
            return next((more for more in range(most, 0, -1) if not too_many(more)), 0)
        return bisect_left(range(1, most + 1), True, key=too_many)

    def _setup(self) -> Setup:
        settings = self.settings
        links = [link.name for chain in settings.chains for link in chain.links]
        return Setup(
            settings.store,
            self.dataset.artifact,
            settings.device,
            settings.threads,
            settings.deterministic,
            settings.precision,
            settings.checkpoint,
            settings.plugins,
            cloudpickle.dumps(items_of(settings.models, links, settings.clusterers)),
        )


def show(path: Path) -> str:
    """Write a path as short as it can be from here."""
    relative = os.path.relpath(path)
    return str(path) if relative.startswith("..") else relative
