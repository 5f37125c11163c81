"""Records: one flat row a cell, with its status, every metric, times, seeds and versions.

``results.csv`` is the records and nothing else.
"""

from __future__ import annotations

import json
import platform
from collections import Counter
from pathlib import Path
from typing import Any

import pandas as pd

from bench.analysis import before
from bench.analysis.inference import add_verdicts
from bench.analysis.results import PIPELINE
from bench.base import keys
from bench.base.errors import UsageError
from bench.datasets.dataset import Dataset
from bench.execution.runner import Failure, Outcome
from bench.planning.pipeline import PlannedRun
from bench.planning.plan import Plan
from bench.stages import stages_of_runs
from bench.stages.metrics.clustering import largest_share
from bench.stages.metrics.table import METRICS, evaluate
from bench.stages.stage import Task
from bench.store import Artifact, Store

BESIDE = ("null", "resample")  # paths of tasks beside a cell's own

HASHES = dict.fromkeys(
    (
        *(f"{stage}_artifacts" for stage in (*stages_of_runs(), *BESIDE, "stability")),
        *(f"{what}_fingerprint" for what in ("dataset", "validation", "labels")),
    ),
    str,
) | {"agree_artifacts": str, "place_artifacts": str}  # of the release before
LIBRARIES = (
    *("torch", "scikit-learn", "openTSNE", "umap-learn", "numpy", "scikit-image"),
    *("pacmap", "torchdr"),
)


def collect(plan: Plan, dataset: Dataset, store: Store, outcome: Outcome) -> pd.DataFrame:
    """Make the records of a plan's cells.

    Returns
    -------
    DataFrame
        A row a cell, in the order of models, chains and seeds. ``status`` is ``ok``,
        ``failed`` (with stage, error and traceback file) or ``skipped`` (with the reason); a
        metric that does not apply, or of a cell that did not get that far, is missing.
    """
    common = _common(plan, dataset)
    models = plan.spec.models
    ways = list(dict.fromkeys(run.pipeline.way for run in plan.runs))
    cells = sorted(
        plan.runs,
        key=lambda run: (
            models.index(run.pipeline.model),
            ways.index(run.pipeline.way),
            run.seed_index,
        ),
    )
    records = pd.DataFrame(
        _identity(cell, dataset) | _status(cell, outcome) | _results(cell, store, outcome) | common
        for cell in cells
    )
    return add_verdicts(records, store)


def notes(plan: Plan, store: Store) -> list[str]:
    """Return what the reducers of a plan's cells say of their fits, each once.

    What they say of data without clusters or of fewer images is left out: a method that finds
    nothing to hold on to in the former is as it should be.
    """
    tasks = {task.key: task for cell in plan.runs for task in cell.tasks if task.stage == "reduce"}
    fits: dict[tuple[str, str], list[str]] = {}
    for task in tasks.values():
        if (task.stage, task.key) in store:
            for note in store.load(task.stage, task.key).values.get("notes", []):
                fits.setdefault((task.settings["link"], note), []).append(task.key)
    total = Counter(task.settings["link"] for task in tasks.values())
    return [
        f"{link}: {note}; {len(keys)} of {total[link]} fits" for (link, note), keys in fits.items()
    ]


def read(path: Path, also: tuple[str, ...] = ()) -> pd.DataFrame:
    """Read records back from results.csv.

    Parameters
    ----------
    path : Path
    also : tuple of str
        Columns that are needed beside those that any table is made from.

    Raises
    ------
    UsageError
        If it is missing, or no file of records.
    """
    try:
        # A model may be called what pandas takes for a missing value, and a hash what it takes
        # for a number.
        found = pd.read_csv(path, keep_default_na=False, na_values=[""], dtype=HASHES)
        records = before.records(found, path)
    except FileNotFoundError:
        raise UsageError(f"no results at {path}: python -m bench.grid makes them") from None
    except (OSError, ValueError) as error:
        raise UsageError(f"cannot read results {path}: {error}") from None
    needed = ["dataset", "preset", *PIPELINE, "seed_index", "status", "images", *METRICS]
    needed += [f"{metric.stage}_artifacts" for metric in METRICS.values()]
    needed += also
    missing = [name for name in dict.fromkeys(needed) if name not in records]
    if missing or records.empty:
        wrong = f"has no column {', '.join(missing)}" if missing else "has no rows"
        raise UsageError(f"{path} is no results.csv of a grid: it {wrong}")
    for name in METRICS:
        records[name] = pd.to_numeric(records[name], errors="coerce")
    return records


def _identity(cell: PlannedRun, dataset: Dataset) -> dict[str, Any]:
    return {
        "dataset": dataset.name,
        "model": cell.pipeline.model,
        "chain": str(cell.pipeline.chain),
        "clusterer": str(cell.pipeline.clusterer),
        "seed_index": cell.seed_index,
    }


def _status(cell: PlannedRun, outcome: Outcome) -> dict[str, Any]:
    status: dict[str, Any] = dict.fromkeys(
        ("status", "failed_stage", "error", "traceback", "skip_reason")
    )
    last = cell.tasks[-1].key if cell.tasks else None
    skipped = cell.impossible or outcome.skipped.get(str(last))
    failure = outcome.failures.get(str(last))
    if failure is not None:
        return status | {
            "status": "failed",
            "failed_stage": failure.stage,
            "error": failure.error,
            "traceback": str(failure.traceback),
        }
    if skipped:
        return status | {"status": "skipped", "skip_reason": skipped}
    return status | {"status": "ok"}


def _results(cell: PlannedRun, store: Store, outcome: Outcome) -> dict[str, Any]:
    done = {
        task.key: store.load(task.stage, task.key)
        for task in cell.tasks
        if (task.stage, task.key) in store
    }
    values: dict[str, Any] = dict.fromkeys(
        [*METRICS, "code_size", "encode_batch_size", "clusters_found", "noise"]
    )
    for artifact in done.values():
        values |= artifact.values
    history = values.pop("history", [])
    is_loss = values.pop("objective_is_loss", False)
    assignment = values.pop("assignment", None)
    values.pop("notes", None)
    return (
        values
        | {
            "assignment": None if assignment is None else json.dumps(assignment),
        }
        | evaluate("train", history=history, objective_is_loss=is_loss)
        | _null(cell, store, outcome)
        | _resampled(cell, store, outcome)
        | _costs(cell, done)
    )


def _null(cell: PlannedRun, store: Store, outcome: Outcome) -> dict[str, Any]:
    """Return what the chain made of data without clusters, and what that cost."""
    last, columns = _beside("null", cell.null, store, outcome)
    return columns | {"null_silhouette": None if last is None else last.values["silhouette"]}


def _resampled(cell: PlannedRun, store: Store, outcome: Outcome) -> dict[str, Any]:
    """Return how far clusters agree with those of fewer images, and what that cost."""
    last, columns = _beside("resample", cell.resamples, store, outcome)
    return columns | {
        "stability": None if last is None else last.values["stability"],
        "stability_artifacts": "" if last is None else cell.resamples[-1].key,
    }


def _beside(
    name: str, tasks: tuple[Task, ...], store: Store, outcome: Outcome
) -> tuple[Artifact | None, dict[str, Any]]:
    """Return the last artifact of a path beside a cell, if it was finished, and its columns."""
    done = [
        (task.key, store.load(task.stage, task.key))
        for task in tasks
        if (task.stage, task.key) in store
    ]
    failures = [outcome.failures[task.key] for task in tasks if task.key in outcome.failures]
    return done[-1][1] if tasks and len(done) == len(tasks) else None, {
        f"{name}_error": _told(failures[0]) if failures else None,
        f"{name}_artifacts": " ".join(key for key, _ in done),
        f"{name}_link_seconds": " ".join(f"{a.seconds:.4f}" for _, a in done),
        f"{name}_link_warm_up_seconds": " ".join(f"{a.warm_up_seconds:.4f}" for _, a in done),
    }


def _told(failure: Failure) -> str:
    return f"{failure.stage}: {failure.error} (see {failure.traceback})"


def _costs(cell: PlannedRun, done: dict[str, Artifact]) -> dict[str, Any]:
    """Return artifacts, seconds and peak memory by stage.

    A chain's links are added up; their own keys and seconds stand in one text each, separated by
    spaces, so that work that cells share can be counted once.
    """
    costs: dict[str, Any] = {}
    for stage in stages_of_runs():
        tasks = [task for task in cell.tasks if task.stage == stage and task.key in done]
        found = [done[task.key] for task in tasks]
        peaks = [a.peak_memory_mb for a in found if a.peak_memory_mb is not None]
        costs |= {
            f"{stage}_artifacts": " ".join(task.key for task in tasks),
            f"{stage}_seconds": round(sum(a.seconds for a in found), 4),
            f"{stage}_warm_up_seconds": round(sum(a.warm_up_seconds for a in found), 4),
            f"{stage}_peak_memory_mb": round(max(peaks), 1) if peaks else None,
        }
        if stage == "reduce":
            costs |= {
                "reduce_link_seconds": " ".join(f"{a.seconds:.4f}" for a in found),
                "reduce_link_warm_up_seconds": " ".join(f"{a.warm_up_seconds:.4f}" for a in found),
            }
    return costs


def _common(plan: Plan, dataset: Dataset) -> dict[str, Any]:
    spec = plan.spec
    return {
        "images": len(dataset),
        "images_in_source": dataset.source_count,
        "validation_images": len(dataset.validation_images),
        "labeled": dataset.labels is not None,
        "independent_images": dataset.independent,
        "clusters": dataset.clusters,
        "primary_metric": dataset.primary_metric,
        "largest_class": _largest_class(dataset),
        "preset": spec.preset,
        "limit": spec.limit,
        "budget": spec.budget,
        "epochs": spec.epochs,
        "lr": spec.lr,
        "batch_size": spec.batch_size,
        "base_seed": spec.seed,
        "vary": spec.vary,
        "device": spec.device,
        "deterministic": spec.deterministic,
        "precision": spec.precision,
        "threads": spec.threads,
        "dataset_fingerprint": dataset.fingerprint,
        "validation_fingerprint": dataset.validation_fingerprint,
        "labels_fingerprint": dataset.labels_fingerprint,
        "dataset_notes": " ".join(dataset.notes),
        "python": platform.python_version(),
        "platform": f"{platform.system()} {platform.machine()}",
        "processor": keys.processor(),
    } | {name: keys.installed(name) for name in LIBRARIES}


def _largest_class(dataset: Dataset) -> float | None:
    """Return the accuracy of always naming the largest class."""
    labels = dataset.validation_labels if dataset.labels is None else dataset.labels
    return None if labels is None else largest_share(labels)


def distinct_seconds(records: pd.DataFrame, stage: str) -> tuple[int, float, float]:
    """Add up a stage's time, counting each artifact once however many cells share it.

    Parameters
    ----------
    records : DataFrame
        As `collect` makes them, or as read from results.csv.
    stage : str

    Returns
    -------
    count : int
        Artifacts.
    seconds, warm_up_seconds : float
    """
    clock: dict[str, tuple[float, float]] = {}
    part = f"{stage}_link" if stage in ("reduce", *BESIDE) else stage
    columns = (f"{stage}_artifacts", f"{part}_seconds", f"{part}_warm_up_seconds")
    for row in records[list(columns)].astype(object).fillna("").astype(str).itertuples(index=False):
        artifacts, seconds, warm_up = (text.split() for text in row)
        # Without an artifact there is a time of 0.
        for key, time, first in zip(artifacts, seconds, warm_up, strict=False):
            clock[key] = (float(time), float(first))
    times = list(clock.values())
    return len(times), sum(t for t, _ in times), sum(w for _, w in times)
