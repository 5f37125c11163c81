"""Puts codes through the fitted chain into clusters."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from bench.base.errors import UsageError, format_error
from bench.base.extras import how_to_install, missing
from bench.base.grammar import GrammarError
from bench.base.registry import UnknownNameError
from bench.bundle.format import Arrays, Contents
from bench.bundle.manifest import Manifest
from bench.bundle.nearest import NEAREST, Nearest, majority, mean_place
from bench.clusterers import clusterers
from bench.clusterers.clusterer import NOISE
from bench.clusterers.named import Named as Clusterer
from bench.stages.metrics import centroid_ratio
from bench.stages.metrics.clustering import Integers
from reducers import reducers
from reducers.chain import Chain, Link

Array = NDArray[Any]


def space(number: int) -> str:
    """Return the name of the training images' places before a link, or behind the last."""
    return f"space.{number}"


def can_place(item: Any, method: str) -> bool:
    """Tell whether a reducer or clusterer places unseen points after it was brought back."""
    return hasattr(item, method) and hasattr(item, "restore")


def needed_spaces(links: list[Any], placed_links: int, placed_clusters: bool) -> set[int]:
    """Return which places of the training images a bundle must hold.

    Parameters
    ----------
    links : list of Reducer or their classes
    placed_links, placed_clusters
        As in `bench.bundle.manifest.Manifest`.
    """
    last = len(links)
    needed = {last}
    if placed_links < last:
        needed.add(placed_links)
    for number, link in enumerate(links[:placed_links]):
        if link.needs_points:
            needed |= {number, number + 1}
    return needed


class Placer:
    """A chain and a clusterer, brought back.

    Parameters
    ----------
    contents : Contents
    device : str
        Where reducers that run where models train do so.

    Raises
    ------
    UsageError
        If an item is not registered or not installed, or cannot be brought back.
    """

    def __init__(self, contents: Contents, device: str) -> None:
        manifest, training = contents.manifest, contents.parts["training"]
        self.embedding = training[space(len(manifest.links))]
        self.clusters: Integers = training["clusters"]
        self.centers = centroid_ratio.centers(self.embedding, self.clusters)
        self.links = [
            _restored_link(contents, number, device) for number in range(manifest.placed_links)
        ]
        self.clusterer: Any = _restored_clusterer(contents) if manifest.placed_clusters else None
        self.stops = manifest.placed_links < len(manifest.links)
        nearest = self.stops or self.clusterer is None
        self.nearest = Nearest(training[space(manifest.placed_links)]) if nearest else None

    def place(self, codes: Array) -> tuple[Array, Integers]:
        """Place codes, (m, code size) float32: places (m, k) float32 and clusters (m,) int64."""
        points = codes
        for link in self.links:
            points = link.transform(points)
        if self.nearest is None:
            return points, self._known(points, self.clusterer.predict(points))
        far, which = self.nearest.find(points)
        embedding = mean_place(self.embedding, far, which) if self.stops else points
        return embedding, majority(self.clusters, which)

    def _known(self, points: Array, clusters: Integers) -> Integers:
        """Replace clusters that no training image is in by the nearest one that has some."""
        lost = (clusters != NOISE) & ~np.isin(clusters, self.centers.numbers)
        if lost.any() and len(self.centers.numbers):
            apart = points[lost, None].astype(np.float64) - self.centers.points
            nearest = np.linalg.norm(apart, axis=2).argmin(axis=1)
            clusters = clusters.copy()
            clusters[lost] = self.centers.numbers[nearest]
        return clusters


def notes(manifest: Manifest, widths: list[int]) -> list[str]:
    """Say in a line each what cannot place unseen images, and what is done instead.

    Parameters
    ----------
    manifest : Manifest
    widths : list of int
        Dimensions before the first link and behind each.
    """
    last = manifest.placed_links
    before = manifest.links[last - 1].text if last else "none"
    name = "the codes" if before == "none" else before
    where = f"{name} (of {widths[last]} dimensions)"
    if last < len(manifest.links):
        return [
            f"{manifest.links[last].text} cannot place unseen images; they are placed by their "
            f"{NEAREST} nearest training images in {where}"
        ]
    if not manifest.placed_clusters:
        return [
            f"{manifest.clusterer.text} cannot place unseen images; each joins the cluster that "
            f"most of its {NEAREST} nearest training images in {where} are in"
        ]
    return []


def _restored_link(contents: Contents, number: int, device: str) -> Any:
    entry = contents.manifest.links[number]
    link = _parsed_link(entry.text)
    item: Any = reducers[link.name]
    _need_installed(entry.text, item)
    training, state = contents.parts["training"], _state(contents, f"{number}.")
    points = [training[space(number)], training[space(number + 1)]] if item.needs_points else None
    try:
        reducer: Any = link.build(entry.seed, entry.threads, device)
        return reducer.restore(state, *(points or (None, None)))
    except Exception as error:  # whatever a reducer of somebody else's raises
        raise _not_restored(entry.text, error) from error


def _parsed_link(text: str) -> Link:
    try:
        (link,) = Chain.parse(text).links
    except UnknownNameError as error:
        raise unknown(error) from error
    except (GrammarError, ValueError) as error:
        raise UsageError(str(error)) from error
    return link


def _restored_clusterer(contents: Contents) -> Any:
    entry = contents.manifest.clusterer
    try:
        named = Clusterer.parse(entry.text)
    except UnknownNameError as error:
        raise unknown(error) from error
    except GrammarError as error:
        raise UsageError(str(error)) from error
    _need_installed(entry.text, clusterers[named.name])
    training = contents.parts["training"]
    embedding = training[space(len(contents.manifest.links))]
    try:
        clusterer: Any = named.build(entry.clusters, entry.seed)
        return clusterer.restore(_state(contents, "clusterer."), embedding, training["clusters"])
    except Exception as error:  # whatever a clusterer of somebody else's raises
        raise _not_restored(entry.text, error) from error


def _state(contents: Contents, prefix: str) -> Arrays:
    fitted = contents.parts["fitted"]
    return {
        name.removeprefix(prefix): array
        for name, array in fitted.items()
        if name.startswith(prefix)
    }


def _need_installed(text: str, item: Any) -> None:
    lacking = missing(item)
    if lacking:
        raise UsageError(f"{text} needs {', '.join(lacking)}: {how_to_install(item)}")


def unknown(error: UnknownNameError) -> UsageError:
    """Say of a name that is not registered here what may help."""
    return UsageError(f"{error}; one of a plugin needs --plugin FILE")


def _not_restored(text: str, error: Exception) -> UsageError:
    return UsageError(f"{text} cannot be brought back from the bundle: {format_error(error)}")
