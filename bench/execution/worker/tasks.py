"""Does one task: reads its input from the store, runs its stage, keeps what that leaves."""

from __future__ import annotations

import importlib
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from bench.base.processors import limit_threads
from bench.base.stopwatch import Stopwatch
from bench.clusterers.named import Named as Clusterer
from bench.planning.task import Task
from bench.stages import controls, stages
from bench.stages.stages import Result, Steps
from bench.store import Artifact, Store
from bench.store.checkpoints import Checkpoints
from models.named import CLUSTERS, find
from reducers.chain import Chain

if TYPE_CHECKING:
    from bench.stages.training.core import Recipe
    from models.autoencoder import Autoencoder


@dataclass(frozen=True)
class Data:
    """The arrays of a data set, as `bench.datasets.dataset.Dataset` describes them."""

    images: NDArray[np.uint8]
    validation_images: NDArray[np.uint8]
    labels: NDArray[np.int64] | None
    validation_labels: NDArray[np.int64] | None


@dataclass(frozen=True)
class _Job:
    """A stage with its input read: what to do before the clock starts, and what to time."""

    call: Callable[[], Result]
    warm_up: Callable[[], object] = lambda: None


class Worker:
    """Binds tasks to the plain functions of `bench.stages.stages`.

    Parameters
    ----------
    data : Data
    store : Store
    device : str
        ``cpu``, ``cuda`` or ``mps``.
    checkpoint : float
        Seconds between two checkpoints of a training.
    """

    def __init__(self, data: Data, store: Store, device: str, checkpoint: float = 60.0) -> None:
        self.data = data
        self.store = store
        self.device = device
        self.checkpoint = checkpoint
        self.warm: set[str] = set()

    def do(
        self,
        task: Task,
        steps: Steps,
        force: bool = False,
        waiting: Callable[[], object] = lambda: None,
    ) -> bool:
        """Run a task and keep what it leaves.

        Parameters
        ----------
        task : Task
        steps : callable
            Told how far it is.
        force : bool
            Do it although its artifact is there.
        waiting : callable
            Called if another process is doing the same task; what that leaves is used.

        Returns
        -------
        bool
            False if the artifact was there.
        """
        with self.store.lock(task.key, waiting):
            if (task.stage, task.key) in self.store and not force:
                return False
            keeper = self._keeper(task, force)
            job = self._job(task, steps, keeper)
            warm_up_seconds = self._warm_up(task, job)
            limit_threads(task.threads)
            with Stopwatch(_device(task)) as watch:
                result = job.call()
            self.store.save(
                task.stage,
                task.key,
                result.arrays,
                result.values,
                task.inputs,
                watch.seconds + (keeper.earlier_seconds if keeper else 0.0),
                warm_up_seconds,
                watch.peak_memory_mb,
                replace=force,
            )
            if keeper is not None:
                keeper.discard()
        return True

    def _keeper(self, task: Task, force: bool) -> Checkpoints | None:
        if task.stage != "train" or "epochs" not in task.settings:
            return None
        from bench.stages.training import core

        keeper = Checkpoints(self.store, task.key, self.checkpoint, core.kernels(self.device))
        if force:
            keeper.discard()
        return keeper

    def _warm_up(self, task: Task, job: _Job) -> float:
        what = f"{task.stage} {task.settings.get('model', task.settings.get('link'))}"
        if what in self.warm:
            return 0.0
        self.warm.add(what)
        with Stopwatch(_device(task)) as watch:
            job.warm_up()
        return watch.seconds

    def _job(self, task: Task, steps: Steps, keeper: Checkpoints | None) -> _Job:
        if task.stage == "train":
            return self._train(task, steps, keeper)
        jobs: dict[str, Callable[..., _Job]] = {
            "encode": self._encode,
            "rank": self._rank,
            "place": self._place,
            "null": self._null,
            "resample": self._resample,
            "reduce": self._reduce,
            "cluster": self._cluster,
            "measure": self._measure,
            "agree": self._agree,
            "scan": self._scan,
            "score": self._score,
        }
        read = [self.store.load(*place) for place in task.reads]
        return jobs[task.stage](task, steps, *read)

    def _train(self, task: Task, steps: Steps, keeper: Checkpoints | None) -> _Job:
        from bench.stages.training import core

        settings = task.settings
        model = find(settings["model"], settings.get(CLUSTERS))
        # A model that does not train has no recipe and no batches, one without weights no seed.
        recipe = core.Recipe(
            settings.get("epochs", 0), settings.get("lr", 0.0), settings.get("batch_size", 1)
        )
        return _Job(
            lambda: stages.train(
                model,
                self.data.images,
                recipe,
                settings.get("weights_seed", 0),
                settings.get("batches_seed", 0),
                self.device,
                steps,
                keeper,
            ),
            lambda: self._warm_up_model(model, recipe) if model.trains else None,
        )

    def _warm_up_model(self, model: type[Autoencoder], recipe: Recipe | None) -> None:
        from bench.stages.training import core

        try:
            core.warm_up(model, (3, *self.data.images.shape[1:3]), recipe, self.device)
        except (RuntimeError, MemoryError) as error:
            if not core.out_of_memory(error):  # that is for the stage itself to tell
                raise

    def _encode(self, task: Task, steps: Steps, trained: Artifact) -> _Job:
        weights = trained.arrays()
        model = find(task.settings["model"], task.settings.get(CLUSTERS))
        return _Job(
            lambda: stages.encode(
                model,
                weights,
                self.data.images,
                self.data.validation_images,
                self.device,
                task.settings["pictured"],
                steps,
            ),
            lambda: self._warm_up_model(model, None),
        )

    def _rank(self, task: Task, steps: Steps, encoded: Artifact) -> _Job:
        codes = encoded.require("train")
        return _Job(lambda: stages.rank(codes), _import_metrics)

    def _place(self, task: Task, steps: Steps) -> _Job:
        return _Job(lambda: stages.place(self.data.images), _import_metrics)

    def _null(self, task: Task, steps: Steps, encoded: Artifact) -> _Job:
        codes = encoded.require("train")
        return _Job(lambda: controls.null(codes, task.settings["seed"]))

    def _resample(self, task: Task, steps: Steps) -> _Job:
        return _Job(lambda: controls.resample(task.samples, task.settings["seed"]))

    def _reduce(
        self, task: Task, steps: Steps, parent: Artifact, drawn: Artifact | None = None
    ) -> _Job:
        (link,) = Chain.parse(task.settings["link"]).links
        reducer = link.build(task.settings.get("seed"), task.threads, self.device)
        train, validation = parent.require("train"), parent.array("validation")
        if drawn is not None:
            train, validation = train[drawn.require("chosen")], None
        return _Job(
            lambda: stages.reduce(reducer, train, validation),
            lambda: reducer.warm_up(*train.shape),
        )

    def _cluster(self, task: Task, steps: Steps, reduced: Artifact) -> _Job:
        train, validation = reduced.require("train"), reduced.array("validation")
        settings = task.settings
        named = Clusterer.parse(settings["clusterer"])
        clusterer = named.build(settings["clusters"], settings.get("seed"))
        return _Job(
            lambda: stages.cluster(clusterer, train, validation),
            lambda: importlib.import_module("sklearn.cluster"),
        )

    def _measure(
        self,
        task: Task,
        steps: Steps,
        reduced: Artifact,
        clustered: Artifact,
        ranked: Artifact | None = None,
        placed: Artifact | None = None,
    ) -> _Job:
        train, clusters = reduced.require("train"), clustered.require("train")
        codes = None if ranked is None else ranked.require("ranks")
        common = None if placed is None else placed.arrays()
        return _Job(lambda: stages.measure(train, clusters, codes, common), _import_metrics)

    def _agree(self, task: Task, steps: Steps, clustered: Artifact, *others: Artifact) -> _Job:
        again = [
            (drawn.require("chosen"), clusters.require("train"))
            for drawn, clusters in zip(others[::2], others[1::2], strict=True)
        ]
        clusters = clustered.require("train")
        return _Job(lambda: controls.agree(clusters, again), _import_metrics)

    def _scan(self, task: Task, steps: Steps, reduced: Artifact, placed: Artifact) -> _Job:
        train, near, settings = reduced.require("train"), placed.require("near"), task.settings
        return _Job(
            lambda: controls.scan(
                train, near, settings["counts"], settings["seed"], settings["starts"]
            ),
            lambda: importlib.import_module("sklearn.cluster"),
        )

    def _score(self, task: Task, steps: Steps, clustered: Artifact, measured: Artifact) -> _Job:
        train, validation = clustered.require("train"), clustered.array("validation")
        near, data = measured.require("near"), self.data
        return _Job(
            lambda: stages.score(train, near, data.labels, validation, data.validation_labels),
            _import_metrics,
        )


def _device(task: Task) -> str:
    """Return where a task is done: on the CPU unless it says otherwise, be there a GPU or not."""
    return str(task.settings.get("device", "cpu"))


def _import_metrics() -> None:
    importlib.import_module("sklearn.metrics")
