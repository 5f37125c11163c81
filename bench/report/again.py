"""A report made again, from the results folder and the store of a run."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path

import pandas as pd

from bench.analysis import suggest
from bench.analysis.folder import FinishedGrid, open_grid, settings_of
from bench.analysis.results import Results
from bench.analysis.verdicts import add_verdicts
from bench.base.console import LoadBar
from bench.base.errors import RunError, UsageError
from bench.base.naming import set_name
from bench.planning.plugins import load_plugins
from bench.planning.settings import AUTO
from bench.report import page, several
from bench.report.inputs import Inputs
from bench.report.write import prepare, write_report
from bench.store import DamagedError


def write_again(
    results: Path,
    store: Path | None = None,
    equivalence: float | str | None = None,
    plugins: Iterable[Path] = (),
) -> Iterator[Path]:
    """Write the reports of a results folder, on each of its data sets and on all; yield the pages.

    Artifacts are read from ``store``, or else from the one that the run names; ``equivalence``
    replaces the margin of the run. Only a data set of a plugin needs ``plugins``; those that the
    run names are not run. Raise `UsageError` if it is no results folder, or artifacts are missing
    or damaged, and `RunError` if a file cannot be written.
    """
    load_plugins(plugins)
    settings = settings_of(results, store, equivalence)
    several_sets, margin = len(settings.datasets) > 1, settings.equivalence
    every: list[pd.DataFrame] = []
    for name in settings.datasets:
        folder = results / set_name(name) if several_sets else results
        every.append(_write(folder, store, margin))
        yield folder / page.FILE
    if several_sets:
        several.write_report(Results(pd.concat(every, ignore_index=True)), results)
        yield results / page.FILE


def _write(folder: Path, store: Path | None, equivalence: float) -> pd.DataFrame:
    """Write the reports on one data set; return its records, with the verdicts made anew."""
    with LoadBar() as progress:
        finished = open_grid(folder, store, progress)
    _require_artifacts(finished)
    prepare(folder)
    try:
        found = add_verdicts(finished.records, finished.store, equivalence)
        curve = _curve(finished)
        inputs = Inputs(Results(found), finished.dataset, finished.store, folder, curve)
        with LoadBar() as progress:
            write_report(inputs, progress, again=True)
    except DamagedError as damage:
        raise UsageError(
            f"store {finished.store.root}: {damage.stage} {damage.key} is damaged "
            f"({damage.reason}): {_remedy(folder)}"
        ) from None
    except OSError as error:
        raise RunError(f"cannot write {error.filename or folder}: {error.strerror}") from error
    return found


def _require_artifacts(finished: FinishedGrid) -> None:
    """Refuse results whose artifacts are not in the store any more."""
    # What a null reference, a resample or a model on another rests on is not shown, nor is all of
    # it in the records.
    shown = [
        name
        for name in map(str, finished.records)
        if name.endswith("_artifacts")
        and name.removesuffix("_artifacts") not in ("null", "resample", "base")
    ]
    places = {
        (name.removesuffix("_artifacts"), key)
        for name in shown
        for keys in finished.records[name].dropna()
        for key in str(keys).split()
    }
    lost = [place for place in places if place not in finished.store]
    if lost:
        raise UsageError(
            f"store {finished.store.root} lacks {len(lost)} of {len(places)} artifacts of "
            f"{finished.out}: {_remedy(finished.out)}, or name the store with "
            f"--store{finished.store_hint}"
        )


def _remedy(folder: Path) -> str:
    return f"run python -m bench.grid --config {folder / 'grid.toml'}"


def _curve(finished: FinishedGrid) -> pd.DataFrame | None:
    """Read what the number of clusters was suggested by, if it was."""
    path = finished.out / suggest.FILE
    if finished.spec.clusters != AUTO or not path.is_file():
        return None
    return suggest.read(path)
