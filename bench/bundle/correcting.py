"""Corrected clusters at work: which of them a new image of a bundle is in.

The bundle assigns an image to an original cluster. Where that is whole, the corrected cluster that
has it is the image's. Where it was split, the image goes to the part whose mean, of the part's
training images in the space that was clustered, is nearest, and on from part to part.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bench.base.errors import UsageError, count, name_first, one_line
from bench.base.naming import unique_names
from bench.bundle.bundle import Bundle, Transformed
from bench.bundle.clusters_file import ClustersFile, Images, Pipeline
from bench.bundle.folder_names import folder_names
from bench.bundle.format import Data, Manifest
from bench.bundle.groups import Clusters, Group, cluster_folder, sheet_name
from bench.clusterers.clusterer import NOISE
from bench.stages.metrics.clustering import Integers

Array = NDArray[Any]

NOWHERE = -1


class Corrections:
    """The corrected clusters of a file, as `bench.bundle.groups.Groups` of a bundle.

    Groups are numbered as in the file. Behind them come the bundle's clusters that are in none of
    them: those without an image on the page.

    Parameters
    ----------
    path : Path
        Of the file, for messages.

    Attributes
    ----------
    notes : list of str
        What a user should know of them, a line each.
    other_run : str or None
        Why the file may be of another run than the bundle.

    Raises
    ------
    UsageError
        If the file is of another pipeline, seed or data set than the bundle, or the bundle, made by
        an earlier release, does not know its images by name.
    """

    def __init__(self, file: ClustersFile, path: Path, bundle: Bundle) -> None:
        _check_same_run(file, path, bundle.manifest)
        self.tree = file.tree
        owned = {each.split("/")[0] for each in (*self.tree.owners, *self.tree.parts)}
        left = [n for n in sorted({NOISE, *bundle.clusters}) if str(n) not in owned]
        self._groups = _groups(file.names, left, bundle)
        self._left = {str(number): len(file.names) + i for i, number in enumerate(left)}
        self._means = {
            split: _means(parts, file.parts, path, bundle)
            for split, parts in self.tree.parts.items()
        }
        which = bundle.find(file.images)
        self._by_image = _named(file, which, bundle.manifest.data.images)
        moved = self._moved(file, which, bundle)
        self.other_run = _warning(path, moved, len(file.images))
        self.notes = [_on_left(path, number) for number in left if number in bundle.clusters]
        if moved and not self.other_run:
            self.notes.append(
                f"moved by hand in {path}: {count(moved, 'image')}; new images like these go where "
                "their cluster went"
            )
        if unknown := int((which < 0).sum()):
            self.notes.append(
                f"{count(unknown, 'image')} in {path} not found by name among those of the bundle"
            )

    @property
    def sheets(self) -> set[str]:
        """The names of the groups' contact sheets."""
        return set(map(sheet_name, self._groups))

    def group(self, number: int) -> Group:
        """Return a group by its number."""
        return self._groups[number]

    def numbers(self, made: Transformed) -> Integers:
        """Return the number of each image's group, (n,) int64.

        A training image has the name that the file gives it, also after it was moved by hand.
        """
        found = self.by_rule(made.embedding, made.clusters)
        given = np.where(made.seen, self._by_image[made.positions], NOWHERE)
        return np.where(given == NOWHERE, found, given)

    def by_rule(self, embedding: Array, clusters: Integers) -> Integers:
        """Return the groups of points (n, k) that the bundle put into clusters (n,), (n,) int64."""
        found = np.full(len(clusters), NOWHERE, dtype=np.int64)
        for cluster in np.unique(clusters):
            rows = np.flatnonzero(clusters == cluster)
            self._descend(str(cluster), embedding, rows, found)
        return found

    def _descend(self, place: str, embedding: Array, rows: Integers, found: Integers) -> None:
        """Give the rows that are in a cluster or part their groups."""
        from scipy.spatial.distance import cdist

        if place not in self._means:
            owners = self.tree.owners
            found[rows] = owners[place] if place in owners else self._left[place]
            return
        parts, means = self._means[place]
        nearest = cdist(embedding[rows].astype(np.float64), means).argmin(axis=1)
        for number, part in enumerate(parts):
            self._descend(part, embedding, rows[nearest == number], found)

    def _moved(self, file: ClustersFile, which: Integers, bundle: Bundle) -> int:
        """Count the images of the file that are in another group than clusters and parts say.

        ``which`` are their positions among the training images, -1 for none.
        """
        parts = {
            split: {image: part for part in its for image in file.parts[part]}
            for split, its in self.tree.parts.items()
        }

        def place(image: str, cluster: int) -> str | None:
            at: str | None = str(cluster)
            while at in parts:
                at = parts[at].get(image)
            return at

        moved = 0
        for image, position in zip(file.images, which.tolist(), strict=True):
            if position >= 0:
                at = place(image, bundle.pipeline.clusters[position])
                moved += at is None or self.tree.owners.get(at) != self._by_image[position]
        return moved


def _named(file: ClustersFile, which: Integers, images: int) -> Integers:
    """Return the group that the file gives to each of the training images, -1 for none."""
    groups = {name: number for number, name in enumerate(file.names)}
    found = np.full(images, NOWHERE, dtype=np.int64)
    given = np.array([groups[name] for name in file.images.values()], dtype=np.int64)
    found[which[which >= 0]] = given[which >= 0]
    return found


def _groups(names: list[str], left: list[int], bundle: Bundle) -> list[Group]:
    own = [Clusters.of(bundle).group(number) for number in left]
    every = unique_names([*names, *(group.folder for group in own)])
    folders = folder_names(every)
    found = [
        Group(folders[name], name, name if name != folders[name] else "", one_line(name))
        for name in names
    ]
    for group, name in zip(own, every[len(names) :], strict=True):
        found.append(Group(folders[name], group.name or name, group.said, group.title))
    return found


def _means(
    parts: list[str], images: dict[str, Images], path: Path, bundle: Bundle
) -> tuple[list[str], Array]:
    """Return the parts that have images, and the means of these, (parts, k) float64."""
    found, means = [], []
    for part in parts:
        which = bundle.find(images[part])
        if (which < 0).any():
            lost = [name for name, i in zip(images[part], which, strict=True) if i < 0]
            raise UsageError(
                f"{path}, part {part}: not among the training images of the bundle: "
                f"{name_first(lost)}"
            )
        if len(which):
            found.append(part)
            means.append(bundle.pipeline.embedding[which].mean(axis=0, dtype=np.float64))
    return found, np.array(means)


def _check_same_run(file: ClustersFile, path: Path, manifest: Manifest) -> None:
    """Refuse a file of another data set, pipeline or seed."""
    data = manifest.data
    if file.fingerprint not in (data.fingerprint, data.whole):
        raise UsageError(
            f"{path} is of other images than the bundle: of {_images(file.dataset, file)}, and "
            f"the bundle of {_images(data.name, data)}: needed are a page and a bundle of one run"
        )
    own = Pipeline(
        model=manifest.model.text,
        chain="+".join(link.text for link in manifest.links),
        clusterer=manifest.clusterer.text,
        seed_index=manifest.seed_index,
    )
    if file.pipeline != own:
        wanted = file.pipeline
        raise UsageError(
            f"{path} corrects the clusters of {wanted}, and the bundle is of {own}: "
            f"latentgrid export '{wanted.name}' --seed-index {wanted.seed_index} --results FOLDER "
            "--to FILE makes the one that is needed"
        )


def _images(name: str, of: ClustersFile | Data) -> str:
    return f"{name} (fingerprint {of.fingerprint[:8]})"


def _warning(path: Path, moved: int, images: int) -> str | None:
    """Say that a file does not look like one of the bundle's run; None if it does."""
    if 2 * moved <= images:
        return None
    return (
        f"{moved:,} of {count(images, 'image')} in {path} are in another cluster than in the "
        "bundle: unless you moved so many by hand, the bundle is of another run"
    )


def _on_left(path: Path, cluster: int) -> str:
    folder = cluster_folder(cluster)
    return f"{folder} is in no cluster of {path}, and keeps its name: the page shows none of it"
