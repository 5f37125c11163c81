"""The main job: ``python -m bench.grid``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from bench.base.console import Stopped, stopped

EPILOG = (
    "Examples:\n\n"
    "python -m bench.grid   (the preset quick, on digits)\n\n"
    "python -m bench.grid --preset homework --dataset npy:DIR\n\n"
    "python -m bench.grid --dataset folder:DIR --clusters 5 --models pixels,dnn\n\n"
    "python -m bench.grid --dataset digits,photos   (a report each, and a table of ranks)\n\n"
    "python -m bench.grid --reducers 'pca64,pca128+tsne2(perplexity=50)' --seeds 5 --dry-run"
)

app = typer.Typer(add_completion=False, rich_markup_mode="rich", pretty_exceptions_enable=False)

WHAT, RECIPE, WHERE = "What to compare", "Training", "Where"
WHO = "Who does the work"
HOW, INSTEAD = "What was computed before", "Instead of running"


def _option(help_text: str, panel: str, *names: str, metavar: str | None = None) -> Any:
    return typer.Option(
        *names, help=help_text, rich_help_panel=panel, metavar=metavar, show_default=False
    )


@app.command(epilog=EPILOG)
def grid(
    preset: Annotated[
        str | None,
        _option(
            "Settings to start from: quick (default) or homework, the report's recipe.",
            WHAT,
            metavar="NAME",
        ),
    ] = None,
    config: Annotated[
        Path | None,
        _option(
            "TOML file with the same names as these flags; flags win over it.", WHAT, metavar="FILE"
        ),
    ] = None,
    dataset: Annotated[
        str | None,
        _option(
            "digits, photos, npy:DIR (the homework's files), folder:DIR (sub-folders are "
            "labels) or openml:NAME; several, separated by commas, get a report each and one "
            "table of ranks.",
            WHAT,
            metavar="SPEC",
        ),
    ] = None,
    limit: Annotated[
        str | None,
        _option(
            "Take a stratified subset of N images; all takes every image. The preset's own limit "
            "holds for its own data set only.",
            WHAT,
            metavar="N",
        ),
    ] = None,
    clusters: Annotated[
        str | None,
        _option(
            "Clusters to seek; by default as many as there are labels. auto: as many as the "
            "embeddings suggest.",
            WHAT,
            metavar="N",
        ),
    ] = None,
    models: Annotated[
        str | None,
        _option(
            "Autoencoders, separated by commas: pixels,dnn,cnn,untrained. Quote parentheses: "
            "'dnn(code=32)'.",
            WHAT,
            metavar="LIST",
        ),
    ] = None,
    reducers: Annotated[
        str | None,
        _option(
            "Reducer chains, separated by commas: none,pca64,pca128+tsne2. Quote parentheses: "
            "'pca128+tsne2(perplexity=50)'.",
            WHAT,
            metavar="LIST",
        ),
    ] = None,
    clusterers: Annotated[
        str | None,
        _option(
            "What groups the reduced codes, separated by commas: kmeans (default), gmm, "
            "agglomerative, spectral, hdbscan; with settings: 'gmm(covariance=diag)'.",
            WHAT,
            metavar="LIST",
        ),
    ] = None,
    baselines: Annotated[
        bool | None,
        _option(
            "Add what shows whether it was worth it (on by default): pixels, that is no model; "
            "each model untrained; the chain none, that is no reduction.",
            WHAT,
            "--baselines/--no-baselines",
        ),
    ] = None,
    seeds: Annotated[
        str | None, _option("How many seeds: repetitions of every cell.", WHAT, metavar="N")
    ] = None,
    seed: Annotated[
        str | None, _option("The base seed, from which all others are derived.", WHAT, metavar="S")
    ] = None,
    plugin: Annotated[
        list[Path] | None,
        _option(
            "Python file that registers models, reducers, clusterers or data sets; it is run, so "
            "name only files you trust. May be repeated.",
            WHAT,
            metavar="FILE",
        ),
    ] = None,
    vary: Annotated[
        str | None,
        _option(
            "Draw seeds anew for the model, reducer or clusterer alone: how far does each move "
            "the result? By default for all.",
            WHAT,
            metavar="WHAT",
        ),
    ] = None,
    null: Annotated[
        bool | None,
        _option(
            "Run each model and chain on data without clusters as well, once: what does the chain "
            "make up?",
            WHAT,
            "--null/--no-null",
        ),
    ] = None,
    resamples: Annotated[
        str | None,
        _option(
            "Run each chain N times more on four fifths of the images, for every seed: do the "
            "clusters stay? By default 1 where nothing is labeled, else 0.",
            WHAT,
            metavar="N",
        ),
    ] = None,
    budget: Annotated[
        str | None,
        _option(
            "A time for each data set, such as 15m: as many epochs, up to --epochs, as all seeds "
            "have room for; a seed that would not end in time is not begun, for no cell.",
            RECIPE,
            metavar="TIME",
        ),
    ] = None,
    epochs: Annotated[
        str | None, _option("Passes over the training images.", RECIPE, metavar="N")
    ] = None,
    lr: Annotated[str | None, _option("Adam's learning rate.", RECIPE, metavar="RATE")] = None,
    batch_size: Annotated[str | None, _option("Images a step.", RECIPE, metavar="N")] = None,
    device: Annotated[
        str | None, _option("auto (default), cpu, cuda or mps.", RECIPE, metavar="NAME")
    ] = None,
    threads: Annotated[
        str | None,
        _option(
            "Processor threads of a task; by default all, and with --engine dask its part of them. "
            "Last digits can depend on it.",
            RECIPE,
            metavar="N",
        ),
    ] = None,
    deterministic: Annotated[
        bool,
        _option(
            "Have a GPU give the same bits every time, which is slower; a CPU does so anyway.",
            RECIPE,
            "--deterministic",
        ),
    ] = False,
    precision: Annotated[
        str | None,
        _option(
            "float32 (default), or tf32: faster products of matrices on NVIDIA GPUs, rounded to "
            "10 bits.",
            RECIPE,
            metavar="NAME",
        ),
    ] = None,
    checkpoint: Annotated[
        str | None,
        _option(
            "Put a training away every so many seconds, to go on from there if it is killed; by "
            "default 60.",
            RECIPE,
            metavar="SECONDS",
        ),
    ] = None,
    engine: Annotated[
        str | None,
        _option(
            "local (default): one task after the other; dask: many at once on this machine; "
            "dask:tcp://HOST:8786: on the workers of a running Dask scheduler, which share the "
            "store's folder.",
            WHO,
            metavar="NAME",
        ),
    ] = None,
    workers: Annotated[
        str | None,
        _option(
            "Tasks at once, for --engine dask; by default as many as there are processors.",
            WHO,
            metavar="N",
        ),
    ] = None,
    out: Annotated[
        Path | None,
        _option(
            "Folder for results.md, results.csv and pictures; by default results.",
            WHERE,
            metavar="DIR",
        ),
    ] = None,
    store: Annotated[
        Path | None,
        _option(
            "Folder that keeps what was computed, so that a second run does only what is missing; "
            "by default $LATENTGRID_STORE, or .store. Any number of grids may share one.",
            WHERE,
            metavar="DIR",
        ),
    ] = None,
    force: Annotated[
        bool, _option("Do everything again, whether or not it is there.", HOW, "--force")
    ] = False,
    only_cached: Annotated[
        bool, _option("Compute nothing: report from what is there.", HOW, "--only-cached")
    ] = False,
    fail_fast: Annotated[
        bool, _option("Stop at the first cell that fails.", HOW, "--fail-fast")
    ] = False,
    dry_run: Annotated[
        bool,
        _option(
            "Print the cells, what is already there, and an estimate of time and disk.",
            INSTEAD,
            "--dry-run",
        ),
    ] = False,
    list_items: Annotated[
        bool,
        _option("Print every data set, model, reducer, clusterer and preset.", INSTEAD, "--list"),
    ] = False,
) -> int:
    """Cross autoencoders with reducer chains, and see which groups your images best.

    Each cell of the grid: train, encode, reduce, cluster, score. Results go to
    results/results.md: a table of reconstruction loss and accuracy with their spread over
    seeds, and pictures.
    """
    flags = {
        "preset": preset,
        "dataset": dataset,
        "limit": limit,
        "clusters": clusters,
        "models": models,
        "reducers": reducers,
        "clusterers": clusterers,
        "baselines": baselines,
        "seeds": seeds,
        "seed": seed,
        "vary": vary,
        "null": null,
        "resamples": resamples,
        "plugins": plugin,
        "budget": budget,
        "epochs": epochs,
        "lr": lr,
        "batch_size": batch_size,
        "device": device,
        "deterministic": deterministic or None,
        "precision": precision,
        "threads": threads,
        "checkpoint": checkpoint,
        "engine": engine,
        "workers": workers,
        "out": out,
        "store": store,
    }
    from bench.session import terminal

    if list_items:
        return terminal.list_items(plugin or [])

    try:
        from bench.execution.runner import Mode
        from bench.planning.settings import resolve
        from bench.session.several import Runs

        runs = Runs(resolve(flags, config), Mode(force, only_cached, fail_fast))
        if dry_run:
            return terminal.dry_run(runs)
    except Stopped as stop:
        return stopped(stop, "while loading; nothing was computed yet")
    try:
        return terminal.summarize(runs, runs.execute())
    except Stopped as stop:
        return stopped(
            stop,
            f"{runs.done()} of {len(runs.tasks())} tasks are in {runs.spec.store}; the same "
            "command goes on from there",
        )


def main(arguments: list[str] | None = None) -> None:
    """Run the command line; exit codes: 0 done, 1 cells failed, 2 misuse, 130 interrupted."""
    from bench.base.console import run_app

    run_app(app, arguments, "python -m bench.grid")


if __name__ == "__main__":
    main()
