"""Image files for tests of pages, and a grid on them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from PIL import Image

from bench.contracts.material import make_images
from tests.conftest import run_grid

# Labels that are HTML, which must stay text.
LABELS = ("dark<b onmouseover=alert(1)>", "bright & <i>light")

# An error that is HTML, as labels and files are.
PLUGIN = """
from models import autoencoders
from models.autoencoder import Autoencoder

@autoencoders.register("breaks", "fails, and says so in HTML")
class Breaks(Autoencoder):
    def __init__(self, image_shape):
        super().__init__()
        from torch import nn
        self.encoder, self.decoder = nn.Flatten(), nn.Unflatten(1, image_shape)
        self.scale = nn.Parameter(__import__("torch").ones(()))

    def objective(self, x):
        raise ValueError("</script><script>alert(1)</script>")
"""


def image_files(folder: Path, count: int = 60) -> None:
    """Write images of two labels, whose names are HTML too, into a folder for each label.

    Two of them, the last and one before it of the same label, are the same.
    """
    images, labels = make_images(count)
    images[-1] = images[np.flatnonzero(labels == labels[-1])[-2]]
    for number, (image, label) in enumerate(zip(images, labels, strict=True)):
        # Some lie in the wrong folder, so that there are mistakes.
        place = folder / LABELS[label ^ (number % 9 == 4)]
        place.mkdir(parents=True, exist_ok=True)
        Image.fromarray(image).save(place / f"{number:02d}<img src=x onerror=alert(1)>.png")


def grid_of_files(folder: Path) -> None:
    """Run a grid on such files, one model of which fails."""
    image_files(folder / "images")
    (folder / "breaks.py").write_text(PLUGIN)
    done = run_grid(
        folder,
        *("--dataset", "folder:images", "--plugin", "breaks.py", "--models", "dnn,breaks"),
        *("--reducers", "pca2,pca5", "--seeds", "2", "--epochs", "1", "--no-null"),
        *("--image-size", "32"),
        *("--store", folder / "store"),
    )
    assert done.returncode == 1, done.stderr
