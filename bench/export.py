"""Save a finished pipeline as one file: ``python -m bench.export``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

from bench.base.command import argument, command, option
from bench.planning.options import takes_settings

EPILOG = (
    "Examples:\n\n"
    "latentgrid export --best --to model.latentgrid\n\n"
    "latentgrid export 'dnn(code=32), pca16 -> gmm' --to model.latentgrid\n\n"
    "Then: latentgrid assign model.latentgrid NEW_IMAGES_DIR --out clusters"
)
PIPELINE = (
    "A pipeline as the tables write it: 'MODEL, CHAIN', then '-> CLUSTERER' unless it is k-means."
)
RESULTS = Path("results")
STORE = "Folder of stored results; by default the one that the grid.toml of the results names."


@command("python -m bench.export", EPILOG)
@takes_settings(["store", "plugins"], {"store": STORE})
def main(
    settings: dict[str, Any],
    to: Annotated[Path, option("File to write, replaced if it exists.", "FILE")],
    pipeline: Annotated[str | None, argument(PIPELINE, "PIPELINE")] = None,
    best: Annotated[
        bool, option("Export the pipeline that the report ranks first.", name="--best")
    ] = False,
    results: Annotated[Path, option("Folder with the results of one data set.", "DIR")] = RESULTS,
    seed_index: Annotated[
        int | None, option("Seed, from 0; by default the pipeline's median seed.", "N", min=0)
    ] = None,
) -> int:
    """Save a finished pipeline as one portable file, which assigns new images to its clusters.

    The file holds the weights of the model, the fitted reducers and clusterer, and hashes and
    embeddings of the training images. It also holds four training images with their codes, to
    verify the model on loading. Loading executes no code from the file.
    """
    from bench.analysis.results import key_of
    from bench.base.console import LoadBar
    from bench.base.errors import UsageError
    from bench.base.naming import pipeline_name
    from bench.bundle.making import export

    if best == (pipeline is not None):
        raise UsageError("give either a pipeline, 'MODEL, CHAIN', or --best")
    with LoadBar() as progress:
        bundle, choice = export(
            pipeline, to, results, seed_index=seed_index, progress=progress, **settings
        )
    size = to.stat().st_size / 1e6
    print(f"{to}: {pipeline_name(*key_of(choice.record))}, {choice.why} ({size:,.1f} MB)")
    for note in bundle.notes:
        print(f"note: {note}")
    return 0


if __name__ == "__main__":
    main()
