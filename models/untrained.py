"""Every model that trains, with fresh weights: what the grid measures without training.

Nothing is registered here: the registry makes such a variant of each model that trains, those of
plugins and notebooks among them.
"""

from __future__ import annotations

import inspect
from typing import TYPE_CHECKING, Any, ClassVar

from bench.base.registry import Entry

if TYPE_CHECKING:
    from models.autoencoder import Autoencoder


class Untrained:
    """What is put before a model's class to make its untrained variant."""

    trains: ClassVar[bool] = False
    original: ClassVar[type]


def untrained_name(model: str) -> str:
    """Return the name of a model's untrained variant."""
    return f"untrained-{model}"


def make_untrained(entry: Entry[type[Autoencoder]]) -> Entry[type[Autoencoder]] | None:
    """Make the untrained variant of a registered model; None for one that does not train.

    It has the original's constructor, and its family: the same initial weights for the same seed.
    """
    if not (inspect.isclass(entry.item) and getattr(entry.item, "trains", False)):
        return None
    item: Any = entry.item
    settings = {
        "original": item,
        "family": getattr(item, "family", None) or entry.name,
        "__doc__": f"`{item.__name__}` as it is before its first step.",
        # Whoever looks for its file finds the original's.
        "__module__": item.__module__,
    }
    try:
        made = type(f"Untrained{item.__name__}", (Untrained, item), settings)
    except Exception:  # a class that lets none derive from it is a model all the same
        return None
    return Entry(
        untrained_name(entry.name),
        f"{entry.name} with its initial weights: shows what training adds",
        made,
        origin=entry.name,
    )
