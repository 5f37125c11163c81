"""Paints pictures from tables and arrays; knows nothing of files, stores or records."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

MARKERS = "os^DvPX<>*"

Axes = Any


@dataclass(frozen=True)
class Plane:
    """A two-dimensional cell at its median seed.

    Attributes
    ----------
    model, chain, file_name : str
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
    file_name: str
    seed_index: int
    points: NDArray[Any]
    groups: NDArray[np.int64]
    names: tuple[str, ...]
    by: str
    subtitle: str


def _figure(
    rows: int = 1, columns: int = 1, *, figsize: tuple[float, float], squeeze: bool = True
) -> tuple[Any, Any]:
    """Return a figure and its axes, apart from pyplot: a notebook's own pictures stay alone."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=figsize)
    FigureCanvasAgg(figure)
    return figure, figure.subplots(rows, columns, squeeze=squeeze)


def reconstructions(strips: list[tuple[str, NDArray[Any]]]) -> Any:
    """Paint rows of images, (k, 32, 32, 3) uint8, each with a title at its left."""
    columns = len(strips[0][1])
    figure, axes = _figure(
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


def heat_map(table: pd.DataFrame, labels: list[list[str]], title: str) -> Any:
    """Paint a table of models by chains, with a label in each cell."""
    import seaborn as sns

    size = (1.35 * len(table.columns) + 2.2, 0.5 * len(table) + 1.4)
    figure, axes = _figure(figsize=size)
    sns.heatmap(
        table.astype(float),
        ax=axes,
        annot=np.array(labels),
        fmt="",
        cmap="cividis",
        linewidths=1,
        cbar_kws={"label": title},
    )
    for row, column in np.argwhere(table.isna().to_numpy()):  # seaborn leaves these empty
        axes.text(column + 0.5, row + 0.5, labels[row][column], ha="center", va="center")
    axes.set(xlabel="", ylabel="")
    axes.set_xticks(axes.get_xticks(), axes.get_xticklabels(), rotation=20, ha="right")
    axes.tick_params(axis="y", rotation=0)
    return figure


def intervals(cells: pd.DataFrame, title: str, chance: float | None) -> Any:
    """Paint a mean with its 95% interval for each cell, the best at the top.

    Columns ``name``, ``mean``, ``low``, ``high`` and ``verdict``; limits may be missing.
    """
    figure, axes = _figure(figsize=(6.4, 0.24 * len(cells) + 1.1))
    styles = {"best": ("o", "#000000"), "significantly worse": ("s", "#d55e00")}
    shown: dict[str, Any] = {}
    for height, cell in enumerate(reversed(list(cells.itertuples()))):
        marker, color = styles.get(str(cell.verdict), ("D", "#0072b2"))
        axes.plot([cell.low, cell.high], [height, height], color=color, linewidth=1.4)
        (dot,) = axes.plot(cell.mean, height, marker, color=color, markersize=4)
        if isinstance(cell.verdict, str):
            shown[cell.verdict] = dot
    axes.set_yticks(range(len(cells)), list(reversed(cells["name"].tolist())))
    axes.set_ylim(-0.7, len(cells) - 0.3)
    axes.set_xlabel(title)
    if chance is not None:
        shown["always the largest class"] = axes.axvline(
            chance, color="#888888", linestyle="--", linewidth=1
        )
    axes.grid(axis="x", alpha=0.3)
    axes.legend(
        list(shown.values()), list(shown), loc="upper left", bbox_to_anchor=(1, 1), frameon=False
    )
    return figure


def against_time(cells: pd.DataFrame, title: str) -> Any:
    """Paint accuracy by seconds, a point a cell, and the front that no cell is ahead of in both.

    Columns ``name``, ``mean``, ``seconds`` and ``front``.
    """
    from matplotlib.ticker import LogLocator, NullFormatter, ScalarFormatter

    figure, axes = _figure(figsize=(6.4, 4))
    rest, front = cells[~cells["front"]], cells[cells["front"]].sort_values("seconds")
    axes.plot(rest["seconds"], rest["mean"], "o", color="#999999", markersize=4, label="others")
    axes.step(front["seconds"], front["mean"], where="post", color="#0072b2", linewidth=1)
    axes.plot(
        front["seconds"], front["mean"], "D", color="#0072b2", markersize=5, label="Pareto front"
    )
    for number, cell in enumerate(front.itertuples(), start=1):
        axes.annotate(
            str(number), (cell.seconds, cell.mean), xytext=(4, 5), textcoords="offset points"
        )
    axes.set_xscale("log")
    axes.xaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
    axes.xaxis.set_major_formatter(ScalarFormatter())
    axes.xaxis.set_minor_formatter(NullFormatter())  # else its labels run into each other
    axes.margins(y=0.1)  # room for the numbers
    axes.set_xlabel("seconds a seed, from images to clusters")
    axes.set_ylabel(title)
    axes.grid(alpha=0.3)
    axes.legend(loc="upper left", bbox_to_anchor=(1, 1), frameon=False)
    names = [f"{n}  {name}" for n, name in enumerate(front["name"], start=1)]
    axes.text(1.03, 0.8, "\n".join(names), transform=axes.transAxes, va="top", linespacing=1.5)
    return figure


def panel(planes: list[Plane]) -> Any:
    """Paint all planes side by side: a row a chain, a column a model."""
    chains = list(dict.fromkeys(plane.chain for plane in planes))
    models = list(dict.fromkeys(plane.model for plane in planes))
    figure, axes = _figure(
        len(chains),
        len(models),
        squeeze=False,
        figsize=(2.3 * len(models) + 0.4, 2.45 * len(chains)),
    )
    for cell in axes.flat:
        cell.set_axis_off()
    for plane in planes:
        row, column = chains.index(plane.chain), models.index(plane.model)
        cell = axes[row, column]
        cell.set_axis_on()
        _scatter(cell, plane, _size(len(plane.points), 4000))
        cell.set_title(f"{plane.model}\n{plane.subtitle}" if plane.subtitle else plane.model)
        if column == 0:
            cell.set_ylabel(plane.chain)
    figure.tight_layout()
    return figure


def one_plane(plane: Plane) -> Any:
    """Paint one plane, with a legend."""
    figure, axes = _figure(figsize=(5, 4.4))
    _scatter(axes, plane, _size(len(plane.points), 14000))
    axes.set_title(f"{plane.model}, {plane.chain}" + (f": {plane.subtitle}" * bool(plane.subtitle)))
    if len(plane.names) <= 20:
        axes.legend(
            title=plane.by.partition(",")[0],
            loc="center left",
            bbox_to_anchor=(1, 0.5),
            frameon=False,
            markerscale=1.4,
        )
    return figure


def losses(lines: pd.DataFrame) -> Any:
    """Paint loss by epoch; columns ``model``, ``epoch``, ``loss``, several lines a model."""
    import seaborn as sns
    from matplotlib.ticker import MaxNLocator

    figure, axes = _figure(figsize=(5, 3.2))
    models = lines["model"].nunique()
    sns.lineplot(
        lines,
        x="epoch",
        y="loss",
        hue="model",
        style="model",
        ax=axes,
        dashes=True,
        markers=list(MARKERS[:models]) if lines["epoch"].max() <= 30 and models <= 10 else False,
        palette=_palette(models),
        errorbar=("pi", 100),
    )
    axes.set(xlabel="epoch", ylabel="summed batch MSE")
    epochs = lines["epoch"].max()
    axes.set(
        xlim=(1 - 0.02 * epochs - 0.1, epochs * 1.02 + 0.1), ylim=(0, lines["loss"].max() * 1.08)
    )
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    axes.legend(title="", frameon=False)
    sns.despine(figure)
    return figure


def curve(cells: pd.DataFrame, chosen: int) -> Any:
    """Paint kNN modularity by number of clusters: a row a number, a column a cell."""
    from matplotlib.ticker import MaxNLocator

    figure, axes = _figure(figsize=(5, 3.2))
    numbers = cells.index.to_numpy()
    mean = cells.mean(axis=1)
    axes.plot(numbers, cells.to_numpy(), color="#bbbbbb", linewidth=0.8)
    if cells.shape[1] > 1:
        error = cells.std(axis=1, ddof=1) / cells.shape[1] ** 0.5
        axes.fill_between(numbers, mean - error, mean + error, color="#000000", alpha=0.2, lw=0)
    axes.plot(numbers, mean, "o-", color="#000000", markersize=3, label="mean")
    axes.axvline(chosen, color="#0072b2", linestyle="--", linewidth=1)
    axes.plot(
        chosen, mean[chosen], "D", color="#0072b2", markersize=6, label=f"suggested: {chosen}"
    )
    axes.set(xlabel="clusters", ylabel="knn_modularity")
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    axes.legend(frameon=False, loc="lower right")
    axes.grid(alpha=0.3)
    return figure


def _scatter(axes: Axes, plane: Plane, size: float) -> None:
    """Scatter points by group; color and marker together, for print and for the color-blind."""
    from matplotlib.patheffects import withStroke

    colors = _palette(len(plane.names))
    for group, name in enumerate(plane.names):
        points = plane.points[plane.groups == group]
        if not len(points):
            continue
        marker = MARKERS[(group // 10 + group) % len(MARKERS)]
        axes.scatter(
            *points.T,
            s=size,
            color=colors[group],
            marker=marker,
            linewidths=0,
            alpha=0.75,
            label=name,
        )
        if len(plane.names) <= 20:
            axes.annotate(
                name,
                np.median(points, axis=0),
                ha="center",
                va="center",
                weight="bold",
                path_effects=[withStroke(linewidth=2.5, foreground="white")],
            )
    axes.set(xticks=[], yticks=[])
    axes.set_aspect("equal", adjustable="datalim")


def _size(points: int, area: float) -> float:
    """Return the size of a marker such that points together cover about the same area."""
    return min(max(area / points, 2.0), 40.0)


def _palette(count: int) -> list[Any]:
    """Return colors that the color-blind can tell apart, ten of them, then repeated."""
    import seaborn as sns

    colors = sns.color_palette("colorblind", 10)
    return [colors[i % 10] for i in range(count)]
