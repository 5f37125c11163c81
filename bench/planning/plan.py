"""From a grid to its runs, and the tasks that are to be done, each once.

Every run is a path of tasks, one a stage, and of the stage reduce one a link. A task's key is a
hash of all that shapes its result, the keys of what it reads among them. So runs that agree on a
prefix share its tasks, and every key is known before anything is run.
"""

from __future__ import annotations

import functools
import itertools
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace
from typing import Any

from bench.base import keys
from bench.base.checks import ImageShape
from bench.base.errors import UsageError
from bench.base.seeds import derive
from bench.clusterers.named import DEFAULT
from bench.datasets.dataset import Dataset
from bench.planning.feasible import check_images, why_impossible
from bench.planning.pipeline import Pipeline, PlannedRun
from bench.planning.settings import GridSettings
from bench.stages import null, stages, stages_of_runs
from bench.stages.cluster import Cluster
from bench.stages.encode import Encode
from bench.stages.linear import Linear
from bench.stages.metrics import reference_space
from bench.stages.reduce import Reduce
from bench.stages.resample import Resample, resampled
from bench.stages.stability import Stability
from bench.stages.stage import Context, Stage, Task
from bench.stages.train import BASE, Train
from bench.stages.training.probe import find_model
from models.named import Named

# Tasks of a path by their stage; of the stage reduce one a link.
Path = dict[str, list[Task]]

SEEDS = ("seed", "weights_seed", "batches_seed")  # settings in which stages of a kind differ


@dataclass(frozen=True)
class Plan:
    """All runs of a grid and their distinct tasks, parents first."""

    spec: GridSettings
    runs: tuple[PlannedRun, ...]
    tasks: dict[str, Task] = field(repr=False)
    image_shape: ImageShape  # (C, H, W)


def plan(spec: GridSettings, dataset: Dataset) -> Plan:
    """Plan a grid, whose device is resolved.

    Raises
    ------
    UsageError
        If the images are all the same, a model cannot work on them, or a chain or clusterer
        can work in no pipeline.
    """
    check_images(dataset)
    of_seed = dataset.of_seed(0)  # halves are all of one size
    pipelines = [
        Pipeline(model, chain, clusterer)
        for model in spec.models
        for chain in spec.chains
        for clusterer in spec.named_clusterers
    ]
    spared = spec.spared
    impossible = {p: why_impossible(p, of_seed, p.model in spared) for p in pipelines}
    _refuse_what_works_nowhere(spec, impossible)
    planner = Planner(spec, dataset)
    runs = tuple(
        planner.run(pipeline, seed_index, impossible[pipeline])
        # Whole repetitions, one after the other: a grid that is stopped has whole ones.
        for seed_index in range(spec.seeds)
        for pipeline in pipelines
    )
    return Plan(spec, runs, planner.tasks, dataset.image_shape)


def _refuse_what_works_nowhere(spec: GridSettings, impossible: dict[Pipeline, str]) -> None:
    """Refuse a chain, or a clusterer, that can work in no pipeline; others have runs skipped."""
    for asked in (*spec.chains, *spec.named_clusterers):
        reasons = [why for p, why in impossible.items() if asked in (p.chain, p.clusterer)]
        if all(reasons):
            raise UsageError(reasons[0])


def own_sizes(models: Iterable[str]) -> set[int]:
    """Return the sizes of images that models ask for."""
    found = set()
    for model in models:
        item = find_model(model)
        below = find_model(item.base) if item.base else item
        found |= {below.image_size} - {None}
    return found


def plan_scan(spec: GridSettings, dataset: Dataset) -> Plan:
    """Plan what suggests the number of clusters: each pipeline's embedding, with the first seed.

    Models that need the number are left out, and k-means is the clusterer.

    Raises
    ------
    UsageError
        As `plan` does; also for fewer than twenty images.
    """
    count = dataset.images_per_seed
    if count < reference_space.FEWEST:
        raise UsageError(
            f"clusters: auto needs {reference_space.FEWEST} images or more, found {count}: "
            "give the number, --clusters N"
        )
    once: dict[str, Any] = {"null": False, "resamples": 0, "seeds": 1, "clusterers": (DEFAULT,)}
    needing = [model for model in spec.models if Named.parse(model).needs_clusters]
    if len(needing) == len(spec.models):
        raise UsageError(
            "clusters: auto is for models that do not need the number of clusters, and "
            f"{', '.join(needing)} does: add another model, or give the number, --clusters N"
        )
    once["models"] = tuple(model for model in spec.models if model not in needing)
    made = plan(spec.model_copy(update=once), dataset)
    planner = Planner(spec, dataset)
    runs = tuple(planner.scan(run) for run in made.runs)
    return Plan(spec, runs, planner.tasks, dataset.image_shape)


class Planner:
    """Makes tasks, each key once."""

    def __init__(self, spec: GridSettings, dataset: Dataset) -> None:
        self.spec = spec
        self.dataset = dataset
        # By part, see `Context`: data sets, where each seed has its own their keys, and with the
        # size of images the fingerprints.
        self.part = functools.cache(dataset.of_seed)
        self.own_data = functools.cache(
            lambda part: "" if dataset.halves is None else self.part(part).artifact
        )
        self.fingerprints = functools.cache(lambda part, size: self.part(part).fingerprints(size))
        self.null_images = functools.cache(self._null_images)
        self.tasks: dict[str, Task] = {}  # all that were made, by key, parents first
        self.shared: dict[tuple[Any, ...], Task] = {}  # those that pipelines share
        self.kinds: dict[tuple[Any, ...], _Kind] = {}
        names = ("epochs", "lr", "batch_size", "schedule")
        self.recipe = {name: getattr(spec, name) for name in names}
        self.on_device: dict[str, Any] = {"device": spec.device}
        if spec.deterministic:
            self.on_device["deterministic"] = True
        if spec.device == "cuda":
            self.on_device["precision"] = spec.precision

    def run(self, pipeline: Pipeline, seed_index: int, impossible: str = "") -> PlannedRun:
        """Plan a pipeline with one seed, its null references and its resamples."""
        if impossible:
            return PlannedRun(pipeline, seed_index, (), impossible)
        context = self._context(pipeline, seed_index, f"{pipeline.model}, seed {seed_index}")
        path = self._path(stages_of_runs(), context, pipeline)
        draws = tuple(self._null(pipeline, context, path))
        resamples = tuple(self._resamples(pipeline, context, path))
        linear = tuple(self._linear(context))
        return PlannedRun(pipeline, seed_index, tuple(_tasks(path)), "", draws, resamples, linear)

    def scan(self, run: PlannedRun) -> PlannedRun:
        """Plan a run up to its embedding, and all numbers of clusters there."""
        if run.impossible:
            return run
        pipeline = run.pipeline
        context = self._context(pipeline, run.seed_index, f"{pipeline.model}, seed 0")
        names = ("train", "encode", "reference", "reduce", "scan")
        return replace(run, tasks=tuple(_tasks(self._path(names, context, pipeline))))

    def _context(self, pipeline: Pipeline, seed_index: int, title: str) -> Context:
        def seed(of: str, *names: str) -> int:
            varies = of == "always" or self.spec.vary in ("all", of)
            return derive(self.spec.seed, seed_index if varies else 0, *names)

        part = 0 if self.dataset.halves is None else seed_index
        data = self.part(part)
        return Context(
            pipeline.model,
            "",
            str(pipeline.clusterer),
            title,
            pipeline.chain_name,
            len(data),
            data.clusters,
            data.image_shape,
            data.fingerprint,
            self.recipe,
            self.on_device,
            seed,
            part,
        )

    def _path(
        self, names: Iterable[str], context: Context, pipeline: Pipeline, start: Path | None = None
    ) -> Path:
        """Plan stages one after the other, behind the tasks that the path starts with.

        The stage reduce has a task a link, each of which reads the one before.
        """
        path = dict(start or {})
        for name in names:
            stage = stages()[name]
            if name == Train.name:
                self._add_base(path, context, pipeline)
            parents = [path[read][-1] for read in stage.reads if read in path]
            if stage is not Reduce:
                path[name] = [self._task(stage, parents, context)]
                continue
            path[name] = []
            for link in pipeline.chain.links:
                step = replace(context, link=str(link))
                parents = path[name][-1:] or [*parents, *path.get(Resample.name, [])]
                path[name].append(self._task(stage, parents, step))
        return path

    def _task(self, stage: type[Stage], parents: list[Task], context: Context) -> Task:
        """Return the task of a stage; what chain and clusterer do not shape is planned once."""
        if stage.per_pipeline:
            return self._add(stage.plan(context), parents, context)
        keys_read = tuple(task.key for task in parents)
        # The title names the seed, and the draw or resample of it.
        place = (stage.name, context.title, context.model, context.link, context.images, keys_read)
        if place not in self.shared:
            self.shared[place] = self._add(stage.plan(context), parents, context)
        return self.shared[place]

    def _add_base(self, path: Path, context: Context, pipeline: Pipeline) -> None:
        """Plan the model, up to its codes, that the pipeline's model stands on, if it does."""
        base = Named.parse(context.model).item().base
        if base is not None:
            below = replace(context, model=base, title=context.title.replace(context.model, base))
            path[BASE] = [*_tasks(self._path((Train.name, Encode.name), below, pipeline))]

    def _null(self, pipeline: Pipeline, context: Context, path: Path) -> Iterator[Task]:
        """Plan chain and clusterer on draws of the null reference of this repetition's codes."""
        if not self.spec.null:
            return
        count = self.null_images(pipeline)
        for number in range(null.draws(self.spec.seeds)):
            seed = context.seed("always", "null", *([str(number)] if number else []))
            own = replace(context, title=f"null reference {number} of {context.title}")
            drawn = self._add(null.Null(seed, count), path["encode"], own)
            # The chain reads it in place of the codes.
            names, start = ("reduce", "cluster", "measure"), {"encode": [drawn]}
            yield from _tasks(self._path(names, replace(own, images=count), pipeline, start))

    def _null_images(self, pipeline: Pipeline) -> int:
        """Return how many images a draw has: all of them where the chain cannot do with fewer."""
        every = self.dataset.images_per_seed
        fewer = null.images(every, self.dataset.clusters)
        return every if why_impossible(pipeline, self.dataset, count=fewer) else fewer

    def _resamples(self, pipeline: Pipeline, context: Context, path: Path) -> Iterator[Task]:
        """Plan chain and clusterer on draws of the images, and how stable clusters are."""
        if not self.spec.resamples or self._too_few(pipeline):
            return
        compared = [path[Cluster.name][-1]]
        for number in range(self.spec.resamples):
            own = replace(context, title=f"resample {number} of {context.title}")
            seed = context.seed("always", "resample", str(number))
            drawn = self._add(Resample(seed, context.images), [], own)
            start = {"encode": path["encode"], Resample.name: [drawn]}
            beside = self._path((Reduce.name, Cluster.name), own, pipeline, start)
            yield from (drawn, *beside[Reduce.name], *beside[Cluster.name])
            compared += [drawn, beside[Cluster.name][-1]]
        yield self._add(Stability(), compared, context)

    def _linear(self, context: Context) -> Iterator[Task]:
        """Plan what the model's loss is compared with."""
        if Linear.applies(context.model):
            yield self._add(Linear.plan(context), [], context)

    def _too_few(self, pipeline: Pipeline) -> bool:
        """Return whether a resample has too few images for a chain or clusterer."""
        fewer = resampled(self.dataset.images_per_seed)
        impossible = why_impossible(pipeline, self.dataset, count=fewer)
        return fewer < self.dataset.clusters or bool(impossible)

    def _add(self, stage: Stage, parents: list[Task], context: Context) -> Task:
        """Return the task of a stage; one that is there already is shared."""
        settings = stage.settings
        kind = self._kind(stage, settings, context.part)
        read = [task.key for task in parents]
        key = kind.frame.key(_list_text(read), keys.text(settings))
        if key not in self.tasks:
            features = stage.features(context, parents)
            self.tasks[key] = Task(
                stage.name,
                key,
                tuple((task.stage, task.key) for task in parents),
                settings,
                {"settings": settings, "parents": read} | kind.fixed,
                stage.label(context),
                context.images,
                features,
                stage.outputs(features),
                kind.threads,
                kind.data,
            )
        return self.tasks[key]

    def _kind(self, stage: Stage, settings: dict[str, Any], part: int) -> _Kind:
        """Return what stages have in common that differ in their seeds only."""
        which = [(name, value) for name, value in settings.items() if name not in SEEDS]
        place = (stage.name, part, *which)
        if place not in self.kinds:
            numerics = stage.numerics_dependent
            threads = self.spec.threads if numerics and stage.parallel else 1
            data = self.fingerprints(part, stage.own_size or self.dataset.form.size)
            fixed = {
                "data": {name: data[name] for name in stage.reads_data},
                "source": stage.source(),
                "versions": keys.versions(*stage.libraries),
                "threads": threads if numerics else None,
                "processor": keys.processor() if numerics else None,
            }
            frame = keys.Frame({"stage": stage.name} | fixed, "parents", "settings")
            own_data = self.own_data(part) if stage.reads_data else ""
            self.kinds[place] = _Kind(fixed, frame, threads, own_data)
        return self.kinds[place]


@dataclass(frozen=True)
class _Kind:
    """What tasks of one stage have in common: all but their seeds, parents and labels."""

    fixed: dict[str, Any]  # entries of ``key_inputs``
    frame: keys.Frame  # makes their keys
    threads: int
    data: str  # see `Task`


def _list_text(names: list[str]) -> str:
    """Return `bench.base.keys.text` of keys, which hold nothing that JSON would write otherwise."""
    return '["' + '","'.join(names) + '"]' if names else "[]"


def _tasks(path: Path) -> Iterator[Task]:
    return itertools.chain.from_iterable(path.values())
