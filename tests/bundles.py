"""A small finished grid on a folder of digits, for the tests of bundles."""

from __future__ import annotations

from pathlib import Path

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
