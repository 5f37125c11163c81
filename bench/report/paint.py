"""Paints pictures from tables and arrays; knows nothing of files, stores or records."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from bench.analysis.verdicts import BEST, STEP_DOWN, WORSE
from bench.base.naming import chain_name
from bench.report.colors import palette

MARKERS = "os^DvPX<>*"

Axes = Any


@dataclass(frozen=True)
class Embedding:
    """A pipeline's two-dimensional embedding at one seed."""

    pipeline: tuple[str, str, str]  # model, chain and clusterer
    points: NDArray[Any]  # (n, 2)
    groups: NDArray[np.int64]  # the label of each point, or its cluster where there are no labels
    names: tuple[str, ...]  # of the groups
    by: str  # "label", "label, validation images" or "cluster"
    subtitle: str  # its accuracy, where there is one

    @property
    def model(self) -> str:
        """The model."""
        return self.pipeline[0]

    @property
    def chain(self) -> str:
        """The chain, with the clusterer where that matters to the picture."""
        return chain_name(*self.pipeline[1:]) if self.by == "cluster" else self.pipeline[1]


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
    """Paint rows of images, (k, side, side, 3) uint8, each with a title at its left.

    Rows may have different sides: all images are drawn at one size.
    """
    columns = len(strips[0][1])
    figure, axes = _figure(
        len(strips), columns, figsize=(0.75 * columns + 1, 0.78 * len(strips)), squeeze=False
    )
    for line, (title, images) in zip(axes, strips, strict=True):
        for field, image in zip(line, images, strict=True):
            field.imshow(image, interpolation="nearest")
            field.set(xticks=[], yticks=[])
            field.spines[:].set_visible(False)
        line[0].set_ylabel(title, rotation=0, ha="right", va="center", labelpad=8)
    figure.subplots_adjust(wspace=0.06, hspace=0.06)
    return figure


def heat_map(table: pd.DataFrame, labels: NDArray[Any], title: str) -> Any:
    """Paint a table of models by chains, with a label in each field."""
    import seaborn as sns

    size = (1.35 * len(table.columns) + 2.2, 0.5 * len(table) + 1.4)
    figure, axes = _figure(figsize=size)
    sns.heatmap(
        table.astype(float),
        ax=axes,
        annot=labels,
        fmt="",
        cmap="cividis",
        linewidths=1,
        cbar_kws={"label": title},
    )
    for row, column in np.argwhere(table.isna().to_numpy()):  # seaborn leaves these empty
        axes.text(column + 0.5, row + 0.5, labels[row, column], ha="center", va="center")
    axes.set(xlabel="", ylabel="")
    axes.set_xticks(axes.get_xticks(), axes.get_xticklabels(), rotation=20, ha="right")
    axes.tick_params(axis="y", rotation=0)
    return figure


def intervals(table: pd.DataFrame, title: str, chance: float | None) -> Any:
    """Paint a mean with its 95% interval for each pipeline, the best at the top.

    Columns ``name``, ``mean``, ``low``, ``high`` and ``verdict``; limits may be missing.
    """
    figure, axes = _figure(figsize=(6.4, 0.24 * len(table) + 1.1))
    styles = {BEST: ("o", "#000000"), WORSE: ("s", "#d55e00"), STEP_DOWN: ("s", "#cc79a7")}
    shown: dict[str, Any] = {}
    heights = list(reversed(range(len(table))))
    for height, row in zip(heights, table.itertuples(), strict=True):
        marker, color = styles.get(str(row.verdict), ("D", "#0072b2"))
        axes.plot([row.low, row.high], [height, height], color=color, linewidth=1.4)
        (dot,) = axes.plot(row.mean, height, marker, color=color, markersize=4)
        if isinstance(row.verdict, str):
            shown[row.verdict] = dot
    axes.set_yticks(heights, table["name"].tolist())
    axes.set_ylim(-0.7, len(table) - 0.3)
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


def against_time(table: pd.DataFrame, title: str) -> Any:
    """Paint accuracy by seconds, a point a pipeline, and the Pareto front.

    Columns ``name``, ``mean``, ``seconds`` and ``front``.
    """
    from matplotlib.ticker import LogLocator, NullFormatter, ScalarFormatter

    figure, axes = _figure(figsize=(6.4, 4))
    rest, front = table[~table["front"]], table[table["front"]].sort_values("seconds")
    axes.plot(rest["seconds"], rest["mean"], "o", color="#999999", markersize=4, label="others")
    axes.step(front["seconds"], front["mean"], where="post", color="#0072b2", linewidth=1)
    axes.plot(
        front["seconds"], front["mean"], "D", color="#0072b2", markersize=5, label="Pareto front"
    )
    for number, row in enumerate(front.itertuples(), start=1):
        axes.annotate(
            str(number), (row.seconds, row.mean), xytext=(4, 5), textcoords="offset points"
        )
    axes.set_xscale("log")
    axes.xaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
    axes.xaxis.set_major_formatter(ScalarFormatter())
    axes.xaxis.set_minor_formatter(NullFormatter())  # else its labels run into each other
    axes.margins(y=0.1)  # room for the numbers
    axes.set_xlabel("seconds for one run, from images to clusters")
    axes.set_ylabel(title)
    axes.grid(alpha=0.3)
    axes.legend(loc="upper left", bbox_to_anchor=(1, 1), frameon=False)
    names = [f"{n}  {name}" for n, name in enumerate(front["name"], start=1)]
    axes.text(1.03, 0.8, "\n".join(names), transform=axes.transAxes, va="top", linespacing=1.5)
    return figure


def panel(embeddings: list[Embedding]) -> Any:
    """Paint all embeddings side by side: a row a chain, a column a model."""
    chains = list(dict.fromkeys(each.chain for each in embeddings))
    models = list(dict.fromkeys(each.model for each in embeddings))
    figure, axes = _figure(
        len(chains),
        len(models),
        squeeze=False,
        figsize=(2.3 * len(models) + 0.4, 2.45 * len(chains)),
    )
    for field in axes.flat:
        field.set_axis_off()
    leftmost = {each.chain: each for each in reversed(embeddings)}
    for each in embeddings:
        field = axes[chains.index(each.chain), models.index(each.model)]
        field.set_axis_on()
        _scatter(field, each, _size(len(each.points), 4000))
        field.set_title(f"{each.model}\n{each.subtitle}" if each.subtitle else each.model)
        if leftmost[each.chain] is each:
            field.set_ylabel(each.chain)
    figure.tight_layout()
    return figure


def one_embedding(each: Embedding) -> Any:
    """Paint one embedding, with a legend."""
    figure, axes = _figure(figsize=(5, 4.4))
    _scatter(axes, each, _size(len(each.points), 14000))
    axes.set_title(f"{each.model}, {each.chain}" + (f": {each.subtitle}" * bool(each.subtitle)))
    if len(each.names) <= 20:
        axes.legend(
            title=each.by.partition(",")[0],
            loc="center left",
            bbox_to_anchor=(1, 0.5),
            frameon=False,
            markerscale=1.4,
        )
    return figure


def losses(lines: pd.DataFrame) -> Any:
    """Paint loss by epoch, several lines a model, with axes of their own for each size of images.

    Columns ``model``, ``epoch``, ``loss`` and ``images``.
    """
    import seaborn as sns

    groups = list(lines.groupby("images", sort=False))
    figure, every = _figure(1, len(groups), figsize=(5 * len(groups), 3.2), squeeze=False)
    for axes, (images, some) in zip(every[0], groups, strict=True):
        _losses(axes, some)
        axes.set_title(f"images of {images}" * bool(images))
    sns.despine(figure)
    return figure


def _losses(axes: Axes, lines: pd.DataFrame) -> None:
    import seaborn as sns
    from matplotlib.ticker import MaxNLocator

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
        palette=[palette(number) for number in range(models)],
        errorbar=("pi", 100),
    )
    axes.set(xlabel="epoch", ylabel="summed batch MSE")
    axes.set(xlim=(0.5, lines["epoch"].max() + 0.5), ylim=(0, lines["loss"].max() * 1.08))
    axes.xaxis.set_major_locator(MaxNLocator(integer=True, min_n_ticks=1))
    axes.legend(title="", frameon=False)


def curve(table: pd.DataFrame, chosen: int) -> Any:
    """Paint kNN modularity by number of clusters: a row a number, a column a pipeline."""
    from matplotlib.ticker import MaxNLocator

    figure, axes = _figure(figsize=(5, 3.2))
    numbers = table.index.to_numpy()
    mean = table.mean(axis=1)
    axes.plot(numbers, table.to_numpy(), color="#bbbbbb", linewidth=0.8)
    if table.shape[1] > 1:
        error = table.std(axis=1, ddof=1) / table.shape[1] ** 0.5
        axes.fill_between(numbers, mean - error, mean + error, color="#000000", alpha=0.2, lw=0)
    axes.plot(numbers, mean, "o-", color="#000000", markersize=3, label="mean")
    axes.axvline(chosen, color="#0072b2", linestyle="--", linewidth=1)
    axes.plot(
        chosen, mean[chosen], "D", color="#0072b2", markersize=6, label=f"suggested: {chosen}"
    )
    axes.set(xlabel="clusters", ylabel="kNN modularity")
    axes.xaxis.set_major_locator(MaxNLocator(integer=True, min_n_ticks=1))
    axes.legend(frameon=False, loc="lower right")
    axes.grid(alpha=0.3)
    return figure


def _scatter(axes: Axes, each: Embedding, size: float) -> None:
    """Scatter points by group; color and marker together, for print and for the color-blind."""
    from matplotlib.patheffects import withStroke

    for group, name in enumerate(each.names):
        points = each.points[each.groups == group]
        if not len(points):
            continue
        marker = MARKERS[(group // 10 + group) % len(MARKERS)]
        axes.scatter(
            *points.T,
            s=size,
            color=palette(group),
            marker=marker,
            linewidths=0,
            alpha=0.75,
            label=name,
        )
        if len(each.names) <= 20:
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
