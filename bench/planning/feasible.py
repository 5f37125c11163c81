"""What cannot work is known before anything is trained."""

from __future__ import annotations

import functools
from typing import Any

import numpy as np

from bench.base.errors import UsageError
from bench.datasets.dataset import Dataset
from bench.datasets.pieces import ImageNames
from bench.planning.pipeline import Pipeline
from bench.stages.training.probe import probe
from models.named import find, fingerprint


def check_images(dataset: Dataset) -> None:
    """Refuse images that nothing could group."""
    count, images = len(dataset), np.asarray(dataset.images)
    if not dataset.decoded:
        return
    if dataset.images_per_seed < 2:
        of = f" of {count} (--subsample-images)" * (dataset.halves is not None)
        raise UsageError(f"{dataset.name}: 1 image to group{of}: at least 2 are needed")
    if all((image == images[0]).all() for image in images):
        raise UsageError(f"{dataset.name}: all {count} images are the same and cannot be grouped")


def why_impossible(
    pipeline: Pipeline, dataset: Dataset, spared: bool = False, count: int | None = None
) -> str:
    """Return why a chain and clusterer cannot work on a model's codes; empty where they can.

    The codes are those of ``count`` images, or of all.

    Raises
    ------
    UsageError
        If the model itself cannot work; if it is ``spared``, that is the reason returned.
    """
    model, chain, clusterer = pipeline.model, pipeline.chain, pipeline.clusterer
    count = count or len(dataset)
    try:
        features = probe(model, dataset.image_shape).code_size
    except UsageError as error:
        if not spared:
            raise
        return str(error)
    if dataset.decoded:
        _check_names(model, dataset)
    for link in chain.links:
        try:
            reducer = link.build()
            reducer.check(count, features)
        except ValueError as error:
            where = f"{model}, {dataset.name}"
            return f"reducer chain '{chain}' cannot work on {where}: {link}: {error}"
        features = reducer.output_size(features)
    try:
        clusterer.build(dataset.clusters).check(count, features)
    except ValueError as error:
        return f"{clusterer} cannot work on {model}, {chain}, {dataset.name}: {error}"
    return ""


def _check_names(model: str, dataset: Dataset) -> None:
    """Refuse a file of codes that does not hold those of the images; of a base as well."""
    item: Any = find(model)
    below: Any = find(item.base) if item.base else item
    if below.from_names:
        try:
            _read_rows(below, fingerprint(below), dataset.names)
        except ValueError as error:
            raise UsageError(f"model {model}, {dataset.name}: {error}") from None


@functools.lru_cache
def _read_rows(item: Any, files: str | None, names: ImageNames) -> None:
    """Read a file of codes as the stage encode will; once, however many pipelines there are."""
    item((3, 1, 1)).rows(names)
