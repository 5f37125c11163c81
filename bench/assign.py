"""Assign new images to the clusters of a saved pipeline: ``python -m bench.assign``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from bench.base.command import main_of, new_app
from bench.planning.options import takes_settings

EPILOG = (
    "Examples:\n\n"
    "latentgrid assign model.latentgrid NEW_IMAGES_DIR --out clusters\n\n"
    "latentgrid assign model.latentgrid NEW_IMAGES_DIR --out clusters --sort-into link"
)

app = new_app()


@app.command("assign", epilog=EPILOG)
@takes_settings(["plugins"])
def assign_command(
    settings: dict[str, Any],
    bundle: Annotated[
        Path, typer.Argument(help="A file that latentgrid export wrote.", metavar="BUNDLE")
    ],
    images: Annotated[
        Path, typer.Argument(help="Folder of image files, at any depth.", metavar="DIR")
    ],
    out: Annotated[
        Path, typer.Option(help="Folder to write into, outside of DIR.", metavar="DIR")
    ] = Path("clusters"),
    sort_into: Annotated[
        str | None,
        typer.Option(
            help="copy or link (symbolic links): put each file into OUT/sorted/cluster-N as well. "
            "The files of DIR are left as they are, and nothing is ever replaced.",
            metavar="HOW",
            show_default=False,
        ),
    ] = None,
    device: Annotated[str, typer.Option(help="auto, cpu, cuda or mps.", metavar="NAME")] = "auto",
    threads: Annotated[
        int | None,
        typer.Option(
            help="Processor threads; by default all.", metavar="N", min=1, show_default=False
        ),
    ] = None,
) -> int:
    """Assign every image of a folder to a cluster.

    Writes OUT/assignments.csv, with a row a file: its cluster, its distance from the cluster's
    center, its ambiguity from 0 to 1, whether it is one of the training images, and the label of
    the cluster where labels were known. Writes a contact sheet for each cluster,
    OUT/sheets/cluster-N.png. Warns if the images look unlike the training images. Memory does not
    grow with the number of images.
    """
    from bench.base.console import LoadBar
    from bench.base.errors import UsageError
    from bench.base.processors import available_threads, find_device, limit_threads
    from bench.bundle.assigning import assign, describe
    from bench.bundle.bundle import Bundle
    from bench.bundle.sorting import HOW
    from bench.planning.plugins import load_plugins

    if sort_into not in (None, *HOW):
        raise UsageError(f"--sort-into must be {' or '.join(HOW)}, found {sort_into!r}")
    if not images.is_dir():  # before a model is loaded for nothing
        raise UsageError(f"no such folder: {images}")
    load_plugins(settings.get("plugins", []))
    use = threads or available_threads()
    with LoadBar() as progress:
        loaded = Bundle.load(bundle, find_device(device))
        limit_threads(use)
        summary = assign(loaded, images, out, sort_into=sort_into, threads=use, progress=progress)
    print("\n".join(describe(loaded, summary, sort_into)))
    return 0


main = main_of(app, "latentgrid assign")


if __name__ == "__main__":
    main()
