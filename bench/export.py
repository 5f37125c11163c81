"""Save a finished pipeline as one file: ``python -m bench.export``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from bench.base.command import main_of, new_app
from bench.planning.options import takes_settings

EPILOG = (
    "Examples:\n\n"
    "latentgrid export --best --to model.latentgrid\n\n"
    "latentgrid export 'dnn(code=32), pca16 -> gmm' --to model.latentgrid\n\n"
    "Then: latentgrid assign model.latentgrid NEW_IMAGES_DIR --out clusters"
)

app = new_app()


@app.command("export", epilog=EPILOG)
@takes_settings(
    ["store", "plugins"],
    {
        "store": "Folder that keeps what was computed; by default the one that the results' "
        "grid.toml names."
    },
)
def export_command(
    settings: dict[str, Any],
    to: Annotated[
        Path, typer.Option(help="File to write, replaced if it is there.", metavar="FILE")
    ],
    pipeline: Annotated[
        str | None,
        typer.Argument(
            help="A pipeline as the tables write it: 'MODEL, CHAIN', and '-> CLUSTERER' unless it "
            "is k-means.",
            metavar="PIPELINE",
            show_default=False,
        ),
    ] = None,
    best: Annotated[
        bool, typer.Option("--best", help="Take the pipeline that the report ranks first.")
    ] = False,
    results: Annotated[
        Path, typer.Option(help="Folder with the results of one data set.", metavar="DIR")
    ] = Path("results"),
    seed_index: Annotated[
        int | None,
        typer.Option(
            help="Which seed, from 0; by default the pipeline's median seed.",
            metavar="N",
            min=0,
            show_default=False,
        ),
    ] = None,
) -> int:
    """Save a finished pipeline as one portable file, which assigns new images to its clusters.

    The file holds the weights of the model, what the reducers and the clusterer found, hashes and
    embeddings of the training images, and four of these with their codes, by which the model is
    checked where the file is loaded. Loading executes nothing in it.
    """
    from bench.analysis.results import PIPELINE
    from bench.base.console import LoadBar
    from bench.base.errors import UsageError
    from bench.base.naming import pipeline_name
    from bench.bundle.making import export

    if best == (pipeline is not None):
        raise UsageError("name a pipeline, 'MODEL, CHAIN', or give --best: one of the two")
    with LoadBar() as progress:
        bundle, choice = export(
            pipeline, to, results, seed_index=seed_index, progress=progress, **settings
        )
    record = choice.record
    size = to.stat().st_size / 1e6
    print(f"{to}: {pipeline_name(*record[PIPELINE])}, {choice.why} ({size:,.1f} MB)")
    for note in bundle.notes:
        print(f"note: {note}")
    return 0


main = main_of(app, "python -m bench.export")


if __name__ == "__main__":
    main()
