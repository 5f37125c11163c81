"""Makes a bundle of a finished cell."""

from __future__ import annotations

import json
import math
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from bench.analysis.folder import FinishedGrid
from bench.analysis.records import LIBRARIES
from bench.base import keys
from bench.base.errors import UsageError
from bench.bundle.format import Arrays, Contents
from bench.bundle.images import digests
from bench.bundle.manifest import Data, Errors, Grouping, Link, Manifest, Model
from bench.bundle.placing import can_place, needed_spaces, space
from bench.clusterers import clusterers
from bench.clusterers.named import Named as Clusterer
from bench.datasets.dataset import Dataset
from bench.stages import stages
from bench.stages.fitted import FITTED
from bench.stages.metrics.table import METRICS
from bench.store import Artifact, Store
from bench.store.artifact import DamagedError
from models.named import CLUSTERS, find
from reducers import reducers
from reducers.chain import Chain

Array = NDArray[Any]

CHECKED = 4  # images whose codes are kept, to try a bundle by where it is loaded


@dataclass(frozen=True)
class _Artifacts:
    """What the stages of a cell left."""

    trained: Artifact
    encoded: Artifact
    reduced: list[Artifact]
    clustered: Artifact


def make(grid: FinishedGrid, record: pd.Series) -> Contents:
    """Make a bundle of a record.

    Parameters
    ----------
    grid : FinishedGrid
    record : Series
        A row of its records whose status is ``ok``.

    Raises
    ------
    UsageError
        If what its stages left is no longer in the store, or was left by an older version.
    """
    found = _artifacts(grid, record)
    links, clusterer = [_link(artifact) for artifact in found.reduced], _grouping(found.clustered)
    items: list[Any] = [reducers[_parsed(link.text).name] for link in links]
    by: Any = clusterers[Clusterer.parse(clusterer.text).name]
    placed_links = _places(items)
    placed_clusters = placed_links == len(items) and can_place(by, "predict")
    _check_kept(found, items[:placed_links], by if placed_clusters else None)
    manifest = Manifest(
        model=_model(found),
        links=tuple(links),
        placed_links=placed_links,
        clusterer=clusterer,
        placed_clusters=placed_clusters,
        image_shape=grid.dataset.image_shape,
        seed_index=int(record["seed_index"]),
        data=_data(grid.dataset),
        assignment=_assignment(record),
        metrics=_metrics(record),
        errors=_errors(found.encoded),
        versions={"latentgrid": keys.installed("latentgrid")} | keys.versions(*LIBRARIES),
        parts={},
    )
    needed = needed_spaces(items, placed_links, placed_clusters)
    return Contents(
        manifest,
        {
            "weights": found.trained.arrays(),
            "fitted": _fitted(found, placed_links, placed_clusters),
            "training": _training(grid.dataset, found, needed),
            "check": _some(grid.dataset, found),
        },
    )


def _data(dataset: Dataset) -> Data:
    return Data(
        name=dataset.name,
        images=len(dataset),
        fingerprint=dataset.fingerprint,
        class_names=dataset.class_names,
    )


def _training(dataset: Dataset, found: _Artifacts, needed: set[int]) -> Arrays:
    """Return what is kept of the training images, their places as far as they are needed."""
    places = [found.encoded, *found.reduced]
    kept = {space(number): places[number].require("train") for number in sorted(needed)}
    clusters = found.clustered.require("train")
    return {"digests": digests(dataset.images), "clusters": clusters} | kept


def _some(dataset: Dataset, found: _Artifacts) -> Arrays:
    """Return a few evenly spaced images and their codes."""
    codes = found.encoded.require("train")
    chosen = np.linspace(0, len(codes) - 1, min(CHECKED, len(codes))).astype(np.int64)
    return {"images": dataset.images[chosen], "codes": codes[chosen]}


def _artifacts(grid: FinishedGrid, record: pd.Series) -> _Artifacts:
    def load(stage: str) -> list[Artifact]:
        names = str(record[f"{stage}_artifacts"]).split()
        return [_load(grid, stage, name) for name in names]

    (trained,), (encoded,), (clustered,) = load("train"), load("encode"), load("cluster")
    return _Artifacts(trained, encoded, load("reduce"), clustered)


def _load(grid: FinishedGrid, stage: str, key: str) -> Artifact:
    store: Store = grid.store
    again = f"run the grid again (python -m bench.grid --config {grid.out / 'grid.toml'})"
    if (stage, key) not in store:
        raise UsageError(
            f"what {stage} left is not in the store {store.root} any more{grid.store_hint}: {again}"
        )
    try:
        artifact = store.load(stage, key)
        artifact.verify()
    except DamagedError as error:
        raise UsageError(f"what {stage} left is damaged ({error.reason}): {again}") from error
    return artifact


def _check_kept(found: _Artifacts, links: list[Any], clusterer: Any | None) -> None:
    """Refuse what another version found: an older one kept less of it, or nothing."""
    # The links behind those that place images are not brought back.
    kept = [(one, item, "reduce") for one, item in zip(found.reduced, links, strict=False)]
    if clusterer is not None:
        kept.append((found.clustered, clusterer, "cluster"))
    for artifact, item, name in kept:
        stage = stages()[name](**artifact.inputs["settings"])
        if artifact.inputs["source"] != stage.source():
            raise UsageError(
                f"these results are of another version of {item.__name__} than is installed here: "
                "run the grid again, which makes what has changed"
            )


def _places(items: list[Any]) -> int:
    """Count the links, from the first on, that place unseen points."""
    able = [can_place(item, "transform") for item in items]
    return able.index(False) if False in able else len(able)


def _parsed(text: str) -> Any:
    (link,) = Chain.parse(text).links
    return link


def _link(artifact: Artifact) -> Link:
    settings = artifact.inputs["settings"]
    item: Any = reducers[_parsed(settings["link"]).name]
    return Link(
        text=settings["link"],
        seed=settings.get("seed"),
        threads=artifact.inputs["threads"],
        source=keys.source(item),
    )


def _grouping(artifact: Artifact) -> Grouping:
    settings = artifact.inputs["settings"]
    item: Any = clusterers[Clusterer.parse(settings["clusterer"]).name]
    return Grouping(
        text=settings["clusterer"],
        clusters=settings["clusters"],
        seed=settings.get("seed"),
        source=keys.source(item),
    )


def _model(found: _Artifacts) -> Model:
    settings = found.encoded.inputs["settings"]
    clusters = settings.get(CLUSTERS)
    item: Any = find(settings["model"], clusters)
    return Model(text=settings["model"], clusters=clusters, source=keys.source(item))


def _fitted(found: _Artifacts, placed_links: int, placed_clusters: bool) -> Arrays:
    """Return what the items that place unseen points keep of their fits."""
    kept = [(f"{n}.", artifact) for n, artifact in enumerate(found.reduced[:placed_links])]
    if placed_clusters:
        kept.append(("clusterer.", found.clustered))
    return {
        f"{prefix}{name.removeprefix(FITTED)}": array
        for prefix, artifact in kept
        for name, array in artifact.arrays().items()
        if name.startswith(FITTED)
    }


def _assignment(record: pd.Series) -> tuple[tuple[int, int], ...]:
    text = record["assignment"]
    pairs = json.loads(text) if isinstance(text, str) else []
    return tuple((int(cluster), int(label)) for cluster, label in pairs)


def _metrics(record: pd.Series) -> dict[str, float]:
    values = {name: float(record[name]) for name in METRICS}
    return {name: value for name, value in values.items() if math.isfinite(value)}


def _errors(encoded: Artifact) -> Errors | None:
    errors = encoded.array("errors")
    if errors is None or not errors.any():
        return None
    median, high = np.quantile(errors.astype(np.float64), [0.5, 0.99])
    return Errors(median=float(median), percentile_99=float(high))
