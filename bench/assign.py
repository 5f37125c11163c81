"""Assign new images to the clusters of a saved pipeline: ``python -m bench.assign``."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Annotated, Any

from bench.base.command import argument, command, option
from bench.base.processors import MOST_THREADS
from bench.planning.options import takes_settings

EPILOG = (
    "Examples:\n\n"
    "latentgrid assign model.latentgrid NEW_IMAGES_DIR --out clusters\n\n"
    "latentgrid assign model.latentgrid NEW_IMAGES_DIR --out clusters --sort-into link\n\n"
    "latentgrid assign model.latentgrid NEW_IMAGES_DIR --clusters clusters.json"
)
SORT_INTO = (
    "copy or link (symbolic links): also put each file into OUT/sorted/cluster-N. The files in DIR "
    "stay as they are, and no file is replaced."
)
CLUSTERS = (
    "A clusters.json that you downloaded from the page of the same run: names, sheets and folders "
    "are those of the corrected clusters."
)
THREADS = f"Processor threads, 1 to {MOST_THREADS:,}; by default all."


@command("latentgrid assign", EPILOG)
@takes_settings(["plugins"])
def main(
    settings: dict[str, Any],
    bundle: Annotated[Path, argument("A file that latentgrid export wrote.", "BUNDLE")],
    images: Annotated[Path, argument("Folder of image files, at any depth.", "DIR")],
    out: Annotated[Path, option("Folder to write into, outside of DIR.", "DIR")] = Path("clusters"),
    sort_into: Annotated[str | None, option(SORT_INTO, "HOW")] = None,
    clusters: Annotated[Path | None, option(CLUSTERS, "FILE")] = None,
    device: Annotated[str, option("auto, cpu, cuda or mps.", "NAME")] = "auto",
    threads: Annotated[int | None, option(THREADS, "N", min=1, max=MOST_THREADS)] = None,
) -> int:
    """Assign every image of a folder to a cluster.

    Writes OUT/assignments.csv, with one row for each file: its cluster, its distance from the
    cluster's center, its ambiguity from 0 to 1, whether it is a training image, and the name of
    the cluster if labels were known: the label of most of its training images, or mixed. Writes a
    contact sheet for each cluster, OUT/sheets/cluster-N.png. Warns if the images look unlike the
    training images. Memory does not grow with the number of images.

    With --clusters, images get the clusters that you corrected on the page. Where you split a
    cluster, an image is put into the part whose mean is nearest.
    """
    from bench.base.console import LoadBar
    from bench.base.errors import UsageError
    from bench.base.processors import available_threads, find_device, limit_threads
    from bench.bundle.assigning import assign, describe
    from bench.bundle.bundle import Bundle
    from bench.bundle.clusters_file import read
    from bench.bundle.correcting import Corrections
    from bench.bundle.sorting import HOW
    from bench.planning.plugins import load_plugins

    if sort_into not in (None, *HOW):
        raise UsageError(f"--sort-into must be {' or '.join(HOW)}, found {sort_into!r}")
    if not images.is_dir():  # before a model is loaded for nothing
        raise UsageError(f"no such folder: {images}")
    correct = None if clusters is None else partial(Corrections, read(clusters), clusters)
    load_plugins(settings.get("plugins", []))
    use = threads or available_threads()
    with LoadBar() as progress:
        loaded = Bundle.load(bundle, find_device(device))
        limit_threads(use)
        summary = assign(
            loaded,
            images,
            out,
            sort_into=sort_into,
            corrections=None if correct is None else correct(loaded),
            threads=use,
            progress=progress,
        )
    print("\n".join(describe(loaded, summary, sort_into)))
    return 0


if __name__ == "__main__":
    main()
