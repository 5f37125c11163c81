"""Files of the user's own that register items."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bench.base.registry import Entry, PluginError, Registry, load_plugin
from bench.clusterers import clusterers
from bench.clusterers.named import Named as Clusterer
from bench.datasets import datasets
from models import autoencoders
from models.named import Named
from reducers import reducers

# A registry's kind and its entry: what another process needs to have the item as well.
Adopted = list[tuple[str, Entry[Any]]]

_REGISTRIES: dict[str, Registry[Any]] = {
    registry.kind: registry for registry in (datasets, autoencoders, reducers, clusterers)
}


def load_plugins(paths: Iterable[Path]) -> None:
    """Run plugin files, each once.

    Raises
    ------
    bench.base.registry.PluginError
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


@dataclass(frozen=True)
class Item:
    """An item by its registry's kind and its name.

    Attributes
    ----------
    kind : str
    name : str
    """

    kind: str
    name: str

    def __str__(self) -> str:
        """Return what the item is called in messages."""
        return f"{self.kind} {self.name}"


def items_in(path: Path) -> list[Item]:
    """Load a file, and return what it registers: models, reducers, clusterers, data sets.

    Parameters
    ----------
    path : Path
        A plugin, or a file in one of the folders whose files are found by themselves.

    Raises
    ------
    bench.base.registry.PluginError
        If it is missing or fails; also where it takes the name of a built-in item.
    """
    if is_built_in(path):
        try:
            before = {registry: _registered(registry) for registry in _REGISTRIES.values()}
        except Exception as error:
            raise PluginError(f"{path} failed with {type(error).__name__}: {error}") from error
    else:
        before = {registry: _registered(registry) for registry in _REGISTRIES.values()}
        load_plugins([path])
    return [
        Item(registry.kind, entry.name)
        for registry in (autoencoders, reducers, clusterers, datasets)
        for entry in registry
        if entry.origin is None
        and (entry.name not in before[registry] or _defined_in(entry.item, path))
    ]


def is_built_in(path: Path) -> bool:
    """Tell whether a file is found by itself, since it lies in a registry's folder."""
    packages = [importlib.import_module(registry.package) for registry in _REGISTRIES.values()]
    folders = {Path(folder).resolve() for package in packages for folder in package.__path__}
    return path.is_file() and path.resolve().parent in folders


def _defined_in(item: Any, path: Path) -> bool:
    """Tell whether an item's module is that of a file, loaded earlier perhaps."""
    file = getattr(sys.modules.get(getattr(item, "__module__", "")), "__file__", None)
    return file is not None and Path(file).resolve() == path.resolve()


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
