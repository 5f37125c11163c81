"""Pictures of a grid, drawn from records and artifacts."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any
from urllib.parse import quote

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from PIL import Image

from bench.analysis.results import PIPELINE, VERDICT_COLUMNS
from bench.analysis.suggest import choose, leading
from bench.base.files import write_whole
from bench.base.naming import pipeline_file_name, pipeline_name
from bench.datasets.dataset import PRIMARY_METRICS, Dataset
from bench.planning.places import FIGURES
from bench.report import fresh, paint
from bench.report.inputs import Inputs
from bench.report.tables import chance, heat_map
from bench.stages.metrics.table import METRICS

DPI = 150
FOLDER = FIGURES
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
    folder = inputs.out / FOLDER
    folder.mkdir(parents=True, exist_ok=True)
    return [each for kind, draw in KINDS.items() for each in draw(inputs, folder / f"{kind}.png")]


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


def _reconstructions(inputs: Inputs, path: Path) -> Iterator[Figure]:
    records = inputs.results.records
    rows = records[records["reconstruction_loss"].notna()].drop_duplicates("model")
    if rows.empty:
        return
    seed = int(rows["seed_index"].mode()[0])
    if inputs.results.subsampled:  # other seeds have other images
        rows = rows[rows["seed_index"] == seed]
    title = METRICS["reconstruction_loss"].title

    def draw() -> Any:
        indices = np.empty(0, np.int64)
        strips: list[tuple[str, NDArray[Any]]] = []
        for _, row in rows.iterrows():
            artifact = inputs.store.load("encode", row["encode_artifacts"])
            pictured = artifact.require("pictured")
            shown = np.linspace(0, len(pictured) - 1, min(SAMPLES, len(pictured))).astype(np.int64)
            indices = pictured[shown]
            images = inputs.results.size_in_words(row["model"])
            name = f"{row['model']}{', ' * bool(images)}{images}"
            name += f"\n{title} {row['reconstruction_loss']:.4f}"
            strips.append((name, artifact.require("reconstructions")[shown]))
        originals = inputs.dataset.of_seed(seed).images[indices]
        return paint.reconstructions([("original", originals), *strips])

    columns = ["model", "encode_artifacts", "reconstruction_loss", "dataset_fingerprint"]
    _draw(path, draw, rows.reindex(columns=[*columns, "image_size"]))
    yield Figure(path, "reconstructions")


def _heat_map(inputs: Inputs, path: Path) -> Iterator[Figure]:
    results = inputs.results
    if not results.has_scores:
        return
    scores, texts = heat_map(results)
    title = METRICS[results.metric].title + " accuracy" * (results.metric == "validation_accuracy")
    path = path.with_stem(results.metric)
    rows = pd.concat([scores.reset_index(), texts.reset_index()], axis=1)
    _draw(path, partial(paint.heat_map, scores, texts.to_numpy(), title), rows)
    yield Figure(path, "scores")


def _intervals(inputs: Inputs, path: Path) -> Iterator[Figure]:
    results = inputs.results
    table = results.compared
    if table.empty:
        return
    title = METRICS[results.metric].title
    largest = chance(results)
    drawn = table.drop(columns=["seconds", "front"])
    _draw(path, partial(paint.intervals, drawn, title, largest), drawn.assign(chance=largest))
    yield Figure(path, "intervals")


def _against_time(inputs: Inputs, path: Path) -> Iterator[Figure]:
    results = inputs.results
    table = results.compared
    if table.empty:
        return
    title = METRICS[results.metric].title
    drawn = table[["name", "mean", "seconds", "front"]]
    _draw(path, partial(paint.against_time, drawn, title), drawn)
    yield Figure(path, "time")


def _embeddings(inputs: Inputs, path: Path) -> Iterator[Figure]:
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
        return
    every = [found for found, _ in shown]
    _draw(path, partial(paint.panel, every), pd.concat([row for _, row in shown]), dataset)
    by = " or ".join(dict.fromkeys(found.by for found in every))
    yield Figure(path, "embeddings", by)
    for found, row in shown:
        single = path.with_stem(f"embedding-{pipeline_file_name(*found.pipeline)}")
        _draw(single, partial(paint.one_embedding, found), row, dataset)
        yield Figure(single, "embedding", found.by, pipeline_name(*found.pipeline))


def _embedding(inputs: Inputs, record: pd.Series) -> paint.Embedding | None:
    """Read a record's embedding; None where it does not have two dimensions."""
    results, store = inputs.results, inputs.store
    dataset = inputs.dataset.of_seed(int(record["seed_index"]))
    embedding = store.load("reduce", record["reduce_artifacts"].split()[-1])
    points = embedding.require("train")
    if points.shape[1] != 2:
        return None
    held_out = embedding.array("validation")
    by, names = "label", dataset.class_names
    if dataset.labels is not None:
        groups = dataset.labels
        if (groups < 0).any():
            groups, names = np.where(groups < 0, len(names), groups), (*names, "no label")
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
    if results.labeled and pd.notna(record[results.metric]):
        subtitle = f"{METRICS[results.metric].title} {record[results.metric]:.3f}"
    if dataset.labels is None and dataset.validation_labels is not None:
        subtitle += f"\nby {by}"
    return paint.Embedding(tuple(record[PIPELINE]), points, groups, names, by, subtitle)


def _losses(inputs: Inputs, path: Path) -> Iterator[Figure]:
    results, store = inputs.results, inputs.store
    if results.trained.empty:
        return
    made_from = results.trained.reindex(columns=["model", "train_artifacts", "image_size"])
    _draw(path, lambda: paint.losses(results.losses(store)), made_from)
    yield Figure(path, "loss")


def _curve(inputs: Inputs, path: Path) -> Iterator[Figure]:
    curve = inputs.curve
    if curve is None:
        return
    _draw(path, lambda: paint.curve(leading(curve), choose(curve)), curve)
    yield Figure(path, "clusters")


# What draws each kind of picture, in the order of the report. A picture's file is named after its
# kind, but scores after their metric.
KINDS = {
    "reconstructions": _reconstructions,
    "scores": _heat_map,
    "intervals": _intervals,
    "time": _against_time,
    "embeddings": _embeddings,
    "loss": _losses,
    "clusters": _curve,
}
# The files of all pictures, also under their names of the release before.
FILES = tuple(
    f"{FOLDER}/{name}.png"
    for name in (
        *(*KINDS, *PRIMARY_METRICS, "embedding-*"),
        *("kNN modularity", "planes", "plane-*"),
    )
)
