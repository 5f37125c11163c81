"""Which image is in which cluster, as CSV files."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pandas as pd

from bench.analysis.results import PIPELINE
from bench.base.files import write_text
from bench.base.naming import pipeline_file_name
from bench.base.tables import to_csv
from bench.datasets.dataset import Dataset
from bench.report.inputs import Inputs
from bench.stages.metrics.clustering import Integers, oriented
from bench.stages.metrics.majority import cluster_names
from bench.store import Store


def table(record: pd.Series, dataset: Dataset, store: Store) -> pd.DataFrame:
    """Return a record's assignments, a row an image of the data set that its seed is on.

    Returns
    -------
    DataFrame
        ``id`` and ``label`` for data in the homework's form: position in ``trainX.npy`` and
        the label that the image's cluster is assigned to (the cluster itself where no labels
        are known; empty where more clusters than labels leave it without one). Else ``image``
        (position, or file name), ``cluster`` and, where labels are known, ``cluster_name``, see
        `bench.stages.metrics.majority`, and ``true_label``, empty where it is not known.
    """
    clusters = store.load("cluster", record["cluster_artifacts"]).require("train")
    if dataset.id_label_form:
        return pd.DataFrame({"id": dataset.indices, "label": _guesses(record, dataset, clusters)})
    images = dataset.indices if dataset.files is None else dataset.files
    frame = pd.DataFrame({"image": images, "cluster": clusters})
    if dataset.labels is None:
        return frame
    names = cluster_names(clusters, dataset.labels, dataset.class_names)
    called = [names[cluster].name if cluster in names else "" for cluster in clusters.tolist()]
    classes = [*dataset.class_names, ""]  # the last is position -1: no label
    truth = [classes[label] for label in dataset.labels]
    return frame.assign(cluster_name=called, true_label=truth)


def _guesses(record: pd.Series, dataset: Dataset, clusters: Integers) -> Any:
    """Return the label that each image's cluster is assigned to; its cluster without labels."""
    assignment = dict(json.loads(record["assignment"]))
    if not assignment:
        return clusters
    names = [*dataset.class_names, ""]  # the last is position -1: no label
    return [names[i] for i in oriented(clusters, assignment)]


def write(inputs: Inputs) -> list[Path]:
    """Write the best pipeline's assignments; of unlabeled data those of every run as well."""
    results, out = inputs.results, inputs.out
    done, files = results.done, {}
    if results.best is not None:
        runs = results.rows(results.best.pipeline, done)
        best = runs[runs["seed_index"] == results.best.seed_index]
        files[out / "assignments.csv"] = best.iloc[0]
    if not results.labeled:
        for _, row in done.iterrows():
            name = f"{pipeline_file_name(*row[PIPELINE])}-seed{row['seed_index']}.csv"
            files[out / "assignments" / name] = row
    for path, row in files.items():
        path.parent.mkdir(exist_ok=True)
        dataset = inputs.dataset.of_seed(int(row["seed_index"]))
        write_text(path, to_csv(table(row, dataset, inputs.store)))
    return list(files)
