"""Pictures of a grid, drawn from records and artifacts."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any
from urllib.parse import quote

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from PIL import Image

from bench.analysis.results import PIPELINE, VERDICT_COLUMNS, Results
from bench.analysis.suggest import choose, leading
from bench.base.files import write_whole
from bench.base.naming import pipeline_file_name, pipeline_name
from bench.datasets.dataset import Dataset
from bench.report import fresh, paint
from bench.report.inputs import Inputs
from bench.report.tables import chance, heat_map
from bench.stages.metrics.table import METRICS
from bench.store import Store

DPI = 150
FOLDER = "figures"
SAMPLES = 10  # images shown beside their reconstructions

Painter = Callable[[], Any]


@dataclass(frozen=True)
class Figure:
    """A picture that was written; ``prose/pictures.md`` has the captions by kind."""

    path: Path
    kind: str
    by: str = ""  # what an embedding is colored by
    pipeline: str = ""  # of one of many: the report links it instead of showing it

    @property
    def link(self) -> str:
        """Its address in results.md."""
        return f"{FOLDER}/{quote(self.path.name)}"


def draw_all(inputs: Inputs) -> list[Figure]:
    """Draw every picture that the records allow; those that are current stay."""
    results, folder = inputs.results, inputs.out / FOLDER
    folder.mkdir(parents=True, exist_ok=True)
    figures = [
        _reconstructions(inputs, folder),
        _heat_map(results, folder),
        _intervals(results, folder),
        _against_time(results, folder),
        *_embeddings(inputs, folder),
        _losses(results, inputs.store, folder),
        _curve(inputs.curve, folder),
    ]
    return [figure for figure in figures if figure is not None]


def _draw(path: Path, painter: Painter, rows: pd.DataFrame, dataset: Dataset | None = None) -> None:
    """Paint a picture of some rows unless the file there is current."""
    key = fresh.key(rows, dataset)
    if _made_from(path) == key:
        return
    import seaborn as sns

    with sns.axes_style("ticks"), sns.plotting_context("paper"):
        figure = painter()
        write_whole(
            path,
            lambda draft: figure.savefig(
                draft, dpi=DPI, bbox_inches="tight", metadata={"Comment": key}
            ),
        )


def _made_from(path: Path) -> str | None:
    """Return the key that a picture was drawn from; None if it is none."""
    try:
        with Image.open(path) as image:
            return image.info.get("Comment")
    except OSError:
        return None


def _reconstructions(inputs: Inputs, folder: Path) -> Figure | None:
    records = inputs.results.records
    rows = records[records["reconstruction_loss"].notna()].drop_duplicates("model")
    if rows.empty:
        return None
    title = METRICS["reconstruction_loss"].title

    def draw() -> Any:
        indices = np.empty(0, np.int64)
        strips: list[tuple[str, NDArray[Any]]] = []
        for _, row in rows.iterrows():
            artifact = inputs.store.load("encode", row["encode_artifacts"])
            pictured = artifact.require("pictured")
            shown = np.linspace(0, len(pictured) - 1, min(SAMPLES, len(pictured))).astype(np.int64)
            indices = pictured[shown]
            name = f"{row['model']}\n{title} {row['reconstruction_loss']:.4f}"
            strips.append((name, artifact.require("reconstructions")[shown]))
        return paint.reconstructions([("original", inputs.dataset.images[indices]), *strips])

    path = folder / "reconstructions.png"
    columns = ["model", "encode_artifacts", "reconstruction_loss", "dataset_fingerprint"]
    _draw(path, draw, rows[columns])
    return Figure(path, "reconstructions")


def _heat_map(results: Results, folder: Path) -> Figure | None:
    if not results.has_scores:
        return None
    scores, texts = heat_map(results)
    title = METRICS[results.shown].title + " accuracy" * (results.shown == "validation_accuracy")
    path = folder / f"{results.shown}.png"
    rows = pd.concat([scores.reset_index(), texts.reset_index()], axis=1)
    _draw(path, partial(paint.heat_map, scores, texts.to_numpy(), title), rows)
    return Figure(path, "scores")


def _intervals(results: Results, folder: Path) -> Figure | None:
    table = results.compared
    if table.empty:
        return None
    title = METRICS[results.shown].title
    largest = chance(results)
    path = folder / "intervals.png"
    drawn = table.drop(columns=["seconds", "front"])
    _draw(path, partial(paint.intervals, drawn, title, largest), drawn.assign(chance=largest))
    return Figure(path, "intervals")


def _against_time(results: Results, folder: Path) -> Figure | None:
    table = results.compared
    if table.empty:
        return None
    title = METRICS[results.shown].title
    path = folder / "time.png"
    drawn = table[["name", "mean", "seconds", "front"]]
    _draw(path, partial(paint.against_time, drawn, title), drawn)
    return Figure(path, "time")


def _embeddings(inputs: Inputs, folder: Path) -> list[Figure]:
    results, dataset = inputs.results, inputs.dataset
    shown: list[tuple[paint.Embedding, pd.DataFrame]] = []
    seen: set[tuple[str, str]] = set()
    columns = [name for name in results.records if name not in VERDICT_COLUMNS]
    for pipeline in results.by_pipeline():
        runs = results.rows(pipeline, results.done)
        if runs.empty:
            continue
        row = runs[runs["seed_index"] == results.median_seed(pipeline)]
        found = _embedding(inputs, row.iloc[0])
        # Colored by label, the embedding of another clusterer is the same.
        if found is None or (found.by != "cluster" and pipeline[:2] in seen):
            continue
        seen.add(pipeline[:2])
        shown.append((found, row[columns]))
    if not shown:
        return []
    panel = folder / "embeddings.png"
    every = [found for found, _ in shown]
    _draw(panel, partial(paint.panel, every), pd.concat([row for _, row in shown]), dataset)
    by = " or ".join(dict.fromkeys(found.by for found in every))
    figures = [Figure(panel, "embeddings", by)]
    for found, row in shown:
        path = folder / f"embedding-{pipeline_file_name(*found.pipeline)}.png"
        _draw(path, partial(paint.one_embedding, found), row, dataset)
        figures.append(Figure(path, "embedding", found.by, pipeline_name(*found.pipeline)))
    return figures


def _embedding(inputs: Inputs, record: pd.Series) -> paint.Embedding | None:
    """Read a record's embedding; None where it does not have two dimensions."""
    results, dataset, store = inputs.results, inputs.dataset, inputs.store
    embedding = store.load("reduce", record["reduce_artifacts"].split()[-1])
    points = embedding.require("train")
    if points.shape[1] != 2:
        return None
    held_out = embedding.array("validation")
    by, names = "label", dataset.class_names
    if dataset.labels is not None:
        groups = dataset.labels
    elif dataset.validation_labels is not None and held_out is not None:
        points, groups, by = held_out, dataset.validation_labels, "label, validation images"
    else:
        groups = store.load("cluster", record["cluster_artifacts"]).require("train")
        # A clusterer may find another number, and leave images in none.
        count = max(dataset.clusters, int(groups.max()) + 1)
        by, names = "cluster", tuple(str(i) for i in range(count))
        if (groups < 0).any():
            groups, names = np.where(groups < 0, count, groups), (*names, "none")
    subtitle = ""
    if results.labeled and pd.notna(record[results.shown]):
        subtitle = f"{METRICS[results.shown].title} {record[results.shown]:.3f}"
    if dataset.labels is None and dataset.validation_labels is not None:
        subtitle += f"\nby {by}"
    return paint.Embedding(tuple(record[PIPELINE]), points, groups, names, by, subtitle)


def _losses(results: Results, store: Store, folder: Path) -> Figure | None:
    if results.trained.empty:
        return None
    path = folder / "loss.png"
    made_from = results.trained[["model", "train_artifacts"]]
    _draw(path, lambda: paint.losses(results.losses(store)), made_from)
    return Figure(path, "loss")


def _curve(curve: pd.DataFrame | None, folder: Path) -> Figure | None:
    if curve is None:
        return None
    path = folder / "clusters.png"
    _draw(path, lambda: paint.curve(leading(curve), choose(curve)), curve)
    return Figure(path, "clusters")
