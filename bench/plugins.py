"""Files of the user's own that register items."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any

from bench.clusterers import clusterers
from bench.clusterers.named import Named as Clusterer
from bench.datasets import datasets
from models import autoencoders
from models.named import Named
from reducers import reducers
from registry import Entry, PluginError, Registry, load_plugin

# A registry's kind and its entry: what another process needs to have the item as well.
Adopted = list[tuple[str, Entry[Any]]]

_REGISTRIES: dict[str, Registry[Any]] = {
    registry.kind: registry for registry in (datasets, autoencoders, reducers, clusterers)
}


def load_plugins(paths: Iterable[Path]) -> None:
    """Run plugin files, each once.

    Raises
    ------
    registry.PluginError
        If one is missing or fails; also where it takes the name of a built-in item.
    """
    # Built-in items come first, so that it is the plugin that is refused.
    before = {registry: _registered(registry) for registry in _REGISTRIES.values()}
    try:
        for path in paths:
            load_plugin(path)
    except PluginError:
        for registry, names in before.items():
            for name in _registered(registry) - names:
                registry.unregister(name)
        raise


def _registered(registry: Registry[Any]) -> set[str]:
    """Return the names that somebody registered: variants come and go with their originals."""
    return {entry.name for entry in registry if entry.origin is None}


def items_of(models: Iterable[str], links: Iterable[str], by: Iterable[str]) -> Adopted:
    """Return the models, reducers and clusterers that these name, for another process to `adopt`.

    Of a variant the original is returned: the other process makes the variant by itself.
    """
    names = [Named.parse(model).name for model in models]
    originals = [autoencoders.entry(name).origin or name for name in names]
    return [
        *((autoencoders.kind, autoencoders.entry(name)) for name in dict.fromkeys(originals)),
        *((reducers.kind, reducers.entry(name)) for name in dict.fromkeys(links)),
        *(
            (clusterers.kind, clusterers.entry(name))
            for name in dict.fromkeys(Clusterer.parse(text).name for text in by)
        ),
    ]


def adopt(items: Adopted) -> None:
    """Register the items of another process that this one did not find by itself.

    Those are what was defined in a notebook, a script or a test, and in no file of the project,
    of a plugin or of an installed package.
    """
    for kind, entry in items:
        if entry.name not in _registered(_REGISTRIES[kind]):
            _REGISTRIES[kind].register(entry.name, entry.summary)(entry.item)
