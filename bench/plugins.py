"""Files of the user's own that register items."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from bench.datasets import datasets
from models import autoencoders
from reducers import reducers
from registry import load_plugin


def load_plugins(paths: Iterable[Path]) -> None:
    """Run plugin files, each once.

    Raises
    ------
    registry.PluginError
        If one is missing or fails; also where it takes the name of a built-in item.
    """
    for registry in (datasets, autoencoders, reducers):
        registry.names()  # built-in items come first, so that it is the plugin that is refused
    for path in paths:
        load_plugin(path)
