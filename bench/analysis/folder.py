"""What a run left, opened again: its records, settings, images and store."""

from __future__ import annotations

import json
from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from bench.analysis.record_columns import ALWAYS, FINGERPRINTS
from bench.analysis.records import read
from bench.base.errors import UsageError, show_value
from bench.base.files import expand, is_file
from bench.base.progress import Progress, silent
from bench.datasets.dataset import Dataset, load, parse
from bench.planning.settings import GridSettings, resolve_recorded
from bench.store import Store
from bench.store.images import KeptImages

BY_PATH = ("folder", "npy")  # data sets that are named by a path
# Columns of results.csv without which a results folder cannot be opened; both releases write them.
NEEDED = (
    *(name for name in ALWAYS if name != "primary_metric"),
    *FINGERPRINTS,
    *("assignment", "lr", "vary", "device", "precision", "python", "platform", "processor"),
    *("torch", "scikit-learn", "openTSNE", "umap-learn", "numpy"),
    *(f"{stage}_artifacts" for stage in ("train", "encode", "reduce", "cluster", "measure")),
)


@dataclass(frozen=True)
class FinishedGrid:
    """A results folder of one data set, ``spec.out``."""

    records: pd.DataFrame
    spec: GridSettings
    dataset: Dataset
    store: Store
    store_hint: str = ""  # to add where something is not in the store

    @property
    def out(self) -> Path:
        """The results folder."""
        return self.spec.out


def settings_of(
    folder: Path, store: Path | None = None, equivalence: float | str | None = None
) -> GridSettings:
    """Return the settings of a run, or raise UsageError if its results folder has none.

    ``store`` and ``equivalence`` replace those of the run. Results may come from anybody: nothing
    that they name is run.
    """
    if not is_file(folder / "grid.toml"):
        raise UsageError(f"no results of a grid in {folder}: python -m bench.grid makes them")
    replaced = {"out": folder, "store": store, "equivalence": equivalence}
    return resolve_recorded(folder / "grid.toml", replaced)


def open_grid(
    folder: Path,
    store: Path | None = None,
    progress: Progress = silent,
    own_sizes: Collection[int] = (),
) -> FinishedGrid:
    """Open a results folder of one data set; ``store`` replaces the one that the run names.

    ``own_sizes`` are sizes at which the images are wanted beside the grid's.

    Raises
    ------
    UsageError
        If it is no results folder, holds several data sets, or the images have changed since.
    """
    spec = settings_of(folder, store)
    if len(spec.datasets) > 1:
        names = ", ".join(spec.datasets)
        raise UsageError(
            f"{folder} holds the results of several data sets ({names}): name the folder of one"
        )
    found = read(folder / "results.csv", NEEDED)
    (name,) = spec.datasets
    try:
        dataset = load(
            name,
            limit=spec.most_images,
            seed=spec.seed,
            clusters=int(found["clusters"].iloc[0]),
            image_size=spec.image_size,
            fit=spec.fit,
            labels=spec.labels,
            label_depth=spec.label_depth,
            halves=spec.subsample_images,
            range=spec.range,
            background=spec.background,
            own_sizes=own_sizes,
            keeper=KeptImages(Store(spec.store)),
            progress=progress,
        )
        _check_same(found, dataset, folder)
        _check_assignments(found, dataset, folder)
    except UsageError as error:
        path = parse(name)[1] if parse(name)[0] in BY_PATH else None
        raise UsageError(f"{error}{_hint(path, folder)}") from error
    hint = _hint(spec.store, folder) if store is None else ""
    return FinishedGrid(found, spec, dataset, Store(spec.store), hint)


def _check_assignments(found: pd.DataFrame, dataset: Dataset, folder: Path) -> None:
    """Refuse records that assign clusters to labels that the data set does not have."""
    most = len(dataset.class_names)
    for text in found["assignment"].dropna():
        if any(label >= most for _, label in json.loads(text)):
            raise UsageError(
                f"{folder / 'results.csv'}, column assignment: the data set has {most} labels, "
                f"found {show_value(text)}"
            )


def _hint(path: str | Path | None, folder: Path) -> str:
    """Return a note that a path is relative: results may be opened from another folder."""
    if not path or expand(path).is_absolute():
        return ""
    return f" (paths in {folder / 'grid.toml'} are relative to where the grid was run)"


def _check_same(found: pd.DataFrame, dataset: Dataset, folder: Path) -> None:
    now = {name: getattr(dataset, attribute) for name, attribute in FINGERPRINTS.items()}
    if changed := [name for name in now if found[name].iloc[0] != now[name]]:
        what = "labels" if changed == ["labels_fingerprint"] else "images"
        raise UsageError(
            f"the {what} of {dataset.name} have changed since {folder} was made: run the grid again"
        )
