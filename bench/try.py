"""A new model, reducer, clusterer or data set on trial: ``python -m bench.try FILE.py``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from bench.base.console import Stopped, stopped

EPILOG = (
    "Exit codes: 0 every promise is kept and every cell was finished, 1 not so, 2 misuse.\n\n"
    "Examples:\n\n"
    "python -m bench.try mine.py\n\n"
    "python -m bench.try mine.py --seeds 10   (three can tell no cells apart)\n\n"
    "python -m bench.try mine.py --dataset npy:DIR --limit 1000 --epochs 20\n\n"
    "python -m bench.try my_data.py --dataset mine:DIR   (a data set of one's own that takes an "
    "argument)\n\n"
    "docs/growing.md says how to write such a file."
)

app = typer.Typer(add_completion=False, rich_markup_mode="rich", pretty_exceptions_enable=False)


@app.command(epilog=EPILOG)
def main_command(
    file: Annotated[
        Path,
        typer.Argument(
            help="Python file that registers models, reducers, clusterers or data sets; it is run, "
            "so name only files you trust.",
            metavar="FILE.PY",
        ),
    ],
    dataset: Annotated[
        str | None,
        typer.Option(
            help="What models and reducers are tried on; by default digits. For a data set of "
            "the file itself, its name with its argument.",
            metavar="SPEC",
        ),
    ] = None,
    limit: Annotated[
        str | None,
        typer.Option(help="Take a subset of N images, or all; by default 300.", metavar="N"),
    ] = None,
    seeds: Annotated[
        str | None,
        typer.Option(
            help="Repetitions of every cell; by default 3, which is too few to tell cells apart.",
            metavar="N",
        ),
    ] = None,
    epochs: Annotated[
        str | None,
        typer.Option(
            help="Passes over the training images; by default 8, or 3 for a data set, which is "
            "tried with slower models.",
            metavar="N",
        ),
    ] = None,
    clusters: Annotated[
        str | None,
        typer.Option(
            help="Clusters to seek, or auto; by default as many as there are labels.", metavar="N"
        ),
    ] = None,
    threads: Annotated[
        str | None, typer.Option(help="Processor threads; by default all.", metavar="N")
    ] = None,
    out: Annotated[
        Path,
        typer.Option(help="Folder for results; an item gets a folder in it.", metavar="DIR"),
    ] = Path("results/try"),
    store: Annotated[
        Path | None,
        typer.Option(
            help="Folder that keeps what was computed; by default $LATENTGRID_STORE, or .store.",
            metavar="DIR",
        ),
    ] = None,
) -> int:
    """Hold what a file registers to its contract, and see where it stands.

    Each model, reducer and data set of the file runs through the contract suite, promise by
    promise. One that keeps them all then runs in a grid of about a minute: a model beside pixels,
    itself untrained and the dnn; a reducer on pixels and the dnn, beside no reduction, the same
    number of principal components and t-SNE; a data set under the models of the preset quick.
    """
    from bench.session import trial

    settings = {
        "dataset": dataset,
        "limit": limit,
        "seeds": seeds,
        "epochs": epochs,
        "clusters": clusters,
        "threads": threads,
        "out": out,
        "store": store,
    }
    given = {name: value for name, value in settings.items() if value is not None}
    try:
        return trial.run(file, given)
    except Stopped as stop:
        return stopped(stop, "what was computed is in the store; the same command goes on from it")


def main(arguments: list[str] | None = None) -> None:
    """Run the command line."""
    from bench.base.console import run_app

    run_app(app, arguments, "python -m bench.try")


if __name__ == "__main__":
    main()
