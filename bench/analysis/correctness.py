"""Per-image correctness: which images each pipeline assigned correctly, seed by seed.

``correctness.safetensors`` keeps it beside results.csv, a packed bit an image, so that two runs
can be compared image by image without their stores. A name in it is model, chain, clusterer and
seed, a line each; where a run had several data sets, a line with the data set's name comes first.
Where each seed was on its own half of the images, a bit is kept for each of these, and under the
name `WHICH` and the seed, which of all images these are.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from safetensors import SafetensorError
from safetensors.numpy import load_file

from bench.analysis import before, generalization
from bench.analysis.results import PIPELINE, Key, Results
from bench.base.arrays import save_arrays
from bench.base.errors import UsageError, format_error, show_value
from bench.base.files import regular, write_whole
from bench.datasets.dataset import Dataset
from bench.store import Store

FILE = "correctness.safetensors"

# Stands for model, chain and clusterer where images are named and not a pipeline.
WHICH = ("which images", "", "")

# The stage and the array, a number an image, that each metric is the mean of.
BY_IMAGE = {
    "accuracy": ("score", "correct"),
    "validation_accuracy": ("score", "validation_correct"),
    "knn_modularity": ("measure", "modularity_by_image"),
}


@dataclass(frozen=True)
class Correctness:
    """What a pipeline achieved on each image."""

    # By seed index, (n,) truth values: whether the image's cluster is assigned to its label, of the
    # images that have one. Where nothing is labeled, each image's part in the score.
    by_seed: dict[int, NDArray[Any]]
    repeated: bool  # False: all seeds are the same result
    # By seed index, positions of these images among all, (n,); empty: all seeds are on the same.
    images: dict[int, NDArray[np.int64]] = field(default_factory=dict)

    def values(self, seeds: list[int] | None = None) -> NDArray[np.float64]:
        """Return the values of all seeds or of some, (S, n).

        Where each seed has its own images, a column is not of one image.
        """
        chosen = sorted(self.by_seed) if seeds is None else seeds
        return np.array([self.by_seed[seed] for seed in chosen], dtype=np.float64)

    def shared(self, other: Correctness) -> list[int]:
        """Return the seeds that both have, on the same images."""
        both = sorted(set(self.by_seed) & set(other.by_seed))
        none = np.empty(0, np.int64)
        return [
            seed
            for seed in both
            if np.array_equal(self.images.get(seed, none), other.images.get(seed, none))
        ]

    def renumbered(self) -> Correctness:
        """Return the same under seed numbers that match no other run's."""
        by_seed, images = (
            {-1 - seed: found for seed, found in each.items()}
            for each in (self.by_seed, self.images)
        )
        return Correctness(by_seed, self.repeated, images)


def collect(results: Results, store: Store) -> dict[Key, Correctness]:
    """Read what every pipeline achieved on each image, by the metric that compares them."""
    if not results.has_scores:
        return {}
    if results.metric == generalization.SCORE:
        scores = generalization.scores_by_image(results.done, store)
    else:
        scores = _stored(results, store)
    found = {}
    for name, rows in results.by_pipeline().items():
        done = rows[rows["status"] == "ok"]
        seeds = [int(seed) for seed in done["seed_index"]]
        by_seed = {seed: scores[*name, seed] for seed in seeds if (*name, seed) in scores}
        found[name] = Correctness(by_seed, _is_repeated(done))
    return found


def _stored(results: Results, store: Store) -> dict[tuple[str, str, str, int], NDArray[Any]]:
    """Read what a stage left of each image, by model, chain, clusterer and seed."""
    stage, array = BY_IMAGE[results.metric]
    found = {}
    columns = [*PIPELINE, "seed_index", f"{stage}_artifacts"]
    for *name, seed, key in results.done[columns].itertuples(index=False, name=None):
        values = store.load(stage, str(key)).array(array)
        if values is not None:
            model, chain, clusterer = map(str, name)
            found[model, chain, clusterer, int(seed)] = values
    return found


def _is_repeated(done: pd.DataFrame) -> bool:
    """Return whether seeds are results of their own; of one seed nothing else is known."""
    return len(done) == 1 or done["cluster_artifacts"].nunique() > 1


def write(
    records: pd.DataFrame, store: Store, out: Path, dataset: Dataset | None = None
) -> Path | None:
    """Write the correctness of all scored pipelines; None where nothing is labeled.

    The data set says which images each seed was on; None: all seeds were on the same.
    """
    results = Results(records)
    found = collect(results, store) if results.labeled else {}
    tensors = {
        "\n".join((*name, str(seed))): np.packbits(correct)
        for name, each in found.items()
        for seed, correct in each.by_seed.items()
    }
    if tensors and results.metric == "accuracy" and dataset is not None and results.subsampled:
        for seed in records["seed_index"].unique():
            chosen = np.zeros(len(dataset), bool)
            chosen[dataset.of_seed(int(seed)).positions] = True
            tensors["\n".join((*WHICH, str(seed)))] = np.packbits(chosen)
    return _save(tensors, out)


def join(files: dict[str, Path], out: Path) -> Path | None:
    """Write the files of several data sets, by the data set's name, as one file into a folder."""
    tensors = {
        f"{dataset}\n{name}": packed
        for dataset, path in files.items()
        if path.is_file()
        for name, packed in _packed(path).items()
    }
    return _save(tensors, out)


def _save(tensors: dict[str, NDArray[Any]], out: Path) -> Path | None:
    if not tensors:
        return None
    write_whole(out / FILE, lambda draft: save_arrays(tensors, draft))
    return out / FILE


def read(records: pd.DataFrame, path: Path) -> dict[Key, Correctness]:
    """Read the correctness that belongs to the records of one data set.

    Without that file, ``hits.safetensors`` of the release before is read.

    Raises
    ------
    UsageError
        If there is none, or it is not that of these records.
    """
    results, dataset = Results(records), str(records["dataset"].iloc[0])
    first = records.iloc[0]
    on_training = records["accuracy"].notna().any()
    on_all = results.partly_labeled or results.images_per_seed
    images = on_all if on_training else int(first["validation_images"])
    rows = results.by_pipeline()
    found: dict[Key, Correctness] = {}
    which: dict[int, NDArray[np.int64]] = {}
    try:
        for written, packed in _load(path).items():
            *of_set, model, chain, clusterer, seed = written
            name = model, chain, clusterer
            if of_set in ([], [dataset]) and name == WHICH:
                which[int(seed)] = np.flatnonzero(np.unpackbits(packed))
            elif of_set in ([], [dataset]) and name in rows:
                if packed.size != -(-images // 8):
                    raise ValueError(f"it has {8 * packed.size} bits of {images} images")
                correct = np.unpackbits(packed, count=images).astype(bool)
                done = rows[name][rows[name]["status"] == "ok"]
                empty = Correctness({}, _is_repeated(done), which)
                found.setdefault(name, empty).by_seed[int(seed)] = correct
    except FileNotFoundError:
        raise UsageError(
            f"no {FILE} beside {path.parent / 'results.csv'}: run the grid again, which writes it "
            "if images are labeled"
        ) from None
    except (OSError, SafetensorError, ValueError) as error:
        raise UsageError(f"cannot read {path}: {format_error(error)}") from None
    return found


def _load(path: Path) -> dict[tuple[str, ...], NDArray[Any]]:
    """Read packed bits by the lines of their names."""
    old = path.with_name(before.CORRECTNESS)
    if old.is_file() and not path.is_file():
        before.warn(old, f"now {FILE}")
        return {before.correctness_name(name): bits for name, bits in _packed(old).items()}
    return {tuple(name.rsplit("\n", 4)): bits for name, bits in _packed(path).items()}


def _packed(path: Path) -> dict[str, NDArray[np.uint8]]:
    """Read packed bits by their names; raise `ValueError` for anything else."""
    try:
        found = load_file(regular(path))
    except (KeyError, TypeError) as error:  # of a type that NumPy has not
        raise ValueError(format_error(error)) from None
    for name, bits in found.items():
        if bits.dtype != np.uint8 or bits.ndim != 1:
            raise ValueError(f"{show_value(name)} is {bits.dtype} {bits.shape}, needed are bytes")
    return found
