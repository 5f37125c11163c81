"""Reads clusterers as users write them: ``kmeans``, ``gmm(covariance=diag)``."""

from __future__ import annotations

from typing import Any

from bench.base.grammar import Written, read_item, signature_of
from bench.clusterers import clusterers
from bench.clusterers.clusterer import Clusterer

DEFAULT = "kmeans"  # the HW5 report's

# Set by the harness.
RESERVED = ("self", "n_clusters", "random_state")


class Named(Written):
    """A clusterer with its settings."""

    @classmethod
    def parse(cls, text: str) -> Named:
        """Read a clusterer.

        Raises
        ------
        grammar.GrammarError
            If the text does not follow the grammar; the message quotes it.
        UnknownNameError
            If it is not registered.
        """
        return cls(*read_item(clusterers, text, lambda item: RESERVED))

    def build(self, clusters: int, random_state: int | None = None) -> Clusterer:
        """Return the clusterer, unfitted; number and seed go to those that take them."""
        item: Any = clusterers[self.name]
        offered = {"n_clusters": clusters, "random_state": random_state}
        taken = signature_of(item).parameters
        made: Clusterer = item(
            **{key: value for key, value in offered.items() if key in taken},
            **dict(self.parameters),
        )
        return made
