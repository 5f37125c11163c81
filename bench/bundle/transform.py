"""A fitted chain and clusterer, restored from a bundle, and what stands in for them.

Where a reducer cannot transform unseen points, or a clusterer cannot predict, the nearest
training images decide.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from bench.base.checks import MOST_SETTING
from bench.base.errors import UsageError, format_error, one_line
from bench.base.extras import how_to_install, missing
from bench.base.registry import UnknownNameError
from bench.bundle.format import Contents, Manifest
from bench.clusterers import clusterers
from bench.clusterers.clusterer import NOISE
from bench.clusterers.named import Named as Clusterer
from bench.stages.metrics import centroid_ratio
from bench.stages.metrics.clustering import Integers
from reducers import reducers
from reducers.chain import Chain, Link

Array = NDArray[Any]
T = TypeVar("T")

NEAREST = 5
# Restoring these takes memory for every pair of training images, 8 bytes.
PAIRWISE = ("kpca", "isomap")
MOST_PAIRS = 1_000_000_000  # bytes


def space(number: int) -> str:
    """Return the name of the training images' embedding before a link, or behind the last."""
    return f"space.{number}"


def can_transform(item: Any, method: str) -> bool:
    """Tell whether a reducer or clusterer has a method for unseen points, and can be restored."""
    return hasattr(item, method) and hasattr(item, "restore")


def needed_spaces(links: list[Any], placed_links: int, placed_clusters: bool) -> set[int]:
    """Return which embeddings of the training images a bundle must hold."""
    needed = {len(links), placed_links}
    for number, link in enumerate(links[:placed_links]):
        if link.needs_points:
            needed |= {number, number + 1}
    return needed


def read_as(parse: Callable[[str], T], text: str) -> T:
    """Read the text of an item of a bundle; say of a name that is unknown here what may help."""
    try:
        return parse(text)
    except UnknownNameError as error:
        raise UsageError(f"{error}; an item of a plugin needs --plugin FILE") from error
    except ValueError as error:
        raise UsageError(str(error)) from error


def read_link(text: str) -> Link:
    """Read one link of a chain."""
    links = read_as(Chain.parse, text).links
    if len(links) != 1:
        raise UsageError(f"a link of the bundle is a chain of {len(links)}: {one_line(text)}")
    return links[0]


def check_settings(item: Link | Clusterer) -> None:
    """Refuse settings with which a short text would ask for much time or memory."""
    for name, value in item.parameters:
        if type(value) is int and abs(value) > MOST_SETTING:
            raise UsageError(
                f"the bundle's {item} has a {name} of {value:,}, allowed is up to {MOST_SETTING:,}"
            )


def find_widths(links: list[Link], images: int, code_size: int) -> list[int]:
    """Return the dimensions of codes and behind each link; refuse links that cannot have made them.

    What was asked before they were fitted is asked again: of so many training ``images``.
    """
    widths = [code_size]
    for link in links:
        check_settings(link)
        if link.name in PAIRWISE and 8 * images**2 > MOST_PAIRS:
            raise UsageError(
                f"{link} of {images:,} training images needs {8 * images**2 / 1e9:,.1f} GB, "
                f"allowed in a bundle is up to {MOST_PAIRS / 1e9:g} GB"
            )
        try:
            reducer: Any = link.build()
            if hasattr(reducer, "check"):
                reducer.check(images, widths[-1])
            widths.append(int(reducer.output_size(widths[-1])))
        except Exception as error:  # whatever a reducer by somebody else raises
            reason = str(error) if isinstance(error, ValueError) else format_error(error)
            raise UsageError(f"the bundle's {link} cannot work: {one_line(reason)}") from error
    return widths


class FittedPipeline:
    """The chain and the clusterer of a bundle, restored.

    ``device`` is where reducers that run where models train do so. `UsageError` says of an item
    that it is not registered or not installed, or cannot be restored.
    """

    def __init__(self, contents: Contents, device: str) -> None:
        from sklearn.neighbors import NearestNeighbors

        manifest, training = contents.manifest, contents.parts["training"]
        self.embedding = training[space(len(manifest.links))]
        self.clusters: Integers = training["clusters"]
        self.centers = centroid_ratio.centers(self.embedding, self.clusters)
        self.links = [_restored_link(contents, n, device) for n in range(manifest.placed_links)]
        self.clusterer: Any = _restored_clusterer(contents) if manifest.placed_clusters else None
        self.stops = manifest.placed_links < len(manifest.links)
        self.search: Any = None
        if self.stops or self.clusterer is None:
            points = training[space(manifest.placed_links)]
            self.search = NearestNeighbors(n_neighbors=min(NEAREST, len(points))).fit(points)

    def transform(self, codes: Array) -> tuple[Array, Integers]:
        """Return the embedding (m, k) float32 and clusters (m,) int64 of codes (m, d) float32."""
        points = codes
        for link in self.links:
            points = link.transform(points)
        if self.search is None:
            return points, self._known(points, self.clusterer.predict(points))
        far, which = self.search.kneighbors(points)
        embedding = weighted_mean(self.embedding, far, which) if self.stops else points
        return embedding, majority(self.clusters, which)

    def _known(self, points: Array, clusters: Integers) -> Integers:
        """Replace clusters without any training image by the nearest one that has some."""
        from scipy.spatial.distance import cdist

        lost = (clusters != NOISE) & ~np.isin(clusters, self.centers.numbers)
        if lost.any() and len(self.centers.numbers):
            nearest = cdist(points[lost], self.centers.points).argmin(axis=1)
            clusters = clusters.copy()
            clusters[lost] = self.centers.numbers[nearest]
        return clusters


def weighted_mean(embedding: Array, far: Array, which: Integers) -> Array:
    """Return the mean of neighbors' embedding, (m, k) float32, weighted by one over their distance.

    A point that coincides with neighbors is put where those are. ``far`` and ``which``,
    (m, neighbors), are distances and positions of the nearest training images, the nearest first.
    """
    on_it = far == 0
    weights = np.where(on_it, 1.0, 0.0)
    apart = ~on_it.any(axis=1)
    weights[apart] = 1 / far[apart]
    weights /= weights.sum(axis=1, keepdims=True)
    return np.einsum("mk,mkd->md", weights, embedding[which]).astype(np.float32)


def majority(clusters: Integers, which: Integers) -> Integers:
    """Return the cluster that most neighbors are in, (m,) int64; of two the nearer one's."""
    numbers = np.unique(clusters)
    of_neighbors = clusters[which]
    # Less than a vote all together, and each more than those behind it.
    nearer = 0.4 * 0.5 ** np.arange(which.shape[1])
    votes = [((of_neighbors == number) * (1 + nearer)).sum(axis=1) for number in numbers]
    return np.asarray(numbers[np.argmax(votes, axis=0)], dtype=np.int64)


def notes(manifest: Manifest, widths: list[int]) -> list[str]:
    """Say in a line each what cannot transform unseen images, and what is done instead.

    ``widths`` are the dimensions before the first link and behind each.
    """
    last = manifest.placed_links
    before = manifest.links[last - 1].text if last else "none"
    name = "the codes" if before == "none" else before
    where = f"their {NEAREST} nearest training images in {name} (of {widths[last]} dimensions)"
    if last < len(manifest.links):
        return [
            f"{manifest.links[last].text} cannot transform unseen images; they get the weighted "
            f"mean and the cluster of {where}"
        ]
    if not manifest.placed_clusters:
        return [
            f"{manifest.clusterer.text} cannot predict the clusters of unseen images; they join "
            f"the cluster of most of {where}"
        ]
    return []


def _restored_link(contents: Contents, number: int, device: str) -> Any:
    entry, training = contents.manifest.links[number], contents.parts["training"]
    link = read_link(entry.text)
    item: Any = reducers[link.name]
    needed = (training[space(n)] if item.needs_points else None for n in (number, number + 1))
    build = partial(link.build, entry.seed, entry.threads, device)
    return _restored(contents, f"{number}.", entry.text, item, build, *needed)


def _restored_clusterer(contents: Contents) -> Any:
    entry, training = contents.manifest.clusterer, contents.parts["training"]
    named = read_as(Clusterer.parse, entry.text)
    needed = training[space(len(contents.manifest.links))], training["clusters"]
    build = partial(named.build, entry.clusters, entry.seed)
    return _restored(contents, "clusterer.", entry.text, clusterers[named.name], build, *needed)


def _restored(
    contents: Contents, prefix: str, text: str, item: Any, build: Callable[[], Any], *needed: Any
) -> Any:
    """Build an item and restore it from the arrays whose names begin with a prefix."""
    if lacking := missing(item):
        raise UsageError(f"{text} needs {', '.join(lacking)}: {how_to_install(item)}")
    state = {
        name.removeprefix(prefix): array
        for name, array in contents.parts["fitted"].items()
        if name.startswith(prefix)
    }
    try:
        return build().restore(state, *needed)
    except Exception as error:  # whatever an item by somebody else raises
        raise UsageError(
            f"{text} cannot be restored from the bundle: {format_error(error)}"
        ) from error
