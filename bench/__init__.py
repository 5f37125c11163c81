"""The harness: everything that is neither a model nor a reducer.

`run_grid` is the whole of ``python -m bench.grid`` as a function.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["run_grid"]


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
        Fields of `bench.spec.GridSpec`, named as the flags are: ``dataset="digits"`` (or
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
    bench.errors.UsageError
        For settings or data that cannot be used.
    bench.errors.RunError
        If the run had to be given up, for a full disk for instance; what was done stays.

    Examples
    --------
    >>> from bench import run_grid
    >>> records = run_grid(models="pixels", reducers="pca64", seeds=1)  # doctest: +SKIP
    >>> records.groupby(["model", "chain"])["accuracy"].mean()  # doctest: +SKIP
    """
    from pathlib import Path

    from bench.runner import Mode
    from bench.several import Runs
    from bench.spec import resolve

    spec = resolve(settings, None if config is None else Path(config))
    return Runs(spec, Mode(force, only_cached, fail_fast)).execute().records
