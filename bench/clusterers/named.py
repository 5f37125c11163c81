"""Reads clusterers as users write them: ``kmeans``, ``gmm(covariance=diag)``."""

from __future__ import annotations

from typing import Any

from bench.base.grammar import Written, build, read_item
from bench.clusterers import clusterers
from bench.clusterers.clusterer import Clusterer

DEFAULT = "kmeans"  # the HW5 report's

# Set by the harness.
RESERVED = ("self", "n_clusters", "random_state")


class Named(Written):
    """A clusterer with its settings."""

    @classmethod
    def parse(cls, text: str) -> Named:
        """Read a clusterer; raises what `bench.base.grammar.read_item` raises."""
        return cls(*read_item(clusterers, text, _reserved))

    def build(self, clusters: int, random_state: int | None = None) -> Clusterer:
        """Return the clusterer, unfitted; number and seed go to those that take them."""
        given = {"n_clusters": clusters, "random_state": random_state}
        made: Clusterer = build(clusterers[self.name], self.parameters, **given)
        return made


def _reserved(item: Any) -> tuple[str, ...]:
    return RESERVED
