"""What a page holds of each model: errors, neighbors in its codes, and reconstructions."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from bench.datasets.pieces import fingerprint
from bench.report.page import nearest as nearest_file
from bench.report.page import sheets as sheet_files
from bench.report.page.assets import Assets
from bench.report.page.kept import apart, joined, kept
from bench.report.page.nearest import nearest
from bench.report.page.shown import Shown
from bench.report.page.thumbnails import of_arrays, placed
from bench.stages.encode import PICTURED
from bench.store import Artifact, Store

TILE = 64  # pixels a side of a reconstruction, at most
NEAR = 12  # neighbors of an image
MOST = 20_000  # images among which they are sought
REBUILT_BYTES = 8_000_000  # of all models' reconstructions

NEIGHBORS, REBUILT = "neighbors", "rebuilt"


def near_of(shown: Shown) -> int:
    """Return how many neighbors an image has: 12, or fewer where there are fewer images."""
    return min(NEAR, shown.dataset.images_per_seed - 1)


def has_neighbors(shown: Shown) -> bool:
    """Return whether neighbors are sought: all images are there, and they are not too many."""
    return shown.all and len(shown) <= MOST and near_of(shown) > 0


def bytes_of(near: int) -> int:
    """Return the bytes of an image in a model's run: its error, and its neighbors."""
    return 4 + 6 * near


class Models:
    """What there is of each model, read from the store.

    Parameters
    ----------
    shown : Shown
    store : Store
    assets : Assets
        Takes arrays and sheets.
    """

    def __init__(self, shown: Shown, store: Store, assets: Assets) -> None:
        self.shown = shown
        self.store = store
        self.assets = assets
        self.room = REBUILT_BYTES
        self.without: list[str] = []  # models whose reconstructions there is no room for

    def collect(self, records: pd.DataFrame, seeds: list[int]) -> dict[str, Any]:
        """Return what the script reads of each model, the models in the order of the records.

        Of the seeds, the first is the one whose reconstructions are shown.
        """
        found: dict[str, Any] = {}
        for model, some in records.groupby("model", sort=False):
            keys = dict(zip(some["seed_index"], some["encode_artifacts"], strict=True))
            encoded = {key: self.store.load("encode", key) for key in dict.fromkeys(keys.values())}
            runs = {seed: encoded[keys[seed]] for seed in seeds if seed in keys}
            found[str(model)] = {
                "reconstructions": self._rebuilt(str(model), runs, seeds[0]),
                "runs": {str(seed): self._run(of, seed) for seed, of in runs.items()},
            }
        return found

    def _run(self, encoded: Artifact, seed: int) -> dict[str, Any]:
        rows, errors = self.shown.rows(seed), encoded.array("errors")
        return {
            "errors": None
            if errors is None
            else self.assets.array((spread(errors, rows, np.nan), "<f4")),
            "neighbors": self._neighbors(encoded, rows) if has_neighbors(self.shown) else None,
        }

    def _neighbors(self, encoded: Artifact, rows: NDArray[np.int64]) -> str:
        near = near_of(self.shown)

        def find() -> dict[str, Any]:
            found, distances = nearest(encoded.require("train"), near)
            return {"neighbors": found.astype(np.uint16), "distances": distances}

        of = {"near": near, "codes": encoded.arrays_sum}
        found = kept(self.store, NEIGHBORS, encoded.path.name, (nearest_file,), find, **of)
        there = np.flatnonzero(rows >= 0)  # of a half, these are its images in its order
        neighbors = spread(there[found["neighbors"]], rows, 0)
        distances = spread(found["distances"], rows, np.nan)
        return self.assets.array((neighbors, "<u2"), (distances, "<f4"))

    def _rebuilt(self, model: str, runs: dict[int, Artifact], seed: int) -> dict[str, Any] | None:
        """Return the reconstructions by a model, at one seed, if there is room for them."""
        if seed not in runs:
            return None
        encoded = runs[seed]
        errors = encoded.array("errors")
        if errors is None:  # the model has no decoder
            return None
        if not errors.any():  # it gives back the images themselves
            return {"seed": seed, "tile": 1, "perRow": 1, "sheets": []}
        if len(errors) > PICTURED or self.room <= 0:
            self.without.append(model)
            return None
        rows = self.shown.rows(seed)

        def make() -> dict[str, Any]:
            images = encoded.require("reconstructions")
            tile = min(images.shape[1], TILE)
            return joined(of_arrays(images, rows, tile)) | {"tile": np.array(tile)}

        of = {"rows": fingerprint(rows), "images": encoded.arrays_sum}
        code = (of_arrays, sheet_files)
        found = kept(self.store, REBUILT, encoded.path.name, code, make, **of)
        made = apart(found)
        self.room -= sum(map(len, made))
        if self.room < 0:
            self.without.append(model)
            return None
        return {"seed": seed} | placed(self.assets, int(found["tile"]), made)


def spread(values: NDArray[Any], rows: NDArray[np.int64], missing: float) -> NDArray[Any]:
    """Return the values of the page's images, and what is missing for those at -1."""
    if (rows >= 0).all():
        return values[rows]
    found = values[rows].copy()
    found[rows < 0] = missing
    return found
