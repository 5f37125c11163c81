"""A small finished grid on a folder of digits, and corrected clusters, for the tests of bundles."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace

import numpy as np
from PIL import Image
from sklearn.datasets import load_digits

from bench.analysis.folder import FinishedGrid, open_grid
from tests.conftest import run_python

TRAINED, NEW = 150, 60
CHAINS = (
    "none,pca8+tsne2(perplexity=10),pca8+umap2,pca8+spectral2,kpca6,isomap2,svd8+normalize,ica4,"
    "ipca6"
)
BY = "kmeans,gmm(covariance=diag),hdbscan"


def write_digits(folder: Path, chosen: slice, nested: bool = False) -> None:
    """Write digits as PNG files of 24×24, into sub-folders by their label if ``nested``."""
    data = load_digits()
    numbers = range(len(data.target))[chosen]
    for number, image, label in zip(numbers, data.images[chosen], data.target[chosen], strict=True):
        place = folder / str(label) if nested else folder
        place.mkdir(parents=True, exist_ok=True)
        pixels = (image * 15.9).astype(np.uint8)
        Image.fromarray(pixels).resize((24, 24)).save(place / f"{number:04d}.png")


def make_grid(folder: Path, **settings: str) -> FinishedGrid:
    """Write images into ``folder/old`` and ``folder/new``, run a grid on the former, open it."""
    write_digits(folder / "old", slice(0, TRAINED), nested=True)
    write_digits(folder / "new", slice(TRAINED, TRAINED + NEW))
    asked = {"models": "histogram", "reducers": CHAINS, "clusterers": BY} | settings
    run_python(
        dataset=f"folder:{folder / 'old'}", seeds=1, epochs=3, lr=1.5e-3, batch_size=16,
        schedule="constant", null=False, baselines=False, resamples=0,
        out=folder / "results", store=folder / ".store", **asked,
    )  # fmt: skip
    return open_grid(folder / "results", folder / ".store")


PIPELINE = {"model": "pixels", "chain": "pca4", "clusterer": "kmeans", "seed_index": 0}
CLUSTERS_FILE = {
    "format": "latentgrid-clusters",
    "version": 1,
    "dataset": "folder:album",
    "fingerprint": "f" * 64,
    "key": "k",
    "pipeline": PIPELINE,
    "clusters": [
        {"name": "cats", "of": ["0", "3/1"]},
        {"name": "dogs", "of": ["3/0/0", "-1", "1"]},
        {"name": "boats", "of": ["3/0/1"]},
        {"name": "none of these", "of": []},
    ],
    "parts": {
        "3/0": ["b.png", "c.png", "d.png"],
        "3/1": ["a.png"],
        "3/0/0": ["b.png"],
        "3/0/1": ["c.png", "d.png"],
    },
    "images": {
        "a.png": "cats", "b.png": "dogs", "c.png": "boats", "d.png": "none of these",
        "e.png": "cats",
    },
    "tags": {"blurred": ["a.png", "d.png"], "=1": ["a.png"]},
}  # fmt: skip


class StandIn:
    """As much of a bundle as corrections ask for: of images of two dimensions."""

    def __init__(self, embedding, clusters, names=None, **of_data):
        self.pipeline = SimpleNamespace(embedding=embedding, clusters=clusters)
        self.clusters = np.unique(clusters).tolist()
        self.names = {}
        self.positions = {name: i for i, name in enumerate(names or map(str, range(len(clusters))))}
        data = {"name": "d", "images": len(clusters), "fingerprint": "f" * 64, "whole": None}
        self.manifest = SimpleNamespace(
            model=SimpleNamespace(text="pixels"),
            clusterer=SimpleNamespace(text="kmeans"),
            links=[SimpleNamespace(text="pca4")],
            seed_index=0,
            data=SimpleNamespace(**(data | of_data)),
        )

    def find(self, names):
        return np.array([self.positions.get(name, -1) for name in names], dtype=np.int64)
