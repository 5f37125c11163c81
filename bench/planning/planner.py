"""Makes the tasks of cells, each once.

Every cell is a path of tasks, one a stage, and of reduce one a link. A task's key is a hash of all
that shapes its result, the keys of what it reads among them, so that cells that agree on a prefix
have the same tasks there, and every key is known before anything is run.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from bench.base import keys, sampling, seeds
from bench.base.seeds import derive
from bench.clusterers import clusterers
from bench.clusterers.kmeans import KMeans
from bench.clusterers.named import DEFAULT
from bench.clusterers.named import Named as Clusterer
from bench.datasets.dataset import Dataset
from bench.planning.feasible import why_impossible
from bench.planning.settings import GridSettings
from bench.planning.task import PARALLEL, Cell, Task, Way
from bench.stages import controls, stages
from bench.stages.metrics import clustering, neighbors, reference_space
from bench.stages.training import capture, convolution, core, state
from bench.stages.training.probe import probe
from models.named import CLUSTERS, Named
from reducers import reducers
from reducers.chain import Chain, Link


class Planner:
    """Makes tasks, each key once.

    Parameters
    ----------
    spec : GridSettings
        With its device resolved.
    dataset : Dataset

    Attributes
    ----------
    tasks : dict
        All that were made, by key, parents first.
    """

    def __init__(self, spec: GridSettings, dataset: Dataset) -> None:
        self.spec = spec
        self.dataset = dataset
        self.device = spec.device
        self.tasks: dict[str, Task] = {}

    def cell(
        self, model: str, chain: Chain, clusterer: Clusterer, index: int, impossible: str
    ) -> Cell:
        """Plan a cell, its null control and its resamples."""
        if impossible:
            return Cell(model, chain, clusterer, index, (), impossible)
        way = Way(chain, clusterer)
        label = f"{model}, {way}, seed {index}"
        trained = self._train(model, index)
        encoded = self._encode(model, trained, f"{model}, seed {index}")
        ranked, placed = self._rank(encoded, f"{model}, seed {index}"), self._place()
        *links, clustered = self._group(way, [encoded], f"{model}, seed {index}", index)
        measured = self._measure([links[-1], clustered, ranked, placed], label)
        scored = self._score(clustered, measured, label)
        path = (trained, encoded, ranked, placed, *links, clustered, measured, scored)
        return Cell(
            model,
            chain,
            clusterer,
            index,
            path,
            null=self._null(model, way),
            resamples=self._resamples(model, way, encoded, clustered, index),
        )

    def scan(self, cell: Cell) -> Cell:
        """Plan a cell up to its embedding, and there all numbers of clusters."""
        if cell.impossible:
            return cell
        label = f"{cell.model}, seed {cell.index}"
        trained, placed = self._train(cell.model, cell.index), self._place()
        encoded = self._encode(cell.model, trained, label)
        links = self._links(cell.chain, [encoded], label, cell.index)
        scanned = self._add(
            "scan",
            [links[-1], placed],
            {
                "counts": controls.counts(len(self.dataset)),
                "seed": self._seed("clusterer", cell.index, DEFAULT),
                "starts": controls.SCAN_STARTS,
            },
            label=f"{cell.chain}, {label}",
            data=None,
            source=keys.source(
                controls.scan, KMeans, stages.cluster, reference_space, neighbors, seeds
            ),
            libraries=("scikit-learn",),
            arithmetic=True,
            features=links[-1].outputs,
            outputs=0,
        )
        return replace(cell, tasks=(trained, encoded, placed, *links, scanned))

    def _links(self, chain: Chain, reads: list[Task], label: str, index: int) -> list[Task]:
        path: list[Task] = []
        for link in chain.links:
            path.append(self._reduce(link, path[-1:] or reads, label, index))
        return path

    def _group(self, way: Way, reads: list[Task], label: str, index: int) -> list[Task]:
        """Plan a chain and the clusterer behind it."""
        path = self._links(way.chain, reads, label, index)
        return [*path, self._cluster(way.clusterer, path[-1], f"{way}, {label}", index)]

    def _null(self, model: str, way: Way) -> tuple[Task, ...]:
        """Plan the null control, from the codes of the first repetition."""
        if not self.spec.null:
            return ()
        encoded = self._encode(model, self._train(model, 0), f"{model}, seed 0")
        label = f"null of {model}"
        drawn = self._add(
            "null",
            [encoded],
            {"seed": derive(self.spec.seed, 0, "null")},
            label=label,
            data=None,
            source=keys.source(controls.null),
            libraries=("numpy",),
            arithmetic=True,
            features=encoded.outputs,
            outputs=encoded.outputs,
        )
        *links, clustered = self._group(way, [drawn], label, 0)
        measured = self._measure([links[-1], clustered], f"{way}, {label}")
        return (drawn, *links, clustered, measured)

    def _resamples(
        self, model: str, way: Way, encoded: Task, clustered: Task, index: int
    ) -> tuple[Task, ...]:
        """Plan the chain and clusterer on draws of the images, and how far clusters stay."""
        if not self.spec.resamples or self._too_few(model, way):
            return ()
        path: list[Task] = []
        compared = [clustered]
        for number in range(self.spec.resamples):
            drawn = self._add(
                "resample",
                [],
                {
                    "seed": derive(self.spec.seed, index, "resample", str(number)),
                    "images": len(self.dataset),
                    "share": controls.SHARE,
                },
                label=f"{number}, seed {index}",
                data=None,
                source=keys.source(controls.resample, controls.resampled),
                libraries=("numpy",),
                arithmetic=False,
                features=1,
                outputs=1,
            )
            label = f"resample {number} of {model}, seed {index}"
            path += [drawn, *self._group(way, [encoded, drawn], label, index)]
            compared += [drawn, path[-1]]
        agreed = self._add(
            "agree",
            compared,
            {},
            label=f"{model}, {way}, seed {index}",
            data=None,
            source=keys.source(controls.agree, clustering),
            libraries=("scikit-learn",),
            arithmetic=False,
            features=1,
            outputs=0,
        )
        return (*path, agreed)

    def _too_few(self, model: str, way: Way) -> bool:
        """Tell whether a resample has too few images for a chain or clusterer."""
        fewer = controls.resampled(len(self.dataset))
        return fewer < self.dataset.clusters or bool(
            why_impossible(model, way.chain, way.clusterer, self.dataset, count=fewer)
        )

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
        named = Named.parse(model)
        item: Any = named.item(self.dataset.clusters)
        data = self.dataset.fingerprint
        settings: dict[str, Any] = {"model": model, **self._on_device()}
        if named.needs_clusters:
            settings[CLUSTERS] = self.dataset.clusters
        if not item.deterministic:
            settings["weights_seed"] = self._seed("model", index, "weights", data, named.family)
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
            [],
            settings,
            label=f"{model}, seed {index}",
            data=data,
            source=keys.source(item, stages.train, core, state, capture, convolution),
            libraries=item.libraries,
            # What is told the number of clusters seeks them on the CPU.
            arithmetic=item.trains and (self.device == "cpu" or named.needs_clusters),
            features=facts.code_size,
            outputs=0,
        )

    def _encode(self, model: str, parent: Task, label: str) -> Task:
        named = Named.parse(model)
        item: Any = named.item(self.dataset.clusters)
        told = {CLUSTERS: self.dataset.clusters} if named.needs_clusters else {}
        size = probe(model, self.dataset.image_shape).code_size
        return self._add(
            "encode",
            [parent],
            {"model": model, **told, **self._on_device(), "pictured": stages.PICTURED},
            label=label,
            data=[self.dataset.fingerprint, self.dataset.validation_fingerprint],
            source=keys.source(stages.encode, stages.Album, core, convolution),
            libraries=item.libraries,
            arithmetic=self.device == "cpu",
            features=size,
            outputs=size,
        )

    def _rank(self, parent: Task, label: str) -> Task:
        return self._add(
            "rank",
            [parent],
            {},
            label=label,
            data=None,
            source=keys.source(stages.rank, neighbors, seeds),
            libraries=("scikit-learn",),
            arithmetic=True,
            features=parent.outputs,
            outputs=0,
        )

    def _place(self) -> Task:
        """Plan the reference space, the same for all cells."""
        return self._add(
            "place",
            [],
            {},
            label=self.dataset.name,
            data=self.dataset.fingerprint,
            source=keys.source(stages.place, reference_space, neighbors, seeds),
            libraries=("torch", "scipy", "scikit-learn"),
            arithmetic=True,
            features=2048,
            outputs=0,
        )

    def _reduce(self, link: Link, reads: list[Task], label: str, index: int) -> Task:
        item: Any = reducers[link.name]
        settings: dict[str, Any] = {"link": str(link)}
        if link.on_device:
            settings |= self._on_device()
        if not item.deterministic:
            settings["seed"] = self._seed("reducer", index, "reducer", str(link))
        return self._add(
            "reduce",
            reads,
            settings,
            label=f"{link}, {label}",
            data=None,
            source=keys.source(item, stages.reduce),
            libraries=item.libraries,
            arithmetic=True,
            features=reads[0].outputs,
            outputs=link.build().output_size(reads[0].outputs),
        )

    def _cluster(self, clusterer: Clusterer, parent: Task, label: str, index: int) -> Task:
        item: Any = clusterers[clusterer.name]
        settings: dict[str, Any] = {
            "clusterer": str(clusterer),
            "clusters": self.dataset.clusters,
        }
        if not item.deterministic:
            settings["seed"] = self._seed("clusterer", index, str(clusterer))
        return self._add(
            "cluster",
            [parent],
            settings,
            label=label,
            data=None,
            source=keys.source(item, stages.cluster),
            libraries=item.libraries,
            arithmetic=True,
            features=parent.outputs,
            outputs=1,
        )

    def _measure(self, reads: list[Task], label: str) -> Task:
        return self._add(
            "measure",
            reads,
            {},
            label=label,
            data=None,
            source=keys.source(
                stages.measure, stages.silhouette, neighbors, reference_space, seeds
            ),
            libraries=("scikit-learn",),
            arithmetic=True,
            features=reads[0].outputs,
            outputs=0,
        )

    def _score(self, clustered: Task, measured: Task, label: str) -> Task:
        return self._add(
            "score",
            [clustered, measured],
            {},
            label=label,
            data=self.dataset.labels_fingerprint,
            source=keys.source(stages.score, clustering, neighbors, sampling, seeds),
            libraries=("scikit-learn", "scipy"),
            arithmetic=False,
            features=1,
            outputs=0,
        )

    def _add(
        self,
        stage: str,
        reads: list[Task],
        settings: dict[str, Any],
        *,
        label: str,
        data: Any,
        source: str,
        libraries: tuple[str, ...],
        arithmetic: bool,
        features: int,
        outputs: int,
    ) -> Task:
        """Plan a task; where it does ``arithmetic`` on the CPU, last digits depend on how."""
        threads = self.spec.threads if arithmetic and stage in PARALLEL else 1
        inputs = {
            "settings": settings,
            "reads": [task.key for task in reads],
            "data": data,
            "source": source,
            "versions": keys.versions(*libraries),
            "threads": threads if arithmetic else None,
            "processor": keys.processor() if arithmetic else None,
        }
        key = keys.key({"stage": stage} | inputs)
        if key not in self.tasks:
            self.tasks[key] = Task(
                stage,
                key,
                tuple((task.stage, task.key) for task in reads),
                settings,
                inputs,
                label,
                len(self.dataset),
                features,
                outputs,
                threads,
            )
        return self.tasks[key]
