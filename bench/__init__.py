"""The harness: everything that is neither a model nor a reducer.

`run_grid` is the whole of ``python -m bench.grid`` as a function, `export_bundle` of
``python -m bench.export``; `load_bundle` reads what that wrote.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pathlib import Path

    import pandas as pd

    from bench.bundle.bundle import Bundle

__all__ = ["export_bundle", "load_bundle", "run_grid"]


def run_grid(
    *,
    config: str | None = None,
    force: bool = False,
    only_cached: bool = False,
    fail_fast: bool = False,
    **settings: Any,
) -> pd.DataFrame:
    """Run a grid from Python or a notebook; the same as ``python -m bench.grid``.

    Parameters
    ----------
    config : str or None
        A TOML file with settings.
    force : bool
        Do everything again, whether or not it is in the store.
    only_cached : bool
        Compute nothing: report from what is in the store.
    fail_fast : bool
        Stop at the first cell that fails.
    **settings
        Fields of `bench.planning.settings.GridSettings`, named as the flags are: ``dataset="digits"`` (or
        ``"digits,photos"``, or a list: a grid on each, and one table of ranks),
        ``models=["pixels", "dnn"]``, ``reducers="pca64,pca128+tsne2"``, ``seeds=5``,
        ``baselines=False``, ``out="results"`` …

    Returns
    -------
    DataFrame
        The records, one row a cell, as written to ``results.csv``; of several data sets one
        after the other. Cells that failed have the
        status ``failed`` and the error, those that were not tried ``skipped`` and the reason;
        they do not raise.

    Raises
    ------
    bench.base.errors.UsageError
        For settings or data that cannot be used.
    bench.base.errors.RunError
        If the run had to be given up, for a full disk for instance; what was done stays.

    Examples
    --------
    >>> from bench import run_grid
    >>> records = run_grid(models="pixels", reducers="pca64", seeds=1)  # doctest: +SKIP
    >>> records.groupby(["model", "chain"])["accuracy"].mean()  # doctest: +SKIP
    """
    from pathlib import Path

    from bench.execution.runner import Mode
    from bench.planning.settings import resolve
    from bench.session.several import Runs

    spec = resolve(settings, None if config is None else Path(config))
    return Runs(spec, Mode(force, only_cached, fail_fast)).execute().records


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
        As `load_bundle` returns it; its ``notes`` say what cannot place unseen images.

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

    from bench.export import export

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
        ``encode``, ``embed``, ``assign``, ``doubts`` and ``place`` take a uint8 array of images,
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
