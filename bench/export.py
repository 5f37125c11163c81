"""Save a finished cell as one file: ``python -m bench.export``."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from bench.base.command import main_of, new_app
from bench.base.progress import Progress, silent

if TYPE_CHECKING:
    from bench.bundle.bundle import Bundle
    from bench.bundle.choosing import Choice

EPILOG = (
    "Examples:\n\n"
    "python -m bench.export --best --to model.latentgrid\n\n"
    "python -m bench.export 'dnn(code=32), pca16 -> gmm' --to model.latentgrid\n\n"
    "Then: python -m bench.assign model.latentgrid NEW_IMAGES_DIR --out clusters"
)

app = new_app()


@app.command(epilog=EPILOG)
def export_command(
    to: Annotated[
        Path, typer.Option(help="File to write, replaced if it is there.", metavar="FILE")
    ],
    cell: Annotated[
        str | None,
        typer.Argument(
            help="A cell as the tables write it: 'MODEL, CHAIN', with -> before a clusterer.",
            metavar="CELL",
            show_default=False,
        ),
    ] = None,
    best: Annotated[
        bool, typer.Option("--best", help="Take the cell that the report ranks first.")
    ] = False,
    results: Annotated[
        Path, typer.Option(help="Folder with the results of one data set.", metavar="DIR")
    ] = Path("results"),
    seed_index: Annotated[
        int | None,
        typer.Option(
            help="Which repetition, from 0; by default the cell's median seed.",
            metavar="N",
            min=0,
            show_default=False,
        ),
    ] = None,
    store: Annotated[
        Path | None,
        typer.Option(
            help="Folder that keeps what was computed; by default the one that the results' "
            "grid.toml names.",
            metavar="DIR",
            show_default=False,
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
    """Save a finished cell as one portable file, which places new images in its clusters.

    The file holds weights, what the reducers and the clusterer found, hashes and places of the
    training images, and four of these, by which it is tried where it is loaded. Nothing in it is
    executed on loading.
    """
    from bench.analysis.results import PIPELINE
    from bench.base.console import LoadBar
    from bench.base.errors import UsageError
    from bench.base.naming import pipeline_name

    if best == (cell is not None):
        raise UsageError("name a cell, 'MODEL, CHAIN', or give --best: one of the two")
    with LoadBar() as progress:
        bundle, choice = export(
            cell, to, results, seed_index=seed_index, store=store, plugins=plugin or [],
            progress=progress,
        )  # fmt: skip
    record = choice.record
    size = to.stat().st_size / 1e6
    print(f"{to}: {pipeline_name(*record[PIPELINE])}, {choice.why} ({size:,.1f} MB)")
    for note in bundle.notes:
        print(f"note: {note}")
    return 0


def export(
    cell: str | None,
    to: Path,
    results: Path,
    *,
    seed_index: int | None = None,
    store: Path | None = None,
    plugins: list[Path] | None = None,
    progress: Progress = silent,
) -> tuple[Bundle, Choice]:
    """Write a cell's bundle, and return it with what was chosen; see `bench.export_bundle`.

    Raises
    ------
    UsageError
    """
    from bench.analysis.folder import open_grid
    from bench.bundle import format, making
    from bench.bundle.bundle import Bundle
    from bench.bundle.choosing import choose

    load_named(plugins or [])
    grid = open_grid(results, store, progress)
    choice = choose(grid.records, cell, seed_index, grid.out)
    contents = making.make(grid, choice.record)
    # Tried before it is written: what cannot be loaded here must not replace what was there.
    bundle = Bundle(contents)
    format.write(to, contents)
    return bundle, choice


def load_named(plugins: list[Path]) -> None:
    """Run plugin files; one that is missing or fails is one line.

    Raises
    ------
    UsageError
    """
    from bench.base.errors import UsageError
    from bench.base.registry import PluginError
    from bench.planning.plugins import load_plugins

    try:
        load_plugins(plugins)
    except PluginError as error:
        raise UsageError(str(error)) from error


main = main_of(app, "python -m bench.export")


if __name__ == "__main__":
    main()
