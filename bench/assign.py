"""Put new images into the clusters of a saved cell: ``python -m bench.assign``."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from bench.base.command import main_of, new_app

if TYPE_CHECKING:
    from bench.bundle.assigning import Summary
    from bench.bundle.bundle import Bundle

EPILOG = (
    "Examples:\n\n"
    "python -m bench.assign model.latentgrid NEW_IMAGES_DIR --out clusters\n\n"
    "python -m bench.assign model.latentgrid NEW_IMAGES_DIR --out clusters --sort-into link"
)

app = new_app()


@app.command(epilog=EPILOG)
def assign_command(
    bundle: Annotated[
        Path, typer.Argument(help="What python -m bench.export wrote.", metavar="BUNDLE")
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
    plugin: Annotated[
        list[Path] | None,
        typer.Option(
            help="Python file that registers what the cell is made of; it is run, so name only "
            "files you trust. May be repeated.",
            metavar="FILE",
            show_default=False,
        ),
    ] = None,
) -> int:
    """Put every image of a folder into a cluster, however many there are.

    Writes OUT/assignments.csv (file, cluster, distance from its center, doubt from 0 to 1, whether
    the cell was made on this very image, and the label that the cluster is taken for where labels
    were known), and a contact sheet a cluster, OUT/sheets/cluster-N.png. Warns if the images look
    unlike those that the cell was made on.
    """
    from bench.base.console import LoadBar
    from bench.base.errors import UsageError
    from bench.base.processors import available_threads, limit_threads
    from bench.bundle.assigning import assign
    from bench.bundle.bundle import Bundle
    from bench.bundle.sorting import WAYS
    from bench.export import load_named

    if sort_into not in (None, *WAYS):
        raise UsageError(f"--sort-into must be {' or '.join(WAYS)}, found {sort_into!r}")
    if not images.is_dir():  # before a model is loaded for nothing
        raise UsageError(f"no such folder: {images}")
    load_named(plugin or [])
    use = threads or available_threads()
    with LoadBar() as progress:
        loaded = Bundle.load(bundle, find_device(device))
        limit_threads(use)
        summary = assign(loaded, images, out, sort_into=sort_into, threads=use, progress=progress)
    tell(loaded, summary, sort_into)
    return 0


def tell(bundle: Bundle, summary: Summary, sort_into: str | None) -> None:
    """Print what was done: a line a cluster, then where it is, notes and warnings."""
    from bench.base.errors import one_line
    from bench.bundle.assigning import TABLE
    from bench.bundle.sheets import SHEETS
    from bench.bundle.sorting import SORTED, folder_name

    placed = summary.files - summary.unreadable
    print(f"{placed:,} images, {summary.seen:,} of them seen before")
    for cluster, count in sorted(summary.clusters.items()):
        label = f"  {one_line(bundle.labels[cluster])}" if cluster in bundle.labels else ""
        print(f"  {folder_name(cluster)}  {count:,}{label}")
    made = [TABLE, f"{SHEETS}/", *([f"{SORTED}/"] if sort_into else [])]
    print(f"see {one_line(', '.join(str(summary.out / name) for name in made))}")
    for note in bundle.notes:
        print(f"note: {one_line(note)}")
    if summary.unreadable:
        rest = summary.unreadable - len(summary.unreadable_files)
        named = one_line(", ".join(summary.unreadable_files))
        named += f" and {rest} more" if rest else ""
        print(f"note: skipped {summary.unreadable:,} unreadable files: {named}")
    if summary.untold:
        print(f"note: {one_line(summary.untold)}")
    if summary.drift:
        print(f"warning: {summary.drift}")


def find_device(name: str) -> str:
    """Return a device that is there.

    Raises
    ------
    UsageError
    """
    import torch

    from bench.base import processors
    from bench.base.errors import UsageError

    if name == "auto":
        return processors.find_device()
    there = {
        "cpu": True,
        "cuda": torch.cuda.is_available(),
        "mps": torch.backends.mps.is_available(),
    }
    if not there.get(name, False):
        known = ", ".join(each for each, found in there.items() if found)
        raise UsageError(f"no device {name!r} here: allowed are auto, {known}")
    return name


main = main_of(app, "python -m bench.assign")


if __name__ == "__main__":
    main()
