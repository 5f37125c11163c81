"""latentgrid: everything that is neither a model nor a reducer.

`run_grid` is the whole of ``python -m bench.grid`` as a function, `export_bundle` of
``python -m bench.export``; `load_bundle` reads what that wrote.
"""

from __future__ import annotations

import os
import sys
from importlib.machinery import ModuleSpec, PathFinder
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pathlib import Path

    from bench.bundle.bundle import Bundle
    from bench.session.api import run_grid

__all__ = ["export_bundle", "load_bundle", "run_grid"]

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
    if name == "run_grid":  # its docstring and signature are made from the settings
        from bench.session.api import run_grid

        return run_grid
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def export_bundle(
    to: str | Path,
    cell: str | None = None,
    *,
    results: str | Path = "results",
    seed_index: int | None = None,
    store: str | Path | None = None,
) -> Bundle:
    """Save a finished cell as one file; the same as ``python -m bench.export``.

    Parameters
    ----------
    to : str or Path
        The file, replaced if it is there.
    cell : str or None
        As the tables write it, ``"dnn(code=32), pca16 -> gmm"``; None: the one that the report
        ranks first.
    results : str or Path
        Folder with the results of one data set.
    seed_index : int or None
        Which repetition; None: the cell's median seed.
    store : str or Path or None
        Folder that keeps what was computed; None: the one that the results' ``grid.toml`` names.

    Returns
    -------
    bench.bundle.bundle.Bundle
        As `load_bundle` returns it; its ``notes`` say what cannot transform unseen images.

    Raises
    ------
    bench.base.errors.UsageError
        If there is no such cell or it was not finished, if what was computed is no longer in the
        store, or if the file cannot be written.

    Examples
    --------
    >>> from bench import export_bundle
    >>> bundle = export_bundle("model.latentgrid")  # doctest: +SKIP
    >>> bundle.assign(["one.png", "two.png"])  # doctest: +SKIP
    """
    from pathlib import Path

    from bench.bundle.making import export

    where = None if store is None else Path(store)
    bundle, _ = export(cell, Path(to), Path(results), seed_index=seed_index, store=where)
    return bundle


def load_bundle(path: str | Path, *, device: str = "cpu") -> Bundle:
    """Read a bundle, which encodes images, embeds them, and assigns them to clusters.

    Parameters
    ----------
    path : str or Path
        A file that ``python -m bench.export`` or `export_bundle` wrote.
    device : str
        Where its model works: ``cpu``, ``cuda`` or ``mps``.

    Returns
    -------
    bench.bundle.bundle.Bundle
        ``encode``, ``embed``, ``assign``, ``ambiguities`` and ``transform`` take a uint8 array of images,
        (n, H, W, 3) or (n, H, W), or a list of files.

    Raises
    ------
    bench.base.errors.UsageError
        If it is missing or damaged, or made of what is not installed here.

    Examples
    --------
    >>> from bench import load_bundle
    >>> bundle = load_bundle("model.latentgrid")  # doctest: +SKIP
    >>> clusters = bundle.assign(images)  # doctest: +SKIP
    """
    from bench.bundle.bundle import Bundle

    return Bundle.load(path, device)
