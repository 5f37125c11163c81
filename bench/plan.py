"""From a grid to the tasks that have to be done, each once.

Every cell is a path of tasks: train, encode, reduce (a task a link), cluster, score. A task's
key is a hash of all that shapes its result, its parent's key among them, so that cells that
agree on a prefix have the same tasks there, and every key is known before anything is run.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from bench import keys, metrics, sampling, seeds, stages
from bench.datasets.dataset import Dataset
from bench.errors import UsageError
from bench.probe import probe
from bench.seeds import derive
from bench.spec import GridSpec
from bench.training import capture, convolution, core, state
from models import autoencoders
from reducers import reducers
from reducers.chain import Chain, Link

CLUSTERER = "kmeans"


@dataclass(frozen=True)
class Task:
    """One stage on one input.

    Attributes
    ----------
    stage : str
        One of `bench.stages.STAGES`.
    key : str
        Name of its artifact.
    parent : str or None
        Key of the task whose artifact it reads.
    parent_stage : str or None
    settings : dict
        What the stage is called with, beside arrays.
    inputs : dict
        All that the key is a hash of.
    label : str
        What users see while it runs.
    samples, features : int
        Shape of the array that it works on.
    outputs : int
        Numbers that it leaves for each training image.
    """

    stage: str
    key: str
    parent: str | None
    parent_stage: str | None
    settings: dict[str, Any]
    inputs: dict[str, Any]
    label: str
    samples: int
    features: int
    outputs: int


@dataclass(frozen=True)
class Cell:
    """One combination, repeated with one seed.

    Attributes
    ----------
    model : str
    chain : Chain
    clusterer : str
    index : int
        Which repetition, from 0.
    tasks : tuple of Task
        From training to scoring; none where the cell is impossible.
    impossible : str
        Why the chain cannot work on the model's codes; empty where it can.
    null : tuple of Task
        The chain and k-means on data without clusters, the same for all repetitions; none where
        that is not asked for.
    """

    model: str
    chain: Chain
    clusterer: str
    index: int
    tasks: tuple[Task, ...]
    impossible: str = ""
    null: tuple[Task, ...] = ()

    def task(self, stage: str) -> Task:
        """Return the cell's task of a stage; of several links the last."""
        return [task for task in self.tasks if task.stage == stage][-1]


@dataclass(frozen=True)
class Plan:
    """All cells of a grid and their distinct tasks, parents first."""

    spec: GridSpec
    cells: tuple[Cell, ...]
    tasks: dict[str, Task] = field(repr=False)


def plan(spec: GridSpec, dataset: Dataset) -> Plan:
    """Plan a grid.

    Parameters
    ----------
    spec : GridSpec
        With its device resolved.
    dataset : Dataset

    Raises
    ------
    UsageError
        If the images are all one, a model cannot work on them, or a chain on no model's codes.
    """
    _check_images(dataset)
    spared = spec.spared
    impossible = {
        (model, str(chain)): why_impossible(model, chain, dataset, model in spared)
        for model in spec.models
        for chain in spec.chains
    }
    for chain in spec.chains:
        reasons = [impossible[model, str(chain)] for model in spec.models]
        if all(reasons):
            raise UsageError(reasons[0])
    planner = _Planner(spec, dataset)
    cells = tuple(
        planner.cell(model, chain, index, impossible[model, str(chain)])
        for model in spec.models
        for index in range(spec.seeds)
        for chain in spec.chains
    )
    return Plan(spec, cells, planner.tasks)


def _check_images(dataset: Dataset) -> None:
    """Refuse images that nothing could group."""
    count, images = len(dataset), dataset.images
    if count < 2:
        raise UsageError(f"{dataset.name}: {count} image to group: at least 2 are needed")
    if all((image == images[0]).all() for image in images):
        raise UsageError(
            f"{dataset.name}: all {count} images are the same: there is nothing to tell apart"
        )


def why_impossible(model: str, chain: Chain, dataset: Dataset, spared: bool = False) -> str:
    """Say why a chain cannot work on a model's codes of this data set; empty where it can.

    A model that cannot work itself is refused, unless it is to be spared.
    """
    try:
        features = probe(model, dataset.image_shape).code_size
    except UsageError as error:
        if not spared:
            raise
        return str(error)
    for link in chain.links:
        try:
            reducer = link.build()
            reducer.check(len(dataset), features)
        except ValueError as error:
            return (
                f"reducer chain '{chain}' cannot work on {model}, {dataset.name}: {link}: {error}"
            )
        features = reducer.output_size(features)
    return ""


class _Planner:
    """Makes tasks, each key once."""

    def __init__(self, spec: GridSpec, dataset: Dataset) -> None:
        self.spec = spec
        self.dataset = dataset
        self.device = spec.device
        self.tasks: dict[str, Task] = {}

    def cell(self, model: str, chain: Chain, index: int, impossible: str) -> Cell:
        if impossible:
            return Cell(model, chain, CLUSTERER, index, (), impossible)
        path = [self._train(model, index)]
        path.append(self._encode(model, path[-1], f"{model}, seed {index}"))
        for link in chain.links:
            path.append(self._reduce(link, path[-1], f"{model}, seed {index}", index))
        path.append(self._cluster(path[-1], f"{model}, {chain}, seed {index}", index))
        path.append(self._score(path[-1], f"{model}, {chain}, seed {index}"))
        return Cell(model, chain, CLUSTERER, index, tuple(path), null=self._null(model, chain))

    def _null(self, model: str, chain: Chain) -> tuple[Task, ...]:
        """Plan the null control, from the codes of the first repetition."""
        if not self.spec.null:
            return ()
        encoded = self._encode(model, self._train(model, 0), f"{model}, seed 0")
        label = f"null of {model}"
        path = [
            self._add(
                "null",
                encoded,
                {"seed": derive(self.spec.seed, 0, "null")},
                label=label,
                data=None,
                source=keys.source(stages.null),
                libraries=("numpy",),
                threads=True,
                features=encoded.outputs,
                outputs=encoded.outputs,
            )
        ]
        for link in chain.links:
            path.append(self._reduce(link, path[-1], label, 0))
        path.append(self._cluster(path[-1], f"{chain}, {label}", 0))
        return tuple(path)

    def _seed(self, of: str, index: int, *names: str) -> int:
        """Return a seed of the model, the reducer or the clusterer at a repetition."""
        varies = self.spec.vary in ("all", of)
        return derive(self.spec.seed, index if varies else 0, *names)

    def _on_device(self) -> dict[str, Any]:
        settings: dict[str, Any] = {"device": self.device}
        if self.spec.deterministic:
            settings["deterministic"] = True
        if self.device == "cuda":
            settings["precision"] = self.spec.precision
        return settings

    def _train(self, model: str, index: int) -> Task:
        item: Any = autoencoders[model]
        data = self.dataset.fingerprint
        settings: dict[str, Any] = {"model": model, **self._on_device()}
        if not item.deterministic:
            settings["weights_seed"] = self._seed(
                "model", index, "weights", data, item.family or model
            )
        if item.trains:
            settings["batches_seed"] = self._seed("model", index, "batches", data)
            settings |= {
                "epochs": self.spec.epochs,
                "lr": self.spec.lr,
                "batch_size": self.spec.batch_size,
            }
        facts = probe(model, self.dataset.image_shape)
        return self._add(
            "train",
            None,
            settings,
            label=f"{model}, seed {index}",
            data=data,
            source=keys.source(item, stages.train, core, state, capture, convolution),
            libraries=item.libraries,
            threads=self.device == "cpu" and item.trains,
            features=facts.code_size,
            outputs=0,
        )

    def _encode(self, model: str, parent: Task, label: str) -> Task:
        item: Any = autoencoders[model]
        size = probe(model, self.dataset.image_shape).code_size
        return self._add(
            "encode",
            parent,
            {"model": model, **self._on_device(), "samples": stages.SAMPLES},
            label=label,
            data=[self.dataset.fingerprint, self.dataset.validation_fingerprint],
            source=keys.source(stages.encode, core, convolution),
            libraries=item.libraries,
            threads=self.device == "cpu",
            features=size,
            outputs=size,
        )

    def _reduce(self, link: Link, parent: Task, label: str, index: int) -> Task:
        item: Any = reducers[link.name]
        settings: dict[str, Any] = {"link": str(link)}
        if not item.deterministic:
            settings["seed"] = self._seed("reducer", index, "reducer", str(link))
        return self._add(
            "reduce",
            parent,
            settings,
            label=f"{link}, {label}",
            data=None,
            source=keys.source(item, stages.reduce),
            libraries=item.libraries,
            threads=True,
            features=parent.outputs,
            outputs=link.build().output_size(parent.outputs),
        )

    def _cluster(self, parent: Task, label: str, index: int) -> Task:
        return self._add(
            "cluster",
            parent,
            {
                "clusters": self.dataset.clusters,
                "seed": self._seed("clusterer", index, CLUSTERER),
                "starts": stages.STARTS,
            },
            label=label,
            data=None,
            source=keys.source(stages.cluster, metrics),
            libraries=("scikit-learn",),
            threads=True,
            features=parent.outputs,
            outputs=1,
        )

    def _score(self, parent: Task, label: str) -> Task:
        return self._add(
            "score",
            parent,
            {},
            label=label,
            data=self.dataset.labels_fingerprint,
            source=keys.source(stages.score, metrics, sampling, seeds),
            libraries=("scikit-learn", "scipy"),
            threads=False,
            features=1,
            outputs=0,
        )

    def _add(
        self,
        stage: str,
        parent: Task | None,
        settings: dict[str, Any],
        *,
        label: str,
        data: Any,
        source: str,
        libraries: tuple[str, ...],
        threads: bool,
        features: int,
        outputs: int,
    ) -> Task:
        inputs = {
            "settings": settings,
            "parent": parent.key if parent else None,
            "data": data,
            "source": source,
            "versions": keys.versions(*libraries),
            "threads": self.spec.threads if threads else None,
            "processor": keys.processor() if threads else None,
        }
        key = keys.key({"stage": stage} | inputs)
        if key not in self.tasks:
            self.tasks[key] = Task(
                stage,
                key,
                parent.key if parent else None,
                parent.stage if parent else None,
                settings,
                inputs,
                label,
                len(self.dataset),
                features,
                outputs,
            )
        return self.tasks[key]
