"""A grid from Python."""

from __future__ import annotations

import inspect
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bench.planning.reference import docstring
from bench.planning.settings import GridSettings, resolve

if TYPE_CHECKING:
    import pandas as pd


def run_grid(
    *,
    config: str | Path | None = None,
    force: bool = False,
    only_cached: bool = False,
    fail_fast: bool = False,
    **settings: Any,
) -> pd.DataFrame:
    """Run a grid from Python or a notebook; the same as ``latentgrid grid``.

    Parameters
    ----------
    config : str, Path or None
        A TOML file with settings.
    force : bool
        Compute everything again.
    only_cached : bool
        Compute nothing: report what is in the store.
    fail_fast : bool
        Stop at the first run that fails.
    SETTINGS

    Returns
    -------
    DataFrame
        The records, one row a run, as written to ``results.csv``; of several data sets one after
        the other. Runs that failed have the status ``failed`` and the error, those that were not
        tried ``skipped`` and the reason; they do not raise.

    Raises
    ------
    bench.base.errors.UsageError
        For settings or data that cannot be used.
    bench.base.errors.RunError
        If the grid had to be given up, for a full disk for instance; what was done stays.

    Examples
    --------
    >>> from bench import run_grid
    >>> records = run_grid(models="pixels", reducers="pca64", seeds=1)  # doctest: +SKIP
    >>> records.groupby(["model", "chain"])["accuracy"].mean()  # doctest: +SKIP
    """
    from bench.planning.mode import Mode
    from bench.session.session import Session

    found = resolve(settings, None if config is None else Path(config))
    return Session(found, Mode.of(force, only_cached, fail_fast)).execute().records


def _describe() -> None:
    """Put the settings, which are declared once, into docstring and signature."""
    run_grid.__doc__ = (run_grid.__doc__ or "").replace("    SETTINGS", docstring())
    own = list(inspect.signature(run_grid).parameters.values())[:-1]
    more = [inspect.Parameter(n, own[0].kind, default=None) for n in GridSettings.model_fields]
    run_grid.__dict__["__signature__"] = inspect.Signature([*own, *more])


_describe()
