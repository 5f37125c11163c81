"""Records: one flat row a run, with its status, every metric, times, seeds and versions.

``results.csv`` is the records and nothing else.
"""

from __future__ import annotations

import json
import platform
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from bench.analysis import before, failures, null_draws, record_columns
from bench.analysis.generalization import add_generalization
from bench.analysis.record_columns import BESIDE, FINGERPRINTS, TEXTS
from bench.analysis.results import (
    FORM_COLUMNS,
    GIVEN_COLUMNS,
    LINEAR_COLUMNS,
    PIPELINE,
    VERDICT_COLUMNS,
)
from bench.analysis.verdicts import add_verdicts
from bench.base import keys
from bench.base.errors import UsageError, reason
from bench.base.tables import read_csv
from bench.datasets.dataset import Dataset
from bench.execution.runner import Outcome
from bench.planning.pipeline import PlannedRun
from bench.planning.plan import Plan
from bench.stages import stages_of_runs
from bench.stages.metrics.clustering import (
    accuracy,
    assign,
    largest_share,
    public_half,
    random_accuracy,
)
from bench.stages.metrics.table import METRICS, evaluate
from bench.stages.stage import Task
from bench.stages.training.probe import find_model
from bench.stages.training.schedule import CONSTANT
from bench.store import Artifact, Store

LIBRARIES = (
    *("torch", "scikit-learn", "openTSNE", "umap-learn", "numpy", "scikit-image"),
    *("pacmap", "torchdr"),
)
SETTINGS = (
    *("preset", "limit", "budget", "epochs", "lr", "batch_size", "schedule"),
    *("vary", "subsample_images"),
    *("device", "deterministic", "precision", "threads"),
)

Done = list[tuple[Task, Artifact]]  # tasks that were finished


def collect(plan: Plan, dataset: Dataset, store: Store, outcome: Outcome) -> pd.DataFrame:
    """Return the records of a plan's runs, in the order of models, pipelines and seeds.

    ``status`` is ``ok``, ``failed`` (with stage, error and traceback file) or ``skipped`` (with
    the reason). A metric that does not apply, or of a run that did not get that far, is missing.
    """
    common = _common(plan, dataset)
    # Pipelines are planned in this order, one seed after the other.
    order = list(dict.fromkeys(run.pipeline for run in plan.runs))
    runs = sorted(plan.runs, key=lambda run: (order.index(run.pipeline), run.seed_index))
    rows = [
        {"dataset": dataset.name, "model": run.pipeline.model}
        | {"chain": str(run.pipeline.chain), "clusterer": str(run.pipeline.clusterer)}
        | {"seed_index": run.seed_index}
        | _given(run.pipeline.model, dataset)
        | failures.columns(run, outcome)
        | _results(run, store, outcome)
        | _public_and_private(run, dataset, store)
        | common
        for run in runs
    ]
    frame = add_generalization(pd.DataFrame(rows), store)
    return add_verdicts(frame, store, plan.spec.equivalence)


def notes(plan: Plan, store: Store) -> list[str]:
    """Return the notes of a plan's reducers on their fits, each once.

    Those on the null reference and on resamples are left out: that a method finds no structure in
    the former is as it should be.
    """
    tasks = {task.key: task for run in plan.runs for task in run.tasks if task.stage == "reduce"}
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
    """Read records back from results.csv, or raise UsageError if there are none.

    ``also`` are columns that are needed beside those that all tables are made from.
    """
    try:
        # A model may be called what pandas takes for a missing value or a truth value, and a hash
        # what it takes for a number.
        found = read_csv(path, keep_default_na=False, na_values=[""], dtype=TEXTS)
        records = before.records(found, path)
    except FileNotFoundError:
        raise UsageError(f"no results at {path}: python -m bench.grid makes them") from None
    except (OSError, ValueError) as error:
        raise UsageError(f"cannot read results {path}: {reason(error)}") from None
    needed = ["dataset", "preset", *PIPELINE, "seed_index", "status", "images", "accuracy", *also]
    missing = [name for name in dict.fromkeys(needed) if name not in records]
    if missing or records.empty:
        wrong = f"has no column {', '.join(missing)}" if missing else "has no rows"
        raise UsageError(f"{path} is not a results.csv of a grid: it {wrong}")
    # Metrics and stages that are newer than the file are missing in all of its runs; before there
    # was a schedule, the learning rate was constant.
    newer = {f"{metric.stage}_artifacts": "" for metric in METRICS.values()}
    columns = [*METRICS, *GIVEN_COLUMNS, *FORM_COLUMNS, *VERDICT_COLUMNS]
    unknown: dict[str, Any] = dict.fromkeys(columns, np.nan)
    newer |= unknown | {"schedule": CONSTANT}
    checked = record_columns.check(records, path)
    return checked.assign(**{n: value for n, value in newer.items() if n not in checked})


def _results(run: PlannedRun, store: Store, outcome: Outcome) -> dict[str, Any]:
    done = _done(run.tasks, store)
    values: dict[str, Any] = dict.fromkeys(
        [*METRICS, "code_size", "encode_batch_size", "clusters_found", "noise", "assignment"]
    )
    base = _base(run.tasks, done)
    for each in done:
        # What the base leaves is no result of the run's own model, also where that has failed.
        values |= {} if each in base else each[1].values
    values.pop("notes", None)
    if values["assignment"] is not None:
        values["assignment"] = json.dumps(values["assignment"])
    trained = {name: values.pop(name, None) for name in ("history", "objective_is_loss")}
    null, resampled = _done(run.null, store), _done(run.resamples, store)
    values |= evaluate("train", **trained)
    values |= _linear(run, store, outcome, values["reconstruction_loss"])
    values |= failures.beside("null", run.null, outcome)
    values |= _links("null", null) | _null(null if len(null) == len(run.null) else [])
    values |= failures.beside("resample", run.resamples, outcome)
    values |= _links("resample", resampled) | {"stability_artifacts": ""}
    if run.resamples and len(resampled) == len(run.resamples):
        last, found = resampled[-1]
        values |= found.values | {"stability_artifacts": last.key}
    return values | _costs(done, base)


def _null(done: Done) -> dict[str, Any]:
    """Return what a run's draws of the null reference found; one that is all one cluster, none."""
    measured = [found.values["silhouette"] for task, found in done if task.stage == "measure"]
    images = [int(task.settings["images"]) for task, _ in done if task.stage == "null"]
    found = [silhouette for silhouette in measured if silhouette is not None]
    return null_draws.columns(found, images[0] if images else None)


def _linear(run: PlannedRun, store: Store, outcome: Outcome, loss: float | None) -> dict[str, Any]:
    """Return the losses of the mean image and of PCA, and the model's compared with them."""
    done = _done(run.linear, store)
    found: dict[str, Any] = dict.fromkeys(LINEAR_COLUMNS)
    for _, artifact in done:
        found |= artifact.values
    found |= evaluate("encode", loss=loss, mean_image_loss=found["mean_image_loss"])
    return found | _links("linear", done) | failures.beside("linear", run.linear, outcome)


def _public_and_private(run: PlannedRun, dataset: Dataset, store: Store) -> dict[str, float]:
    """Return the accuracies of the public and the private half where each seed has its own images.

    An image is in the same half in every seed. The stage score, which sees the images of one seed
    only, would halve those.
    """
    if dataset.halves is None or dataset.labels is None:
        return {}
    done = {task.stage: artifact for task, artifact in _done(run.tasks, store)}
    if "score" not in done:
        return {}
    positions = dataset.of_seed(run.seed_index).positions
    public, labels = public_half(dataset.labels)[positions], dataset.labels[positions]
    clusters = done["cluster"].require("train")
    assignment = assign(clusters[public], labels[public])
    return {
        "public_accuracy": accuracy(clusters[public], labels[public], assignment),
        "private_accuracy": accuracy(clusters[~public], labels[~public], assignment),
    }


def _given(model: str, dataset: Dataset) -> dict[str, Any]:
    """Return what a model was given: the size of its images, and weights trained before."""
    item = find_model(model)
    base = getattr(item, "base", None)
    reader = find_model(base) if base else item
    size = getattr(reader, "image_size", None) or dataset.form.size
    return {
        "image_size": None if getattr(reader, "from_names", False) else size,
        "pretrained": getattr(item, "pretrained", None),
    }


def _done(tasks: tuple[Task, ...], store: Store) -> Done:
    return [(t, store.load(t.stage, t.key)) for t in tasks if (t.stage, t.key) in store]


def _links(name: str, done: Done) -> dict[str, str]:
    """Return keys and times in one text each, separated by spaces.

    So the time of work that runs share can be counted once.
    """
    return {
        f"{name}_artifacts": " ".join(task.key for task, _ in done),
        f"{name}_link_seconds": " ".join(f"{a.seconds:.4f}" for _, a in done),
        f"{name}_link_warm_up_seconds": " ".join(f"{a.warm_up_seconds:.4f}" for _, a in done),
    }


def _costs(done: Done, base: Done) -> dict[str, Any]:
    """Return artifacts, seconds and peak memory by stage; a chain's links are added up."""
    costs: dict[str, Any] = {}
    costs |= {"base_artifacts": " ".join(task.key for task, _ in base)}
    costs |= {"base_seconds": round(sum(artifact.seconds for _, artifact in base), 4)}
    for stage in stages_of_runs():
        of_stage = [each for each in done if each[0].stage == stage and each not in base]
        found = [artifact for _, artifact in of_stage]
        peaks = [a.peak_memory_mb for a in found if a.peak_memory_mb is not None]
        costs |= {
            f"{stage}_artifacts": " ".join(task.key for task, _ in of_stage),
            f"{stage}_seconds": round(sum(a.seconds for a in found), 4),
            f"{stage}_warm_up_seconds": round(sum(a.warm_up_seconds for a in found), 4),
            f"{stage}_peak_memory_mb": round(max(peaks), 1) if peaks else None,
        }
        if stage == "reduce":
            costs |= _links(stage, of_stage)
    return costs


def _base(tasks: tuple[Task, ...], done: Done) -> Done:
    """Return the tasks of the model that the run's model stands on, which come before its own."""
    of_models = [task.key for task in tasks if task.stage in ("train", "encode")]
    return [each for each in done if each[0].key in of_models[:-2]]


def _common(plan: Plan, dataset: Dataset) -> dict[str, Any]:
    labels = dataset.validation_labels if dataset.labels is None else dataset.labels
    known = None if labels is None else labels[labels >= 0]
    return (
        {
            "images": len(dataset),
            "images_per_seed": dataset.images_per_seed,
            "images_in_source": dataset.source_count,
            "validation_images": len(dataset.validation_images),
            "labeled": dataset.labels is not None,
            "labeled_images": dataset.labeled_images,
            "independent_images": dataset.independent,
            "grid_image_size": dataset.form.size,
            "fit": dataset.form.fit,
            "clusters": dataset.clusters,
            "primary_metric": dataset.primary_metric,
            "largest_class": None if known is None else largest_share(known),
            "random_accuracy": None if known is None else random_accuracy(known, dataset.clusters),
        }
        | {name: getattr(plan.spec, name) for name in SETTINGS}
        | {name: getattr(dataset, attribute) for name, attribute in FINGERPRINTS.items()}
        | {
            "base_seed": plan.spec.seed,
            "dataset_notes": " ".join(dataset.notes),
            "python": platform.python_version(),
            "platform": f"{platform.system()} {platform.machine()}",
            "processor": keys.processor(),
        }
        | {name: keys.installed(name) for name in LIBRARIES}
    )


def distinct_seconds(records: pd.DataFrame, stage: str) -> tuple[int, float, float]:
    """Return a stage's artifacts, seconds and seconds of warm-up.

    Each artifact counts once, however many runs share it.
    """
    clock: dict[str, tuple[float, float]] = {}
    part = f"{stage}_link" if stage in ("reduce", *BESIDE) else stage
    columns = (f"{stage}_artifacts", f"{part}_seconds", f"{part}_warm_up_seconds")
    found = records.reindex(columns=columns).astype(object).fillna("").astype(str)
    for row in found.itertuples(index=False):
        artifacts, seconds, warm_up = (text.split() for text in row)
        # Without an artifact there is a time of 0.
        for key, time, first in zip(artifacts, seconds, warm_up, strict=False):
            clock[key] = (float(time), float(first))
    times = clock.values()
    return len(times), sum(t for t, _ in times), sum(w for _, w in times)
