"""Paints lines: loss by epoch, and scores by number of clusters."""

from __future__ import annotations

from typing import Any

import pandas as pd

from bench.report.colors import BLUE, GRAY, INK, mark
from bench.report.paint.canvas import WIDTH, Axes, canvas, legend, legend_beside, log_axis, short

DASHES: tuple[Any, ...] = ("-", "--", ":", (0, (1, 2, 4, 2)), "-.")
BESIDE = 2  # panels in a row, at most


def losses(lines: pd.DataFrame, marks: pd.DataFrame) -> Any:
    """Paint loss by epoch on a logarithmic axis, with axes of their own for each size of images.

    Parameters
    ----------
    lines : DataFrame
        A row an epoch and model: ``images``, ``model``, ``epoch``, ``mean``, ``low``, ``high``.
    marks : DataFrame
        ``images``, ``name`` and ``loss`` of what losses are compared with, the mean image first.
    """
    groups = list(lines.groupby("images", sort=False))
    columns = min(BESIDE, len(groups))
    rows = -(-len(groups) // columns)
    models = list(dict.fromkeys(lines["model"]))
    beside = 1 + len(models) // 14
    figure = canvas(WIDTH if columns > 1 else 7.0, 3.6 * rows)
    every = list(figure.subplots(rows, columns, squeeze=False).flat)
    for axes, (images, some) in zip(every, groups, strict=False):
        _losses(axes, some, models, marks[marks["images"] == images])
        axes.set_title(f"images of {images}" * bool(images))
    for axes in every[len(groups) :]:
        axes.set_visible(False)
    found = {
        label: handle
        for axes in every[: len(groups)]
        for handle, label in zip(*axes.get_legend_handles_labels(), strict=True)
    }
    # Models first, then what they are compared with.
    order = sorted(found, key=lambda label: label in set(marks["name"]))
    handles = [found[label] for label in order]
    if columns > 1:
        legend(figure, handles, order, 4)
    else:
        legend_beside(figure, handles, order, beside)
    return figure


def _losses(axes: Axes, lines: pd.DataFrame, models: list[str], marks: pd.DataFrame) -> None:
    from matplotlib.ticker import MaxNLocator

    few = lines["epoch"].max() <= 30
    for number, model in enumerate(models):
        some, look = lines[lines["model"] == model], mark(number)
        if some.empty:
            continue
        axes.fill_between(
            some["epoch"], some["low"], some["high"], color=look.color, alpha=0.2, linewidth=0
        )
        axes.plot(
            some["epoch"],
            some["mean"],
            color=look.color,
            linestyle=DASHES[number % len(DASHES)],
            linewidth=1.4,
            marker=look.marker.matplotlib if few else None,
            markersize=4,
            label=short(model, 34),
        )
    for number, row in enumerate(marks.itertuples()):
        color, dash = (INK, "--") if number == 0 else (GRAY, ":")
        axes.axhline(row.loss, color=color, linestyle=dash, linewidth=1.2, label=row.name)
    axes.set_yscale("log")
    log_axis(axes.yaxis)
    axes.set(xlabel="epoch", ylabel="MSE per pixel value", xlim=(0.5, lines["epoch"].max() + 0.5))
    axes.xaxis.set_major_locator(MaxNLocator(integer=True, min_n_ticks=1))
    axes.grid(axis="y")


def curve(table: pd.DataFrame, chosen: int) -> Any:
    """Paint kNN modularity by number of clusters: a row a number, a column a pipeline."""
    from matplotlib.ticker import MaxNLocator

    figure = canvas(6.4, 3.6)
    axes = figure.subplots()
    numbers = table.index.to_numpy()
    mean = table.mean(axis=1)
    gray, *_ = axes.plot(numbers, table.to_numpy(), color="#b9bec6", linewidth=0.8)
    if table.shape[1] > 1:
        error = table.std(axis=1, ddof=1) / table.shape[1] ** 0.5
        axes.fill_between(numbers, mean - error, mean + error, color=INK, alpha=0.2, lw=0)
    (line,) = axes.plot(numbers, mean, "o-", color=INK, markersize=3)
    axes.axvline(chosen, color=BLUE, linestyle="--", linewidth=1)
    (dot,) = axes.plot(chosen, mean[chosen], "D", color=BLUE, markersize=6)
    axes.set(xlabel="clusters", ylabel="kNN modularity")
    axes.xaxis.set_major_locator(MaxNLocator(integer=True, min_n_ticks=1))
    axes.grid()
    labels = ["a pipeline", "mean ± standard error", f"suggested: {chosen}"]
    legend(figure, [gray, line, dot], labels, 3)
    return figure
