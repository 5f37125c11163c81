"""Thumbnails of a page: the images as their source has them, and models' reconstructions."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from bench.datasets import originals
from bench.datasets.dataset import Dataset
from bench.datasets.image_form import MARGIN, Form, Images
from bench.report.page import sheets as sheet_files
from bench.report.page.assets import Assets
from bench.report.page.kept import Arrays, apart, joined, kept
from bench.report.page.sheets import per_row, sheets
from bench.report.page.shown import Shown
from bench.store import Store

TILE = 96  # pixels a side of an image, at most
TILE_OF_MANY, MANY = 64, 20_000

STAGE = "thumbnails"


def tile_of(shown: Shown) -> int:
    """Return the side of thumbnails, in pixels: no larger than arrays are."""
    most = TILE if len(shown) <= MANY else TILE_OF_MANY
    found = shown.dataset.originals
    side = shown.dataset.form.size if found is None else found.side
    return most if side is None else min(side, most)


def of_originals(shown: Shown, store: Store) -> list[bytes]:
    """Return sheets of the images, read from their source once and then kept.

    Images are made square as the data set's own are, so that a thumbnail shows what models were
    given; images that are no larger than thumbnails are as they are.
    """
    tile, dataset = tile_of(shown), shown.dataset
    found = dataset.originals
    if found is None:  # only what the grid has of them is at hand
        return of_arrays(dataset.images[shown.positions], np.arange(len(shown)), tile)
    chosen = found[shown.positions]

    def make() -> Arrays:
        return joined(sheets(len(shown), tile, lambda some, pool: chosen.at(tile, some, pool)))

    return apart(kept(store, STAGE, _key(shown), (originals, sheet_files), make))


def place(dataset: Dataset) -> tuple[str, str] | None:
    """Return stage and key under which a store keeps the thumbnails of a data set, if it does."""
    return None if dataset.originals is None else (STAGE, _key(Shown.of(dataset)))


def _key(shown: Shown) -> str:
    dataset = shown.dataset
    assert dataset.originals is not None
    return dataset.originals[shown.positions].key(dataset.fingerprint, tile_of(shown))


def of_arrays(images: Images, rows: NDArray[np.int64], tile: int) -> list[bytes]:
    """Return sheets of images that are in memory, (k, H, W, 3), brought to a side of ``tile``.

    ``rows`` are the positions of the page's images among them; one at -1 is gray.
    """
    form = Form(tile)

    def read(some: slice, _: Any) -> Images:
        found = form.bring_all(images[rows[some]])
        if (rows[some] < 0).any():
            found = np.where(rows[some, None, None, None] < 0, np.uint8(MARGIN[0]), found)
        return found

    return sheets(len(rows), tile, read)


def placed(assets: Assets, tile: int, made: list[bytes]) -> dict[str, Any]:
    """Return sheets as the page's script reads them."""
    return {"tile": tile, "perRow": per_row(tile), "sheets": [assets.sheet(one) for one in made]}
