"""Verdicts: how sure each cell's accuracy is, and whether it is worse than the best, as columns."""

from __future__ import annotations

import numpy as np
import pandas as pd

from bench.analysis.inference import Evidence, against_best, interval
from bench.analysis.summary import VERDICT_COLUMNS, best_cell, judged_by
from bench.store import Store

BEST, WORSE, ALIKE = "best", "worse", "not told apart"

# The stage and the array, a number an image, that stand behind what cells are judged by.
BY_IMAGE = {
    "accuracy": ("score", "correct"),
    "validation_accuracy": ("score", "validation_correct"),
    "knn_modularity": ("measure", "modularity_by_image"),
}

Cell = tuple[str, str]


def add(records: pd.DataFrame, store: Store) -> pd.DataFrame:
    """Return records with the columns `VERDICT_COLUMNS`, the same for all seeds of a cell.

    Parameters
    ----------
    records : DataFrame
        As `bench.analysis.records.collect` makes them.
    store : Store
        Holds the hits of every scored cell.
    """
    verdicts = _verdicts(records, store)
    cells = zip(records["model"], records["chain"], strict=True)
    rows = [verdicts.get(cell, {}) for cell in cells]
    columns = pd.DataFrame(rows, columns=list(VERDICT_COLUMNS), index=records.index)
    return pd.concat([records, columns], axis=1)


def _verdicts(records: pd.DataFrame, store: Store) -> dict[Cell, dict[str, object]]:
    best = best_cell(records)
    if best is None:
        return {}
    independent = bool(records["independent_images"].iloc[0])
    groups, found = _groups(records), collect(records, store)
    verdicts: dict[Cell, dict[str, object]] = {}
    for name, evidence in found.items():
        if evidence.hits:
            sure = interval(evidence.values(), evidence.repeated, independent)
            # Nothing lies beyond 1, and no accuracy beyond 0; NaN, of a single seed, stays.
            least = -0.5 if judged_by(records) == "knn_modularity" else 0
            low, high = np.clip([sure.low, sure.high], least, 1)
            verdicts[name] = {"interval_low": low, "interval_high": high}
    whole = [
        name for name, cell in groups.items() if (cell["status"] == "ok").all() and found[name].hits
    ]
    first = (best.model, best.chain)
    others = [name for name in whole if name != first]
    if first not in whole:
        return verdicts
    verdicts[first]["verdict"] = BEST
    compared = against_best(found[first], [found[name] for name in others], independent)
    for name, each in zip(others, compared, strict=True):
        verdicts[name] |= {
            "behind_best": each.difference.mean,
            "behind_best_low": each.difference.low,
            "behind_best_high": each.difference.high,
            "behind_best_p": each.adjusted,
            "verdict": WORSE if each.told_apart and each.difference.mean > 0 else ALIKE,
        }
    return verdicts


def collect(records: pd.DataFrame, store: Store) -> dict[Cell, Evidence]:
    """Read the evidence of every cell, of what cells are judged by; none where nothing is."""
    metric = judged_by(records)
    if metric is None:
        return {}
    return {name: _evidence(cell, metric, store) for name, cell in _groups(records).items()}


def _groups(records: pd.DataFrame) -> dict[Cell, pd.DataFrame]:
    cells = records.groupby(["model", "chain"], sort=False)
    return {(str(model), str(chain)): cell for (model, chain), cell in cells}


def _evidence(cell: pd.DataFrame, metric: str, store: Store) -> Evidence:
    stage, array = BY_IMAGE[metric]
    done = cell[cell["status"] == "ok"]
    keys = zip(done["seed_index"].astype(int), done[f"{stage}_artifacts"].astype(str), strict=True)
    loaded = {seed: store.load(stage, key).array(array) for seed, key in keys}
    by_image = {seed: found for seed, found in loaded.items() if found is not None}
    return Evidence(by_image, is_repeated(done))


def is_repeated(done: pd.DataFrame) -> bool:
    """Tell whether a cell's seeds are results of their own; of one seed nothing else is known."""
    return len(done) == 1 or done["cluster_artifacts"].nunique() > 1
