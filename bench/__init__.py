"""latentgrid: everything that is neither a model nor a reducer.

`run_grid` is ``latentgrid grid`` as a function, `sort_images` is ``latentgrid sort``, and
`export_bundle` is ``latentgrid export``; `load_bundle` reads what that wrote, and `corrected_names`
assigns images to clusters that were corrected on the page.
"""

from __future__ import annotations

import bench.base.starting  # noqa: F401 - before anything that takes its time

# isort: split
import os
import sys
from importlib.machinery import ModuleSpec, PathFinder
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from bench.session.api import (
        corrected_names,
        export_bundle,
        load_bundle,
        run_grid,
        sort_images,
    )

__all__ = ["corrected_names", "export_bundle", "load_bundle", "run_grid", "sort_images"]

_BESIDE = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))


class _Pinned:
    """Finds `models` and `reducers` beside this package, and never the user's own."""

    names = ("models", "reducers")

    @classmethod
    def find_spec(cls, name: str, path: Any = None, target: Any = None) -> ModuleSpec | None:
        """Return where a module is, if it is one of these."""
        return PathFinder.find_spec(name, [_BESIDE]) if name in cls.names else None


for _name in _Pinned.names:
    _other = getattr(sys.modules.get(_name), "__file__", None) or _BESIDE
    if not os.path.realpath(_other).startswith(os.path.realpath(_BESIDE)):
        raise ImportError(
            f"latentgrid has a module {_name}, but {_other} was imported before: import bench first"
        )
sys.meta_path.insert(0, _Pinned)


def __getattr__(name: str) -> Any:
    if name in __all__:  # imported when asked for: a command needs none of it
        from bench.session import api

        return getattr(api, name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
