"""Files of the user's own that register items."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Any, NamedTuple

from bench.base.registry import Entry, PluginError, Registry, load_plugin
from bench.clusterers import clusterers
from bench.clusterers.named import Named as Clusterer
from bench.datasets import datasets
from models import autoencoders
from models.named import Named, find
from reducers import reducers

# A registry's kind and its entry: what another process needs to have the item as well.
Adopted = list[tuple[str, Entry[Any]]]

REGISTRIES: dict[str, Registry[Any]] = {
    registry.kind: registry for registry in (autoencoders, reducers, clusterers, datasets)
}


class Item(NamedTuple):
    """An item by its registry's kind and its name."""

    kind: str
    name: str

    def __str__(self) -> str:
        """Return the item's name in messages."""
        return f"{self.kind} {self.name}"


def load_plugins(paths: Iterable[Path]) -> None:
    """Run plugin files, each once.

    Raises
    ------
    bench.base.registry.PluginError
        If one is missing or fails; also where it takes the name of a built-in item.
    """
    before = _registered()  # built-in items come first, so that it is the plugin that is refused
    try:
        for path in paths:
            load_plugin(path)
    except PluginError:
        for item in _registered().keys() - before:
            REGISTRIES[item.kind].unregister(item.name)
        raise


def items_in(path: Path) -> list[Item]:
    """Load a file, and return what it registers: models, reducers, clusterers, data sets.

    The file may also be one in the folder of a registry. Raises what `load_plugins` does.
    """
    try:
        before = _registered()
    except Exception as error:  # a file in the folder of a registry, which is imported with it
        raise PluginError(f"{path} failed with {type(error).__name__}: {error}") from error
    if not is_built_in(path):
        load_plugins([path])
    return [
        item
        for item, entry in _registered().items()
        if item not in before or _defined_in(entry.item, path)
    ]


def is_built_in(path: Path) -> bool:
    """Return whether a file lies in the folder of a registry, which imports it by itself."""
    packages = [importlib.import_module(registry.package) for registry in REGISTRIES.values()]
    folders = {Path(folder).resolve() for package in packages for folder in package.__path__}
    return path.is_file() and path.resolve().parent in folders


def items_of(models: Iterable[str], links: Iterable[str], by: Iterable[str]) -> Adopted:
    """Return the models, reducers and clusterers that these name, for another process to `adopt`.

    A variant is replaced by its original, from which the other process makes the variant. With a
    model that stands on another, that one is returned as well.
    """
    texts = [text for model in models for text in (model, find(model).base) if text]
    named = [autoencoders.entry(Named.parse(text).name) for text in texts]
    names: dict[Registry[Any], list[str]] = {
        autoencoders: [entry.origin or entry.name for entry in named],
        reducers: list(links),
        clusterers: [Clusterer.parse(text).name for text in by],
    }
    return [
        (registry.kind, registry.entry(name))
        for registry, wanted in names.items()
        for name in dict.fromkeys(wanted)
    ]


def adopt(items: Adopted) -> None:
    """Register the items of another process that this one lacks.

    They were defined in a notebook, a script or a test, and not in a file of the project, of a
    plugin or of an installed package.
    """
    known = _registered()
    for kind, entry in items:
        if Item(kind, entry.name) not in known:
            REGISTRIES[kind].register(entry.name, entry.summary)(entry.item)


def _registered() -> dict[Item, Entry[Any]]:
    """Return what somebody registered: variants come and go with their originals."""
    return {
        Item(kind, entry.name): entry
        for kind, registry in REGISTRIES.items()
        for entry in registry
        if entry.origin is None
    }


def _defined_in(item: Any, path: Path) -> bool:
    """Return whether an item's module is that of a file, which may have been loaded earlier."""
    file = getattr(sys.modules.get(getattr(item, "__module__", "")), "__file__", None)
    return file is not None and Path(file).resolve() == path.resolve()
