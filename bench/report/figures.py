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

from bench import keys
from bench.datasets.dataset import Dataset
from bench.metrics import METRICS
from bench.report.naming import cell_name
from bench.report.tables import leading_accuracy, leading_metric, median_seed
from bench.store import Store

DPI = 150
MARKERS = "os^DvPX<>*"
FOLDER = "figures"

Axes = Any
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


@dataclass(frozen=True)
class Plane:
    """A two-dimensional cell at its median seed.

    Attributes
    ----------
    model, chain : str
    seed_index : int
    points : ndarray, shape (n, 2)
    groups : ndarray, shape (n,), int64
        Label of each point, or cluster where there are no labels.
    names : tuple of str
        Of the groups.
    by : str
        ``label``, ``label, validation images`` or ``cluster``.
    subtitle : str
        Its accuracy, where there is one.
    """

    model: str
    chain: str
    seed_index: int
    points: NDArray[Any]
    groups: NDArray[np.int64]
    names: tuple[str, ...]
    by: str
    subtitle: str


def draw_all(records: pd.DataFrame, dataset: Dataset, store: Store, out: Path) -> list[Figure]:
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
    """
    folder = out / FOLDER
    folder.mkdir(parents=True, exist_ok=True)
    figures = [
        _reconstructions(records, dataset, store, folder),
        _heat_map(records, folder),
        *_planes(records, dataset, store, folder),
        _losses(records, store, folder),
    ]
    drawn = [figure for figure in figures if figure is not None]
    for stale in {*folder.glob("plane-*.png")} - {figure.path for figure in drawn}:
        stale.unlink()
    return drawn


def _draw(path: Path, shows: dict[str, Any], paint: Painter) -> None:
    """Paint a picture unless the file there was painted from the same things."""
    import matplotlib

    matplotlib.use("Agg", force=False)
    key = keys.key(shows | {"source": _source(), "versions": keys.versions("matplotlib", "seaborn")})
    if _painted_from(path) == key:
        return
    import matplotlib.pyplot as plt
    import seaborn as sns

    with sns.axes_style("ticks"), sns.plotting_context("paper"):
        figure = paint()
        figure.savefig(path, dpi=DPI, bbox_inches="tight", metadata={"Comment": key})
        plt.close(figure)


def _source() -> str:
    return keys.source(_paint_reconstructions, _paint_heat_map, _paint_panel, _paint_plane,
                       _paint_losses, _scatter, _palette)


def _painted_from(path: Path) -> str | None:
    try:
        with Image.open(path) as image:
            return image.info.get("Comment")
    except OSError:
        return None


def _done(records: pd.DataFrame) -> pd.DataFrame:
    return records[records["status"] == "ok"]


def _reconstructions(
    records: pd.DataFrame, dataset: Dataset, store: Store, folder: Path
) -> Figure | None:
    rows = records[records["reconstruction_loss"].notna()].drop_duplicates("model")
    if rows.empty:
        return None
    path = folder / "reconstructions.png"
    shows = {"encode": rows["encode_artifacts"].tolist(), "data": dataset.fingerprint}

    def paint() -> Any:
        indices = np.empty(0, np.int64)
        strips: list[tuple[str, NDArray[Any]]] = []
        for _, row in rows.iterrows():
            artifact = store.load("encode", row["encode_artifacts"])
            indices = artifact.require("sample_indices")
            title = f"{row['model']}\nloss {row['reconstruction_loss']:.4f}"
            strips.append((title, artifact.require("sample_reconstructions")))
        return _paint_reconstructions([("original", dataset.images[indices]), *strips])

    _draw(path, shows, paint)
    return Figure(
        path,
        "Images and their reconstructions",
        "Evenly spaced training images, and what each model makes of them with the first seed. "
        "The loss is the mean squared error a pixel value over all training images.",
    )


def _paint_reconstructions(strips: list[tuple[str, NDArray[Any]]]) -> Any:
    import matplotlib.pyplot as plt

    columns = len(strips[0][1])
    figure, axes = plt.subplots(
        len(strips), columns, figsize=(0.75 * columns + 1, 0.78 * len(strips)), squeeze=False
    )
    for line, (title, images) in zip(axes, strips, strict=True):
        for cell, image in zip(line, images, strict=True):
            cell.imshow(image, interpolation="nearest")
            cell.set(xticks=[], yticks=[])
            cell.spines[:].set_visible(False)
        line[0].set_ylabel(title, rotation=0, ha="right", va="center", labelpad=8)
    figure.subplots_adjust(wspace=0.06, hspace=0.06)
    return figure


def _heat_map(records: pd.DataFrame, folder: Path) -> Figure | None:
    metric = leading_accuracy(records)
    if metric is None:
        return None
    table = records.pivot_table(
        index="model", columns="chain", values=metric, aggfunc="mean", sort=False, dropna=False
    ).reindex(
        index=list(dict.fromkeys(records["model"])), columns=list(dict.fromkeys(records["chain"]))
    )
    path = folder / "accuracy.png"
    title = METRICS[metric].title + ("" if metric == "accuracy" else " accuracy")
    shows = {
        "table": [[f"{value:.6f}" for value in row] for row in table.to_numpy()],
        "axes": [list(table.index), list(table.columns), title],
    }
    _draw(path, shows, partial(_paint_heat_map, table, title))
    seeds = records["seed_index"].nunique()
    return Figure(
        path,
        f"{title.capitalize()} by model and chain",
        f"Mean over {seeds} seed{'s' if seeds > 1 else ''}; darker is lower. "
        "Cells without a number failed or have no such accuracy.",
    )


def _paint_heat_map(table: pd.DataFrame, title: str) -> Any:
    import matplotlib.pyplot as plt
    import seaborn as sns

    size = (1.35 * len(table.columns) + 2.2, 0.5 * len(table) + 1.4)
    figure, axes = plt.subplots(figsize=size)
    sns.heatmap(
        table.astype(float),
        ax=axes,
        annot=True,
        fmt=".3f",
        cmap="cividis",
        linewidths=1,
        cbar_kws={"label": title},
    )
    axes.set(xlabel="", ylabel="")
    plt.setp(axes.get_xticklabels(), rotation=20, ha="right")
    plt.setp(axes.get_yticklabels(), rotation=0)
    return figure


def _planes(
    records: pd.DataFrame, dataset: Dataset, store: Store, folder: Path
) -> list[Figure]:
    metric, shown = leading_metric(records), leading_accuracy(records)
    planes: list[Plane] = []
    shows: list[dict[str, Any]] = []
    for (model, chain), cell in _done(records).groupby(["model", "chain"], sort=False):
        index = median_seed(cell, metric)
        record = cell[cell["seed_index"] == index].iloc[0]
        plane = _plane(record, dataset, store, shown)
        if plane is not None:
            planes.append(plane)
            artifacts = [record["reduce_artifacts"], record["cluster_artifacts"]]
            shows.append(
                {"cell": [model, chain, index], "artifacts": artifacts, "title": plane.subtitle,
                 "by": [plane.by, *plane.names], "labels": dataset.labels_fingerprint}
            )
    if not planes:
        return []
    panel = folder / "planes.png"
    _draw(panel, {"planes": shows}, partial(_paint_panel, planes))
    by = planes[0].by
    caption = f"Coloured by {by}, each cell at its median seed. Axes have no unit."
    figures = [Figure(panel, "All two-dimensional cells", caption)]
    for plane, what in zip(planes, shows, strict=True):
        path = folder / f"plane-{cell_name(plane.model, plane.chain)}.png"
        _draw(path, {"plane": what}, partial(_paint_plane, plane))
        title = f"{plane.model}, {plane.chain}"
        figures.append(Figure(path, title, f"Seed {plane.seed_index}, by {plane.by}.", True))
    return figures


def _plane(
    record: pd.Series, dataset: Dataset, store: Store, metric: str | None
) -> Plane | None:
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
        by, names = "cluster", tuple(str(i) for i in range(dataset.clusters))
    subtitle = ""
    if metric is not None and pd.notna(record[metric]):
        subtitle = f"{METRICS[metric].title} {record[metric]:.3f}"
    return Plane(
        record["model"], record["chain"], int(record["seed_index"]), points, groups, names, by,
        subtitle,
    )


def _palette(count: int) -> list[Any]:
    """Return colours that the colour-blind can tell apart, ten of them, then repeated."""
    import seaborn as sns

    colours = sns.color_palette("colorblind", 10)
    return [colours[i % 10] for i in range(count)]


def _scatter(axes: Axes, plane: Plane, size: float) -> None:
    """Scatter points by group; colour and marker together, for print and for the colour-blind."""
    from matplotlib.patheffects import withStroke

    colours = _palette(len(plane.names))
    for group, name in enumerate(plane.names):
        points = plane.points[plane.groups == group]
        if not len(points):
            continue
        marker = MARKERS[(group // 10 + group) % len(MARKERS)]
        axes.scatter(
            *points.T, s=size, color=colours[group], marker=marker, linewidths=0, alpha=0.75,
            label=name,
        )
        if len(plane.names) <= 20:
            axes.annotate(
                name, np.median(points, axis=0), ha="center", va="center", weight="bold",
                path_effects=[withStroke(linewidth=2.5, foreground="white")],
            )
    axes.set(xticks=[], yticks=[])
    axes.set_aspect("equal", adjustable="datalim")


def _paint_panel(planes: list[Plane]) -> Any:
    import matplotlib.pyplot as plt

    chains = list(dict.fromkeys(plane.chain for plane in planes))
    models = list(dict.fromkeys(plane.model for plane in planes))
    figure, axes = plt.subplots(
        len(chains), len(models), squeeze=False,
        figsize=(2.3 * len(models) + 0.4, 2.45 * len(chains)),
    )
    for cell in axes.flat:
        cell.set_axis_off()
    for plane in planes:
        row, column = chains.index(plane.chain), models.index(plane.model)
        cell = axes[row, column]
        cell.set_axis_on()
        _scatter(cell, plane, 260 / max(len(plane.points), 60) * 4)
        cell.set_title(f"{plane.model}\n{plane.subtitle}" if plane.subtitle else plane.model)
        if column == 0:
            cell.set_ylabel(plane.chain)
    figure.tight_layout()
    return figure


def _paint_plane(plane: Plane) -> Any:
    import matplotlib.pyplot as plt

    figure, axes = plt.subplots(figsize=(5, 4.4))
    _scatter(axes, plane, 9000 / max(len(plane.points), 300))
    axes.set_title(f"{plane.model}, {plane.chain}" + (f": {plane.subtitle}" * bool(plane.subtitle)))
    if len(plane.names) <= 20:
        axes.legend(
            title=plane.by.partition(",")[0], loc="center left", bbox_to_anchor=(1, 0.5),
            frameon=False, markerscale=1.4,
        )
    return figure


def _losses(records: pd.DataFrame, store: Store, folder: Path) -> Figure | None:
    trained = records[records["reported_loss"].notna()].drop_duplicates("train_artifacts")
    if trained.empty:
        return None
    path = folder / "loss.png"

    def paint() -> Any:
        lines = [
            {"model": row["model"], "epoch": epoch, "loss": loss}
            for _, row in trained.iterrows()
            for epoch, loss in enumerate(
                store.load("train", row["train_artifacts"]).values["history"], start=1
            )
        ]
        return _paint_losses(pd.DataFrame(lines))

    _draw(path, {"train": trained["train_artifacts"].tolist()}, paint)
    return Figure(
        path,
        "Loss by epoch",
        "Sum over the epoch's batches of each batch's mean squared error, in training; line: "
        "mean over seeds, band: lowest to highest seed.",
    )


def _paint_losses(lines: pd.DataFrame) -> Any:
    import matplotlib.pyplot as plt
    import seaborn as sns
    from matplotlib.ticker import MaxNLocator

    figure, axes = plt.subplots(figsize=(5, 3.2))
    models = lines["model"].nunique()
    sns.lineplot(
        lines, x="epoch", y="loss", hue="model", style="model", ax=axes, dashes=True,
        markers=list(MARKERS[:models]) if lines["epoch"].max() <= 30 and models <= 10 else False,
        palette=_palette(models), errorbar=("pi", 100),
    )
    axes.set(xlabel="epoch", ylabel="loss, reported scale")
    axes.set_ylim(bottom=0)
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    axes.legend(title="", frameon=False)
    sns.despine(figure)
    return figure
