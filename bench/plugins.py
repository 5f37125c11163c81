"""Files of the user's own that register items."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any

from bench.datasets import datasets
from models import autoencoders
from reducers import reducers
from registry import PluginError, Registry, load_plugin


def load_plugins(paths: Iterable[Path]) -> None:
    """Run plugin files, each once.

    Raises
    ------
    registry.PluginError
        If one is missing or fails; also where it takes the name of a built-in item.
    """
    # Built-in items come first, so that it is the plugin that is refused.
    before: dict[Registry[Any], list[str]] = {
        registry: registry.names() for registry in (datasets, autoencoders, reducers)
    }
    try:
        for path in paths:
            load_plugin(path)
    except PluginError:
        for registry, names in before.items():
            for name in set(registry.names()) - set(names):
                registry.unregister(name)
        raise
