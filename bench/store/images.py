"""Decoded images, kept as artifacts: no file is decoded twice."""

from __future__ import annotations

import functools
from typing import Any

import numpy as np

from bench.datasets.dataset import Dataset
from bench.datasets.image_form import Images
from bench.datasets.pieces import ImageNames, ImageSet, Piece, Subset
from bench.store.artifact import DamagedError
from bench.store.store import Store

STAGE = "images"


class KeptImages:
    """Keeps images in a store; see `bench.datasets.pieces.Keeper`."""

    def __init__(self, store: Store) -> None:
        self.store = store

    def prepare(self, megabytes: float) -> None:
        """Make the store, or refuse one that cannot be written or has no room."""
        self.store.prepare(megabytes)

    def values(self, key: str) -> dict[str, Any] | None:
        """Return what is kept beside images; None where nothing sound is kept."""
        if (STAGE, key) not in self.store:
            return None
        try:
            return self.store.load(STAGE, key).values
        except DamagedError:
            return None

    def images(self, key: str) -> Images:
        """Return images; raise `bench.store.artifact.DamagedError` where they are not sound."""
        return self.store.load(STAGE, key).require("images")

    def keep(self, key: str, images: Images, values: dict[str, Any]) -> None:
        """Keep images and what stands beside them, in place of what is damaged."""
        with self.store.lock(key):
            self.store.save(STAGE, key, {"images": images}, values, {}, replace=True)


def describe(dataset: Dataset) -> dict[str, Any]:
    """Return what the artifact of a data set says beside its labels; `image_sets` reads it."""
    sizes = {
        str(size): [[[p.key, p.count, p.digest] for p in images.pieces] for images in both]
        for size, both in dataset.sizes.items()
    }
    found = {"name": dataset.name, "sizes": sizes, "names": vars(dataset.names)}
    if dataset.positions is not None:
        found["positions"] = dataset.positions.tolist()
    return found


def image_sets(store: Store, values: dict[str, Any]) -> dict[int, tuple[ImageSet, ImageSet]]:
    """Return training and validation images by size, the grid's first, that a store keeps."""
    keeper = KeptImages(store)
    some = values.get("positions")  # of half of the training images

    def made(size: int, pieces: list[list[Any]]) -> ImageSet:
        return ImageSet(
            size,
            tuple(
                Piece(key, count, digest, functools.partial(keeper.images, key))
                for key, count, digest in pieces
            ),
        )

    def chosen(of: ImageSet) -> ImageSet:
        return of if some is None else Subset(of, np.array(some, np.int64))

    return {
        int(size): (chosen(made(int(size), train)), made(int(size), validation))
        for size, (train, validation) in values["sizes"].items()
    }


def image_names(values: dict[str, Any]) -> ImageNames:
    """Return the names of the training images."""
    found = dict(values["names"])
    files = found.pop("files")
    return ImageNames(None if files is None else tuple(files), tuple(found.pop("indices")), **found)
