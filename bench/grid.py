"""The main job: ``python -m bench.grid``."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from bench.console import Stopped, stopped
from bench.errors import UsageError, one_line

if TYPE_CHECKING:
    from bench.run import Finished, Run
    from bench.several import AllFinished, Runs

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
            "Autoencoders, separated by commas: pixels,dnn,cnn,untrained.", WHAT, metavar="LIST"
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
            "Python file that registers models, reducers or data sets; it is run, so name only "
            "files you trust. May be repeated.",
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
            "clusters stay? By default 1 where nothing is labelled, else 0.",
            WHAT,
            metavar="N",
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
            "Processor threads; by default all. Last digits can depend on it.", RECIPE, metavar="N"
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
        bool, _option("Print every data set, model, reducer and preset.", INSTEAD, "--list")
    ] = False,
) -> int:
    """Cross autoencoders with reducer chains, and see which groups your images best.

    Each cell of the grid: train, encode, reduce, cluster by k-means, score. Results go to
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
        "baselines": baselines,
        "seeds": seeds,
        "seed": seed,
        "vary": vary,
        "null": null,
        "resamples": resamples,
        "plugins": plugin,
        "epochs": epochs,
        "lr": lr,
        "batch_size": batch_size,
        "device": device,
        "deterministic": deterministic or None,
        "precision": precision,
        "threads": threads,
        "checkpoint": checkpoint,
        "out": out,
        "store": store,
    }
    if list_items:
        return _list(plugin or [])

    try:
        from bench.runner import Mode
        from bench.several import Runs
        from bench.spec import resolve

        runs = Runs(resolve(flags, config), Mode(force, only_cached, fail_fast))
        if dry_run:
            return _dry_run(runs)
    except Stopped as stop:
        return stopped(stop, "while loading; nothing was computed yet")
    try:
        return _summarise(runs, runs.execute())
    except Stopped as stop:
        return stopped(
            stop,
            f"{runs.done()} of {len(runs.tasks())} tasks are in {runs.spec.store}; the same "
            "command goes on from there",
        )


def _list(plugins: list[Path]) -> int:
    from bench.datasets import datasets
    from bench.plugins import load_plugins
    from bench.presets import PRESETS
    from models import autoencoders
    from reducers import reducers
    from registry import PluginError

    try:
        load_plugins(plugins)
    except PluginError as error:
        raise UsageError(str(error)) from None
    groups = [
        ("Data sets", [(entry.name, entry.summary) for entry in datasets]),
        ("Models", [(entry.name, entry.summary) for entry in autoencoders]),
        ("Reducers", [(entry.name, entry.summary) for entry in reducers]),
        ("Presets", [(name, preset.summary) for name, preset in PRESETS.items()]),
    ]
    for title, items in groups:
        print(title)
        for name, summary in items:
            print(f"  {name:<14} {summary}")
    print("Each model that trains is there untrained as well; untrained stands for all of those.")
    print("A grid has pixels, its models untrained and the chain none, unless --no-baselines.")
    return 0


def _dry_run(runs: Runs) -> int:
    from bench.console import duration

    todo = {task.key: (run, task) for run in runs.runs for task in run.missing()}
    for run in runs.runs:
        _plan_of(run)
    if runs.several:
        seconds = sum(run.seconds(task) for run, task in todo.values())
        megabytes = sum(run.megabytes(task) for run, task in todo.values())
        print(
            f"{len(runs.runs)} data sets: {len(todo)} of {len(runs.tasks())} distinct tasks to "
            f"do: about {duration(seconds)} and {megabytes:,.0f} MB in {runs.spec.store}"
        )
    return 0


def _plan_of(run: Run) -> None:
    from bench import controls
    from bench.console import duration
    from bench.spec import AUTO

    missing = {task.key for task in run.missing()}
    clusters: int | str = run.dataset.clusters
    if run.spec.clusters == AUTO:
        clusters = f"{controls.LEAST} to {controls.MOST}"
    print(
        f"{len(run.plan.cells)} cells on {run.dataset.name}, {len(run.dataset):,} images, "
        f"{clusters} clusters, {run.spec.device}, {run.spec.threads} threads"
    )
    for cell in run.plan.cells:
        todo = [task.stage for task in cell.tasks if task.key in missing]
        state = "there" if not todo else f"to do: {', '.join(dict.fromkeys(todo))}"
        if cell.impossible:
            state = "skipped"
        print(f"  {cell.model:<14} {cell.chain!s:<24} seed {cell.index}  {state}")
    for note in [*run.dataset.notes, *impossible_notes(run)]:
        print(f"note: {note}")
    tasks = [task for task in run.plan.tasks.values() if task.key in missing]
    seconds = sum(run.seconds(task) for task in tasks)
    megabytes = sum(run.megabytes(task) for task in tasks)
    print(
        f"{len(tasks)} of {len(run.plan.tasks)} distinct tasks to do: about "
        f"{duration(seconds)} and {megabytes:,.0f} MB in {run.spec.store}"
    )
    if run.spec.clusters == AUTO:
        print("That is to suggest a number of clusters; the grid with that number comes after it.")


def _summarise(runs: Runs, finished: AllFinished) -> int:
    codes = []
    for run, each in zip(runs.runs, finished.each, strict=True):
        if runs.several:
            print(f"{one_line(run.dataset.name)}, {len(run.dataset):,} images")
        codes.append(_summarise_one(run, each))
        if runs.several:
            print()
    if runs.several:
        _summarise_ranks(finished)
    return max(codes)


def _summarise_ranks(finished: AllFinished) -> None:
    from tabulate import tabulate

    from bench.ranks import rank, stand
    from bench.report.several import rank_table, what_it_carries
    from bench.run import show

    ranking = rank(finished.records)
    if ranking.datasets:
        standing = stand(ranking)
        header, rows = rank_table(ranking, standing)
        print("Ranks, 1 is best")
        print(tabulate(rows, headers=header, tablefmt="simple", disable_numparse=True))
        print(f"note: {what_it_carries(ranking, standing)}")
    for name in ranking.unlabelled:
        print(f"note: {one_line(name)} has no labels, and so no ranks")
    print(f"see {show(finished.written[0])}")


def _summarise_one(run: Run, finished: Finished) -> int:
    from tabulate import tabulate

    from bench.report.tables import grid_table
    from bench.run import show

    header, rows = grid_table(finished.records)
    print(tabulate(rows, headers=header, tablefmt="simple", disable_numparse=True))
    outcome = finished.outcome
    for note in [*run.dataset.notes, *finished.notes, *impossible_notes(run)]:
        print(f"note: {one_line(note)}")
    print(f"{len(outcome.computed)} tasks done, {len(outcome.reused)} were in {run.spec.store}")
    if outcome.skipped:
        reason = next(iter(outcome.skipped.values()))
        print(f"{len(outcome.skipped)} tasks skipped: {reason}")
    print(f"see {show(finished.written[0])}")
    failed = finished.records[finished.records["status"] == "failed"]
    for error, cells in failed.groupby(["failed_stage", "error", "traceback"], sort=False):
        stage, message, file = (one_line(str(part)) for part in error)
        print(f"failed: {len(cells)} cells in {stage}: {message} (see {file})", file=sys.stderr)
    beside = 0
    for column, what in (("null_error", "null control"), ("resample_error", "resample")):
        messages = finished.records[column].dropna().tolist()
        # Each has a file of its own; of those that are alike one is enough.
        for message in {text.partition(" (see ")[0]: text for text in messages}.values():
            print(f"failed: {what} in {one_line(message)}", file=sys.stderr)
        beside += len(messages)
    return 1 if len(failed) or beside else 0


def impossible_notes(run: Run) -> list[str]:
    """Say which cells are skipped because their chain cannot work on their model's codes."""
    reasons = [cell.impossible for cell in run.plan.cells if cell.impossible]
    return [f"skipped: {reason}" for reason in dict.fromkeys(reasons)]


def main(arguments: list[str] | None = None) -> None:
    """Run the command line; exit codes: 0 done, 1 cells failed, 2 misuse, 130 interrupted."""
    from bench.console import run_app

    run_app(app, arguments, "python -m bench.grid")


if __name__ == "__main__":
    main()
