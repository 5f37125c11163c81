"""Makes a bundle of a finished run."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from bench.analysis.folder import FinishedGrid, open_grid
from bench.analysis.records import LIBRARIES
from bench.base import keys
from bench.base.errors import UsageError
from bench.base.progress import Progress, silent
from bench.bundle.bundle import Bundle
from bench.bundle.choosing import Choice, choose
from bench.bundle.format import (
    Arrays,
    Contents,
    Data,
    Errors,
    Grouping,
    Link,
    Manifest,
    Model,
    write,
)
from bench.bundle.images import digests, name_digests
from bench.bundle.network import BASE, describe, files_of
from bench.bundle.transform import can_transform, needed_spaces, read_as, read_link, space
from bench.clusterers import clusterers
from bench.clusterers.named import Named as Clusterer
from bench.datasets.dataset import Dataset
from bench.datasets.image_form import SIDE
from bench.datasets.pieces import ImageSet
from bench.planning.plan import own_sizes
from bench.planning.plugins import load_plugins
from bench.stages import stages
from bench.stages.fitted import FITTED
from bench.stages.metrics.majority import cluster_names
from bench.stages.metrics.table import METRICS
from bench.stages.stage import Array
from bench.store import Artifact
from bench.store.artifact import DamagedError
from models.named import CLUSTERS, find
from reducers import reducers
from reducers.chain import Chain

# What an item kept of its fit: the prefix of its arrays' names in a bundle, artifact and item.
Kept = tuple[str, Artifact, Any]

CHECKED = 4  # images whose codes are kept, to check the model where a bundle is loaded


class _Artifacts(NamedTuple):
    """The artifacts of a run's stages."""

    trained: Artifact
    encoded: Artifact
    reduced: list[Artifact]
    clustered: Artifact


def export(
    cell: str | None,
    to: Path,
    results: Path,
    *,
    seed_index: int | None = None,
    store: Path | None = None,
    plugins: list[Path] | None = None,
    progress: Progress = silent,
) -> tuple[Bundle, Choice]:
    """Write a pipeline's bundle, and return it with the run that was chosen.

    Parameters and errors are those of `bench.export_bundle`.
    """
    load_plugins(plugins or [])
    grid = open_grid(results, store, progress)
    choice = choose(grid.records, cell, seed_index, grid.out)
    for parse, column in ((find, "model"), (Chain.parse, "chain"), (Clusterer.parse, "clusterer")):
        read_as(parse, choice.record[column])  # refuses an item that is unknown here
    sizes = own_sizes([choice.record["model"]])
    if sizes:
        grid = open_grid(results, store, progress, sizes)
    contents = make(grid, choice.record)
    # Tried before it is written: what cannot be loaded here must not replace what was there.
    bundle = Bundle(contents)
    write(to, contents)
    return bundle, choice


def make(grid: FinishedGrid, record: pd.Series) -> Contents:
    """Make a bundle of a record whose status is ``ok``.

    Raise `UsageError` if its artifacts are no longer in the store, or are of another version.
    """
    found = _artifacts(grid, record)
    items: list[Any] = [
        reducers[read_link(artifact.inputs["settings"]["link"]).name] for artifact in found.reduced
    ]
    model = _describe(found.encoded)
    base = _base(grid, record)
    dataset = grid.dataset.of_seed(int(record["seed_index"]))
    images, _ = dataset.sizes[_image_size(model.text, grid.spec.image_size)]
    grouping = found.clustered.inputs["settings"]
    by: Any = clusterers[Clusterer.parse(grouping["clusterer"]).name]
    able = [can_transform(item, "transform") for item in items]
    placed_links = able.index(False) if False in able else len(able)
    placed_clusters = all(able) and can_transform(by, "predict")
    # What is restored to transform images; links behind one that cannot are not.
    kept = [(f"{n}.", found.reduced[n], items[n]) for n in range(placed_links)]
    if placed_clusters:
        kept.append(("clusterer.", found.clustered, by))
    _check_versions(kept)
    assigned = record["assignment"] if isinstance(record["assignment"], str) else "[]"
    manifest = Manifest(
        model=model,
        base=None if base is None else _describe(base),
        links=tuple(map(_link, found.reduced, items)),
        placed_links=placed_links,
        clusterer=Grouping(
            text=grouping["clusterer"],
            clusters=grouping["clusters"],
            seed=grouping.get("seed"),
            source=keys.source(by),
        ),
        placed_clusters=placed_clusters,
        image_shape=(3, images.size, images.size),
        fit=dataset.form.fit,
        reading=dataset.reading,
        seed_index=int(record["seed_index"]),
        data=Data(
            name=dataset.name,
            images=len(dataset),
            fingerprint=dataset.fingerprint,
            class_names=dataset.class_names,
            whole=None if dataset is grid.dataset else grid.dataset.fingerprint,
        ),
        assignment=tuple((int(cluster), int(label)) for cluster, label in json.loads(assigned)),
        names=_names(found.clustered.require("train"), dataset),
        metrics={name: float(record[name]) for name in METRICS if math.isfinite(record[name])},
        errors=_errors(found.encoded),
        versions={"latentgrid": keys.installed("latentgrid")} | keys.versions(*LIBRARIES),
        parts={},
    )
    spaces = needed_spaces(items, placed_links, placed_clusters)
    parts = _parts(images, found, kept, spaces)
    parts["training"]["names"] = _names_of_images(grid.dataset, dataset)
    files = files_of(model)
    if base is not None and manifest.base is not None:
        parts["weights"] |= {f"{BASE}{name}": array for name, array in base.arrays().items()}
        files |= {f"{BASE}{name}": array for name, array in files_of(manifest.base).items()}
    return Contents(manifest, parts | ({"files": files} if files else {}))


def _names(clusters: Array, dataset: Dataset) -> tuple[tuple[int, str, float], ...]:
    names = cluster_names(clusters, dataset.labels, dataset.class_names)
    return tuple((cluster, name, share) for cluster, (name, share) in names.items())


def _describe(of: Artifact) -> Model:
    """Return what a bundle says of the model that an artifact was made with."""
    settings = of.inputs["settings"]
    return describe(settings["model"], settings.get(CLUSTERS))


def _base(grid: FinishedGrid, record: pd.Series) -> Artifact | None:
    """Return the training of the model that the run's model stands on, if it does."""
    key, *_ = [*str(record.get("base_artifacts") or "").replace("nan", "").split(), ""]
    return _load(grid, "train", key) if key else None


def _image_size(model: str, grids: int | None) -> int:
    """Return the size of the images that a model is given."""
    return next(iter(own_sizes([model])), grids or SIDE)


def _parts(
    images: ImageSet, found: _Artifacts, kept: list[Kept], spaces: set[int]
) -> dict[str, Arrays]:
    embeddings = [found.encoded, *found.reduced]
    training = {"digests": _digests(images), "clusters": found.clustered.require("train")}
    for number in sorted(spaces):
        training[space(number)] = embeddings[number].require("train")
    codes = found.encoded.require("train")
    chosen = np.linspace(0, len(codes) - 1, min(CHECKED, len(codes))).astype(np.int64)
    return {
        "weights": found.trained.arrays(),
        "fitted": {
            f"{prefix}{name.removeprefix(FITTED)}": array
            for prefix, artifact, _ in kept
            for name, array in artifact.arrays().items()
            if name.startswith(FITTED)
        },
        "training": training,
        "check": {"images": images[chosen], "codes": codes[chosen]},
    }


def _names_of_images(whole: Dataset, dataset: Dataset) -> Array:
    """Return digests of what the whole data set, which a seed is on a half of, calls its images."""
    found = name_digests(whole.image_names)
    return found if dataset.positions is None else found[dataset.positions]


def _digests(images: ImageSet) -> Array:
    return np.concatenate([digests(piece) for _, piece in images.arrays()])


def _artifacts(grid: FinishedGrid, record: pd.Series) -> _Artifacts:
    def load(stage: str) -> list[Artifact]:
        return [_load(grid, stage, key) for key in str(record[f"{stage}_artifacts"]).split()]

    (trained,), (encoded,), (clustered,) = load("train"), load("encode"), load("cluster")
    return _Artifacts(trained, encoded, load("reduce"), clustered)


def _load(grid: FinishedGrid, stage: str, key: str) -> Artifact:
    again = f"run the grid again (python -m bench.grid --config {grid.out / 'grid.toml'})"
    if (stage, key) not in grid.store:
        where = f"{grid.store.root}{grid.store_hint}"
        raise UsageError(f"the artifact of {stage} is no longer in the store {where}: {again}")
    try:
        artifact = grid.store.load(stage, key)
        artifact.verify()
    except DamagedError as error:
        raise UsageError(f"the artifact of {stage} is damaged ({error.reason}): {again}") from error
    return artifact


def _check_versions(kept: list[Kept]) -> None:
    """Refuse artifacts of another version, which may have kept less of a fit, or nothing."""
    for _, artifact, item in kept:
        stage = stages()[artifact.path.parent.name](**artifact.inputs["settings"])
        if artifact.inputs["source"] != stage.source():
            raise UsageError(
                f"these results were made by another version of {item.__name__} than is installed: "
                "run the grid again, which computes what has changed"
            )


def _link(artifact: Artifact, item: Any) -> Link:
    settings = artifact.inputs["settings"]
    return Link(
        text=settings["link"],
        seed=settings.get("seed"),
        threads=artifact.inputs["threads"],
        source=keys.source(item),
    )


def _errors(encoded: Artifact) -> Errors | None:
    errors = encoded.array("errors")
    if errors is None or not errors.any():
        return None
    median, high = np.quantile(errors.astype(np.float64), [0.5, 0.99])
    return Errors(median=float(median), percentile_99=float(high))
