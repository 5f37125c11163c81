"""What the main command prints."""

from __future__ import annotations

import sys
from collections.abc import Iterable
from pathlib import Path

from bench.analysis import failures
from bench.analysis.choices import Choices
from bench.analysis.ranks import compare_ranks, rank
from bench.analysis.results import Results
from bench.base.errors import count, one_line
from bench.base.times import duration
from bench.planning.settings import AUTO
from bench.report import choices, headline, tables
from bench.report.columns import to_terminal
from bench.report.several import rank_table, verdict
from bench.session.grid import Finished, GridOnDataset, show
from bench.session.session import AllFinished, Session
from bench.stages import scan
from bench.stages.stage import Task


def dry_run(session: Session) -> int:
    """Print what a session would do, and what that would cost."""
    for grid in session.grids:
        _plan_of(grid)
    if len(session.grids) > 1:
        todo = {task.key: (grid, task) for grid in session.grids for task in grid.missing()}
        cost = _cost(todo.values(), len(session.tasks()), session.settings.store)
        print(f"{len(session.grids)} data sets: {cost}")
    return 0


def _cost(todo: Iterable[tuple[GridOnDataset, Task]], count: int, store: Path) -> str:
    """Estimate the time and disk that missing tasks take, of so many tasks."""
    todo = list(todo)
    seconds = sum(grid.seconds(task) / grid.engine.at_once for grid, task in todo)
    megabytes = sum(grid.megabytes(task) for grid, task in todo)
    return (
        f"{len(todo)} of {count} distinct tasks to do: about {duration(seconds)} and "
        f"{megabytes:,.0f} MB in {store}"
    )


def _images(grid: GridOnDataset) -> str:
    dataset = grid.dataset
    own = f" (each seed on {dataset.images_per_seed:,})" * (dataset.halves is not None)
    return f"{len(dataset):,} images{own}"


def _plan_of(grid: GridOnDataset) -> None:
    missing = {task.key for task in grid.missing()}
    clusters: int | str = grid.dataset.clusters
    if grid.settings.clusters == AUTO:
        clusters = f"{scan.LEAST} to {scan.MOST}"
    form = grid.dataset.form
    print(
        f"{len(grid.plan.runs)} runs on {grid.dataset.name}, {_images(grid)}, "
        f"{clusters} clusters, {grid.settings.device}, {count(grid.settings.threads, 'thread')}"
    )
    print(f"images of {form.size}×{form.size} pixels, fit {form.fit}")
    if grid.settings.budget is not None:
        print(
            f"{grid.settings.epochs} of {grid.asked.epochs} epochs, and up to "
            f"{grid.settings.seeds} seeds, within {grid.settings.budget}"
        )
    for run in grid.plan.runs:
        todo = [task.stage for task in run.tasks if task.key in missing]
        state = f"to do: {', '.join(dict.fromkeys(todo))}" if todo else "in the store"
        state = "skipped" if run.impossible else state
        name = f"{run.pipeline.model:<14} {run.pipeline.chain_name:<24}"
        print(f"  {name} seed {run.seed_index}  {state}")
    for note in [*grid.dataset.notes, *failures.impossible(grid.plan)]:
        print(f"note: {note}")
    costs = ((grid, task) for task in grid.missing())
    print(_cost(costs, len(grid.plan.tasks), grid.settings.store))
    if grid.settings.clusters == AUTO:
        print("These runs suggest a number of clusters. The grid with that number follows them.")


def summarize(session: Session, finished: AllFinished) -> int:
    """Print the tables of a session and what went wrong; return the exit code."""
    code, several = 0, len(session.grids) > 1
    for grid, each in zip(session.grids, finished.each, strict=True):
        heading = f"{one_line(grid.dataset.name)}, {_images(grid)}\n" * several
        results = Results(each.records)
        print(heading + to_terminal(tables.with_chance(tables.grid(results), results)))
        found = Choices.of(results, grid.store)
        for note in [*headline.notes(results), *choices.notes(results, found)]:
            print(one_line(note))
        code = max(code, summarize_rest(grid, each))
        print(end="\n" * several)
    if several:
        _summarize_ranks(finished)
    return code


def _summarize_ranks(finished: AllFinished) -> None:
    results = Results(finished.records)
    ranking = rank(results)
    if ranking.datasets:
        compared = compare_ranks(ranking)
        print("Ranks, 1 is best")
        print(to_terminal(rank_table(results, ranking, compared)))
        print(f"note: {verdict(ranking, compared)}")
    for name in ranking.unlabeled:
        print(f"note: {one_line(name)} has no labels, and therefore no ranks")
    _show_report(finished.written[0])


def _show_report(path: Path) -> None:
    print(f"open {show(path.with_name('index.html'))}")
    print(f"see {show(path)}")


def summarize_rest(grid: GridOnDataset, finished: Finished) -> int:
    """Print the notes of a grid, its files and what failed; return the exit code."""
    outcome = finished.outcome
    for note in [*grid.dataset.notes, *finished.notes, *failures.impossible(grid.plan)]:
        print(f"note: {one_line(note)}")
    print(
        f"{len(outcome.computed)} tasks done, {len(outcome.reused)} were in {grid.settings.store}"
    )
    if outcome.skipped:
        reason = next(iter(outcome.skipped.values()))
        print(f"{len(outcome.skipped)} tasks skipped: {reason}")
    _show_report(finished.written[0])
    lines = failures.in_terminal(finished.records, outcome)
    for line in lines:
        print(f"failed: {one_line(line)}", file=sys.stderr)
    return int(bool(lines))
