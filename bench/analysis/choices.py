"""Which choice mattered, and what models learned: what is found from records and artifacts."""

from __future__ import annotations

from dataclasses import dataclass

from bench.analysis.correctness import collect
from bench.analysis.effects import Effects, effects
from bench.analysis.learned import Gain, Reconstruction, gains, reconstructions
from bench.analysis.results import Results
from bench.store import Store


@dataclass(frozen=True)
class Choices:
    """What a grid shows of the choices that it varies."""

    effects: Effects | None = None  # None where scores do not vary
    gains: tuple[Gain, ...] = ()
    reconstructions: tuple[Reconstruction, ...] = ()

    @classmethod
    def of(cls, results: Results, store: Store) -> Choices:
        """Read what runs left in the store, and compare it."""
        found = {name: each for name, each in collect(results, store).items() if each.by_seed}
        independent = results.over_images
        return cls(
            effects(found, independent) if found else None,
            tuple(gains(found, independent)),
            tuple(reconstructions(results, store)),
        )
