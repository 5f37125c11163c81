"""Pictures of a grid, drawn from records and artifacts."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from PIL import Image

from bench.analysis.results import PIPELINE, Results
from bench.analysis.suggest import choose, leading
from bench.base import keys
from bench.base.files import write_whole
from bench.base.naming import chain_name, pipeline_file_name, pipeline_name
from bench.datasets.dataset import Dataset
from bench.report import paint
from bench.report.tables import missing
from bench.stages.metrics.table import METRICS
from bench.store import Store

DPI = 150
FOLDER = "figures"
SAMPLES = 10  # images shown beside their reconstructions

Painter = Callable[[], Any]


@dataclass(frozen=True)
class Figure:
    """A picture that was written.

    Attributes
    ----------
    path : Path
    title : str
        What it shows, in a few words.
    caption : str
        How to read it.
    detail : bool
        True: one of many; the report links it instead of showing it.
    """

    path: Path
    title: str
    caption: str
    detail: bool = False


def draw_all(
    records: pd.DataFrame,
    dataset: Dataset,
    store: Store,
    out: Path,
    curve: pd.DataFrame | None = None,
) -> list[Figure]:
    """Draw every picture that the records allow; those that are there and current stay.

    Parameters
    ----------
    records : DataFrame
    dataset : Dataset
        Gives images and labels.
    store : Store
        Gives codes, reconstructions and histories.
    out : Path
        Pictures go to its folder ``figures``.
    curve : DataFrame or None
        What the number of clusters was suggested by, if it was.
    """
    folder = out / FOLDER
    folder.mkdir(parents=True, exist_ok=True)
    figures = [
        _reconstructions(records, dataset, store, folder),
        _heat_map(records, folder),
        _intervals(records, folder),
        _against_time(records, folder),
        *_planes(records, dataset, store, folder),
        _losses(records, store, folder),
        _curve(curve, folder),
    ]
    return [figure for figure in figures if figure is not None]


def _draw(path: Path, shows: dict[str, Any], painter: Painter) -> None:
    """Paint a picture unless the file there was painted from the same things."""
    key = keys.key(
        shows | {"source": keys.source(paint), "versions": keys.versions("matplotlib", "seaborn")}
    )
    if _painted_from(path) == key:
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


def _painted_from(path: Path) -> str | None:
    try:
        with Image.open(path) as image:
            return image.info.get("Comment")
    except OSError:
        return None


def _reconstructions(
    records: pd.DataFrame, dataset: Dataset, store: Store, folder: Path
) -> Figure | None:
    rows = records[records["reconstruction_loss"].notna()].drop_duplicates("model")
    if rows.empty:
        return None
    path = folder / "reconstructions.png"
    shows = {"encode": rows["encode_artifacts"].tolist(), "data": dataset.fingerprint}

    def draw() -> Any:
        indices = np.empty(0, np.int64)
        strips: list[tuple[str, NDArray[Any]]] = []
        for _, row in rows.iterrows():
            artifact = store.load("encode", row["encode_artifacts"])
            pictured = artifact.require("pictured")
            shown = np.linspace(0, len(pictured) - 1, min(SAMPLES, len(pictured))).astype(np.int64)
            indices = pictured[shown]
            title = f"{row['model']}\nloss {row['reconstruction_loss']:.4f}"
            strips.append((title, artifact.require("reconstructions")[shown]))
        return paint.reconstructions([("original", dataset.images[indices]), *strips])

    _draw(path, shows, draw)
    return Figure(
        path,
        "Images and their reconstructions",
        "Evenly spaced training images, and what each model makes of them with the first seed. "
        "The loss is the mean squared error a pixel value over all training images.",
    )


def _heat_map(records: pd.DataFrame, folder: Path) -> Figure | None:
    results = Results(records)
    metric = results.shown
    if not results.has_scores:
        return None
    written = _written(results.summary)
    cells = results.summary.assign(chain=written).set_index(["model", "chain"])
    models, chains = dict.fromkeys(records["model"]), dict.fromkeys(_written(records))
    table = cells[metric].unstack("chain").reindex(index=list(models), columns=list(chains))
    texts = {key: _heat_text(row, metric) for key, row in cells.iterrows()}
    labels = [[texts[model, chain] for chain in chains] for model in models]
    path = folder / ("knn_modularity.png" if metric == "knn_modularity" else "accuracy.png")
    title = METRICS[metric].title + " accuracy" * (metric == "validation_accuracy")
    shows = {
        "table": [[f"{value:.6f}" for value in row] for row in table.to_numpy()],
        "labels": labels,
        "axes": [list(table.index), list(table.columns), title],
    }
    _draw(path, shows, partial(paint.heat_map, table, labels, title))
    seeds = records["seed_index"].nunique()
    return Figure(
        path,
        f"{_capital(title)} by model and chain",
        f"Mean over {seeds} seed{'s' if seeds > 1 else ''}; darker is lower. A star: some of its "
        "seeds failed or were skipped. A dash: it has none.",
    )


def _written(table: pd.DataFrame) -> list[str]:
    """Return chains with their clusterers behind them."""
    return [chain_name(*row) for row in table[["chain", "clusterer"]].itertuples(index=False)]


def _compared(records: pd.DataFrame) -> pd.DataFrame:
    table = Results(records).compared
    if table.empty:
        return table
    names = [pipeline_name(*row) for row in table[PIPELINE].itertuples(index=False)]
    table.insert(0, "name", names)
    return table.drop(columns=PIPELINE)


def _capital(text: str) -> str:
    return text[:1].upper() + text[1:]


def _judge(records: pd.DataFrame) -> str:
    return "accuracy" if Results(records).labeled else "kNN modularity"


def _intervals(records: pd.DataFrame, folder: Path) -> Figure | None:
    cells = _compared(records)
    if cells.empty:
        return None
    largest = records["largest_class"].iloc[0]
    chance = None if pd.isna(largest) or not Results(records).labeled else float(largest)
    path = folder / "intervals.png"
    table = cells.drop(columns=["seconds", "front"])
    shows = {"cells": table.round(6).map(str).to_numpy().tolist(), "chance": str(chance)}
    _draw(
        path,
        shows,
        partial(paint.intervals, table, _judge(records), chance),
    )
    return Figure(
        path,
        f"{_capital(_judge(records))} with its 95% interval",
        "Mean over seeds; the interval joins the doubt of seeds and of images. Whether a cell is "
        "worse than the best is decided by the same seeds and images, so that intervals may "
        "overlap and the difference still be told.",
    )


def _against_time(records: pd.DataFrame, folder: Path) -> Figure | None:
    cells = _compared(records)
    if cells.empty:
        return None
    table = cells[["name", "mean", "seconds", "front"]]
    path = folder / "time.png"
    _draw(
        path,
        {"cells": table.round(6).map(str).to_numpy().tolist()},
        partial(paint.against_time, table, _judge(records)),
    )
    return Figure(
        path,
        f"{_capital(_judge(records))} against time",
        f"A point a cell: mean {_judge(records)}, and the mean time of a seed from images to "
        "clusters, as if nothing were shared with other cells. No cell is ahead of one on the "
        "front in both.",
    )


def _heat_text(row: pd.Series, metric: str) -> str:
    if pd.isna(row[metric]):
        return missing(row)
    return f"{row[metric]:.3f}" + "*" * bool(row["failed"] + row["skipped"])


def _planes(records: pd.DataFrame, dataset: Dataset, store: Store, folder: Path) -> list[Figure]:
    results = Results(records)
    shown = results.shown if results.labeled else None
    planes: list[paint.Plane] = []
    shows: list[dict[str, Any]] = []
    seen: set[tuple[str, str]] = set()
    for pipeline, cell in Results(results.done).by_pipeline().items():
        index = results.median_seed(pipeline)
        record = cell[cell["seed_index"] == index].iloc[0]
        model, chain, _ = pipeline
        embedding = (model, chain)
        plane = _plane(record, dataset, store, shown)
        if plane is not None and plane.by != "cluster" and embedding in seen:
            continue  # colored by label, another clusterer's plane is the same
        if plane is not None:
            seen.add(embedding)
            planes.append(plane)
            artifacts = [record["reduce_artifacts"], record["cluster_artifacts"]]
            shows.append(
                {
                    "cell": [*pipeline, index],
                    "artifacts": artifacts,
                    "title": plane.subtitle,
                    "by": [plane.by, *plane.names],
                    "labels": dataset.labels_fingerprint,
                }
            )
    if not planes:
        return []
    panel = folder / "planes.png"
    _draw(panel, {"planes": shows}, partial(paint.panel, planes))
    by = " or ".join(dict.fromkeys(plane.by for plane in planes))
    which = "median" if results.has_scores else "first"
    caption = f"Colored by {by}, each cell at its {which} seed. Axes have no unit."
    if records["clusterer"].nunique() > 1:
        caption += " Colored by label, an embedding is shown once, with its first clusterer."
    figures = [Figure(panel, "All two-dimensional cells", caption)]
    for plane, what in zip(planes, shows, strict=True):
        path = folder / f"plane-{plane.file_name}.png"
        _draw(path, {"plane": what}, partial(paint.one_plane, plane))
        title = f"{plane.model}, {plane.chain}"
        figures.append(Figure(path, title, f"Seed {plane.seed_index}, by {plane.by}.", True))
    return figures


def _plane(
    record: pd.Series, dataset: Dataset, store: Store, metric: str | None
) -> paint.Plane | None:
    """Read a record's plane; None where its last link leaves another number of dimensions."""
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
    if metric is not None and pd.notna(record[metric]):
        subtitle = f"{METRICS[metric].title} {record[metric]:.3f}"
    if dataset.labels is None and dataset.validation_labels is not None:
        subtitle += f"\nby {by}"
    return paint.Plane(
        record["model"],
        chain_name(record["chain"], record["clusterer"]),
        pipeline_file_name(*record[PIPELINE]),
        int(record["seed_index"]),
        points,
        groups,
        names,
        by,
        subtitle,
    )


def _losses(records: pd.DataFrame, store: Store, folder: Path) -> Figure | None:
    results = Results(records)
    of_interest = results.trained
    if of_interest.empty:
        return None
    path = folder / "loss.png"
    _draw(
        path,
        {"train": of_interest["train_artifacts"].tolist()},
        lambda: paint.losses(results.losses(store)),
    )
    return Figure(
        path,
        "Loss by epoch",
        "Sum over the epoch's batches of each batch's mean squared error, in training; line: "
        "mean over seeds, band: lowest to highest seed. Models trained on something "
        "else have no line.",
    )


def _curve(curve: pd.DataFrame | None, folder: Path) -> Figure | None:
    if curve is None:
        return None
    path = folder / "clusters.png"
    cells = leading(curve)
    names = [", ".join(map(str, cell)) for cell in cells.columns.to_flat_index()]
    shows = {"curves": cells.round(6).to_numpy().tolist(), "names": names, "chosen": choose(curve)}
    _draw(path, shows, partial(paint.curve, cells, choose(curve)))
    return Figure(
        path,
        "KNN modularity by number of clusters",
        "A gray line a cell, of the better half; black: their mean, and one standard error about "
        "it. The number that is suggested is marked.",
    )
