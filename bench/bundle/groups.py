"""What images are sorted into: a bundle's clusters, or what a user made of them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from bench.bundle.bundle import Bundle, Transformed
from bench.clusterers.clusterer import NOISE
from bench.stages.metrics.clustering import Integers
from bench.stages.metrics.majority import ClusterName


@dataclass(frozen=True)
class Group:
    """What a group is called in a table, on a terminal, and above its contact sheet."""

    folder: str
    name: str  # in the table; empty for none
    said: str  # beside the folder's name; empty where that says it
    title: str


class Groups(Protocol):
    """Finds the group of each image."""

    def numbers(self, made: Transformed) -> Integers:
        """Return the number of each image's group, (n,) int64."""

    def group(self, number: int) -> Group:
        """Return a group by its number."""


@dataclass(frozen=True)
class Clusters:
    """The clusters of a bundle; ``names`` are those of labels, by cluster."""

    names: dict[int, ClusterName]

    @classmethod
    def of(cls, bundle: Bundle) -> Clusters:
        """Return the clusters of a bundle."""
        return cls(bundle.names)

    def numbers(self, made: Transformed) -> Integers:
        """Return the images' clusters."""
        return made.clusters

    def group(self, number: int) -> Group:
        """Return a cluster."""
        folder = cluster_folder(number)
        title = "in no cluster" if number == NOISE else f"cluster {number}"
        if number not in self.names:
            return Group(folder, "", "", title)
        name = self.names[number]
        return Group(folder, name.name, str(name), f"{title}, {name}")


def sheet_name(group: Group) -> str:
    """Return the name of a group's contact sheet."""
    return f"{group.folder}.png"


def cluster_folder(cluster: int) -> str:
    """Return the name of a cluster's folder."""
    return "cluster-none" if cluster == NOISE else f"cluster-{cluster}"
