"""What a run left, opened again: its records, settings, images and store."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from bench.analysis import records as record_files
from bench.base.errors import UsageError
from bench.base.progress import Progress, silent
from bench.datasets.dataset import Dataset, load, parse
from bench.planning.settings import GridSettings, resolve
from bench.store import Store

# What tells whether a data set is still the one that a run was made on.
FINGERPRINTS = ("dataset_fingerprint", "validation_fingerprint", "labels_fingerprint")
# Data sets that are named by a path.
BY_PATH = ("folder", "npy")


@dataclass(frozen=True)
class FinishedGrid:
    """A results folder of one data set.

    Attributes
    ----------
    records : DataFrame
    spec : GridSettings
        Its ``out`` is the folder it was opened from.
    dataset : Dataset
    store : Store
    store_hint : str
        What to add where something is not in the store: that its path is a relative one.
    """

    records: pd.DataFrame
    spec: GridSettings
    dataset: Dataset
    store: Store
    store_hint: str = ""

    @property
    def out(self) -> Path:
        """The results folder."""
        return self.spec.out


def settings_of(folder: Path, store: Path | None = None) -> GridSettings:
    """Read the settings of a run from its results folder.

    Parameters
    ----------
    folder : Path
    store : Path or None
        Another store than the one that the run names.

    Raises
    ------
    UsageError
        If there are none, or they are not those of a grid.
    """
    if not (folder / "grid.toml").is_file():
        raise UsageError(f"no results of a grid in {folder}: python -m bench.grid makes them")
    flags = {"out": folder, "store": store}
    return resolve(flags, folder / "grid.toml")


def open_grid(folder: Path, store: Path | None = None, progress: Progress = silent) -> FinishedGrid:
    """Open a results folder of one data set.

    Parameters
    ----------
    folder : Path
        With ``results.csv`` and ``grid.toml``.
    store : Path or None
        Another store than the one that the run names.
    progress : callable
        Told how far the reading of images is.

    Raises
    ------
    UsageError
        If it is no results folder, holds several data sets, or the images are not those that the
        run was made on any more.
    """
    spec = settings_of(folder, store)
    if len(spec.datasets) > 1:
        names = ", ".join(spec.datasets)
        raise UsageError(
            f"{folder} holds the results of several data sets ({names}): name the folder of one"
        )
    found = record_files.read(folder / "results.csv", ("clusters", *FINGERPRINTS))
    (name,) = spec.datasets
    try:
        dataset = load(
            name,
            limit=spec.most_images,
            seed=spec.seed,
            clusters=int(found["clusters"].iloc[0]),
            progress=progress,
        )
        _check_same(found, dataset, folder)
    except UsageError as error:
        raise UsageError(f"{error}{_data_hint(name, folder)}") from error
    hint = _hint(spec.store, folder) if store is None else ""
    return FinishedGrid(found, spec, dataset, Store(spec.store), hint)


def _data_hint(spec: str, folder: Path) -> str:
    name, argument = parse(spec)
    return _hint(Path(argument), folder) if argument and name in BY_PATH else ""


def _hint(path: Path, folder: Path) -> str:
    """Say of a relative path that it is one: results may be opened from another place."""
    if path.expanduser().is_absolute():
        return ""
    return f" (paths in {folder / 'grid.toml'} are relative to where the grid was run)"


def _check_same(found: pd.DataFrame, dataset: Dataset, folder: Path) -> None:
    was = tuple(found.iloc[0][list(FINGERPRINTS)])
    now = (dataset.fingerprint, dataset.validation_fingerprint, dataset.labels_fingerprint)
    if was != now:
        what = "images" if was[:2] != now[:2] else "labels"
        raise UsageError(
            f"the {what} of {dataset.name} are not those that {folder} was made from any more: "
            "run the grid again"
        )
