"""Image files for tests of pages."""

from __future__ import annotations

from pathlib import Path

from PIL import Image

from bench.contracts.material import make_images

# Labels that are HTML, which must stay text.
LABELS = ("dark<b onmouseover=alert(1)>", "bright & <i>light")


def image_files(folder: Path, count: int = 60) -> None:
    """Write images of two labels, whose names are HTML too, into a folder for each label."""
    images, labels = make_images(count)
    for number, (image, label) in enumerate(zip(images, labels, strict=True)):
        # Some lie in the wrong folder, so that there are mistakes.
        place = folder / LABELS[label ^ (number % 9 == 4)]
        place.mkdir(parents=True, exist_ok=True)
        Image.fromarray(image).save(place / f"{number:02d}<img src=x onerror=alert(1)>.png")
