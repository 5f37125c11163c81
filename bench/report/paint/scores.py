"""Paints scores: against the best, as a heat map, against time."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from bench.analysis.verdicts import BEST, GROUP, NOT_TESTED, STEP_DOWN, WORSE
from bench.report.colors import BLUE, GRAY, INK, ORANGE, QUIET, shade
from bench.report.paint.canvas import (
    FONT,
    SMALL,
    WIDTH,
    Axes,
    canvas,
    legend,
    log_axis,
    short,
    wrapped,
)

UNFINISHED = "not compared: seeds are missing"
# Marker, color, filled; in the order of the legend.
VERDICTS = {
    BEST: ("*", INK, True),
    GROUP: ("o", BLUE, True),
    WORSE: ("s", ORANGE, True),
    STEP_DOWN: ("s", ORANGE, False),
    NOT_TESTED: ("D", GRAY, True),
    UNFINISHED: ("D", GRAY, False),
}
THE_BEST = "the best pipeline"
BESIDE = 4  # panels in a row, at most


def by_chain(table: pd.DataFrame, label: str, lines: dict[str, float]) -> Any:
    """Paint a score of each pipeline: a panel a chain, a row a model, one axis for all.

    Parameters
    ----------
    table : DataFrame
        ``model``, ``chain``, ``value``, ``half`` of its interval, ``verdict``; ``text`` stands
        where there is no value. Chains and models are in the order of their first rows.
    label : str
        Of the values.
    lines : dict
        Where vertical lines stand, by what they mean.
    """
    chains, models = (list(dict.fromkeys(table[name])) for name in ("chain", "model"))
    columns = min(BESIDE, len(chains))
    rows = -(-len(chains) // columns)
    titles = [wrapped(chain, 96 // (columns + 1)) for chain in chains]
    lines_of_titles = max(title.count("\n") for title in titles) + 1
    height = rows * (0.21 * len(models) + 0.35 + 0.15 * lines_of_titles) + 0.75
    width = min(WIDTH, 2.6 + 2.6 * columns)
    figure = canvas(width, height)
    grid = figure.subplots(rows, columns, sharex=True, sharey=True, squeeze=False)
    every = list(grid.flat)
    for axes, chain, title in zip(every, chains, titles, strict=False):
        _panel(axes, table[table["chain"] == chain], models)
        axes.set_title(title)
        for meaning, place in lines.items():
            axes.axvline(place, zorder=1, **_line(meaning))
    for axes in every[len(chains) :]:
        axes.set_visible(False)
    for axes in every[max(0, len(chains) - columns) : len(chains)]:
        axes.tick_params(labelbottom=True)  # also where no panel stands below
    first = every[0]
    first.set_yticks(range(len(models)), [short(model, 30) for model in models])
    first.set_ylim(len(models) - 0.4, -0.6)
    figure.supxlabel(label, fontsize=FONT)
    found = set(table["verdict"][table["value"].notna()])
    styles = {name: look for name, look in VERDICTS.items() if name in found}
    _legend(figure, styles, list(lines))
    return figure


def _panel(axes: Axes, rows: pd.DataFrame, models: list[str]) -> None:
    axes.grid(axis="x")
    for row in rows.to_dict("records"):
        at, value, half = models.index(row["model"]), row["value"], row["half"]
        if pd.isna(value):
            place = axes.get_yaxis_transform()
            look = {"va": "center", "color": QUIET, "fontsize": SMALL}
            look["bbox"] = {"facecolor": "white", "edgecolor": "none", "pad": 1}
            axes.text(0.06, at, row["text"], transform=place, **look)
            continue
        marker, color, filled = VERDICTS[row["verdict"]]
        if pd.notna(half):
            axes.plot([value - half, value + half], [at, at], color=color, linewidth=1.5)
        axes.plot(value, at, **_look(marker, color, filled))


def _look(marker: str, color: str, filled: bool) -> dict[str, Any]:
    return {
        "marker": marker,
        "color": color,
        "markerfacecolor": color if filled else "white",
        "markersize": 8 if marker == "*" else 5,
        "linestyle": "none",
    }


def _line(meaning: str) -> dict[str, Any]:
    best = meaning == THE_BEST
    return {"color": INK if best else QUIET, "linestyle": "-" if best else "--", "linewidth": 0.9}


def _legend(figure: Any, styles: dict[str, tuple[str, str, bool]], lines: list[str]) -> None:
    from matplotlib.lines import Line2D

    handles = [Line2D([], [], **_look(*look)) for look in styles.values()]
    handles += [Line2D([], [], **_line(meaning)) for meaning in lines]
    legend(figure, handles, [*styles, *lines], 3, "upper")


def heat_map(scores: pd.DataFrame, texts: pd.DataFrame, spreads: pd.DataFrame) -> Any:
    """Paint a table of models by chains: its means, each with its spread beneath."""
    import seaborn as sns

    rows, columns = scores.shape
    width = 1.9 + 1.25 * columns
    scale = max(1.0, width / WIDTH)  # what is wide is shown smaller
    figure = canvas(width, 0.4 + scale * (0.46 * rows + 0.5))
    axes = figure.subplots()
    values = scores.to_numpy(float)
    low, high = (np.nanmin(values), np.nanmax(values)) if np.isfinite(values).any() else (0, 1)
    if high == low:  # the middle of the colors
        low, high = low - 1, high + 1
    sns.heatmap(
        values, ax=axes, vmin=low, vmax=high, cmap="cividis", cbar=False, linewidths=1.5,
        xticklabels=False, yticklabels=False,
    )  # fmt: skip
    for (row, column), value in np.ndenumerate(values):
        ink = QUIET if math.isnan(value) else shade((value - low) / (high - low))[1]
        text, spread = str(texts.iat[row, column]), str(spreads.iat[row, column])
        at = {"x": column + 0.5, "ha": "center", "va": "center", "color": ink}
        axes.text(y=row + (0.36 if spread else 0.5), s=text, fontsize=scale * (FONT + 2), **at)
        axes.text(y=row + 0.74, s=spread, fontsize=scale * SMALL, **at)
    axes.set(xlim=(0, columns), ylim=(rows, 0))
    models = [wrapped(name, 24) for name in scores.index]
    if scale > 1.1:
        chains, turn = [short(name, 36) for name in scores.columns], 35
    else:
        chains, turn = [wrapped(name, 18) for name in scores.columns], 0
    axes.set_xticks(
        np.arange(columns) + 0.5,
        chains,
        fontsize=scale * FONT,
        rotation=turn,
        ha="right" if turn else "center",
        rotation_mode="anchor" if turn else "default",
    )
    axes.set_yticks(np.arange(rows) + 0.5, models, fontsize=scale * FONT)
    axes.tick_params(length=0)
    axes.spines[:].set_visible(False)
    return figure


def against_time(table: pd.DataFrame, title: str) -> Any:
    """Paint a score by seconds, a numbered point a pipeline, the names beside it in their order.

    Columns ``name``, ``mean``, ``seconds`` and ``front``, best first; the Pareto front is drawn.
    """
    figure = canvas(WIDTH, max(3.6, 0.145 * len(table) + 0.9))
    axes, names = figure.subplots(1, 2, width_ratios=(5, 3.6))
    front = table[table["front"]].sort_values("seconds")
    axes.step(front["seconds"], front["mean"], where="post", color=BLUE, linewidth=1)
    looks = {True: ("D", BLUE, "on the Pareto front"), False: ("o", GRAY, "other pipelines")}
    for is_front, (marker, color, label) in looks.items():
        some = table[table["front"] == is_front]
        if len(some):
            axes.plot(
                *(some["seconds"], some["mean"], marker),
                **{"color": color, "markersize": 5, "linestyle": "none", "label": label},
            )
    axes.set_xscale("log")
    axes.margins(0.08)
    log_axis(axes.xaxis)
    axes.set_xlabel("seconds for one run, from images to clusters")
    axes.set_ylabel(title)
    axes.grid()
    handles, labels = axes.get_legend_handles_labels()
    legend(figure, handles, labels, 2)
    names.set_axis_off()
    names.set(xlim=(0, 1), ylim=(max(len(table), 16), 0))
    for number, row in enumerate(table.itertuples(), start=1):
        look = {"va": "center", "weight": "bold" if row.front else "normal"}
        names.text(0.06, number - 0.5, str(number), ha="right", **look)
        names.text(0.09, number - 0.5, short(str(row.name), 38), **look)
        names.text(1.0, number - 0.5, f"{row.mean:.3f}", ha="right", **look)
    figure.draw_without_rendering()  # places are known from here on
    _number(axes, table[["seconds", "mean"]].to_numpy(float))
    return figure


def _number(axes: Axes, points: NDArray[Any]) -> None:
    """Write its number beside each point, where neither a point nor a number stands."""
    places = axes.transData.transform(points)
    unit = axes.figure.dpi / 72
    taken: list[tuple[float, float]] = []
    for number, place in enumerate(places, start=1):
        others = np.array([*places, *taken])
        offset = max(_around(), key=lambda by: _room(place + by * unit, others, unit))
        at = place + np.array(offset) * unit
        taken.append(tuple(at))
        axes.annotate(
            str(number),
            points[number - 1],
            xytext=offset,
            textcoords="offset points",
            ha="center",
            va="center",
            fontsize=SMALL,
            arrowprops={"arrowstyle": "-", "color": QUIET, "linewidth": 0.5, "shrinkA": 0}
            if math.hypot(*offset) > 12
            else None,
        )


def _around() -> Iterator[NDArray[Any]]:
    """Return where a number may stand, in points from what it names, the nearest first."""
    for distance in (8, 13, 19, 26, 34, 43):
        for turn in range(12):
            angle = math.tau * (turn + 1.5) / 12
            yield distance * np.array([math.cos(angle), math.sin(angle)])


def _room(place: NDArray[Any], others: NDArray[Any], unit: float) -> float:
    """Return the distance to what is nearest, in points; as much as is enough counts alike."""
    # As boxes are apart: a number is wider than it is high.
    apart = np.abs((others - place) / (1.35 * unit, unit)).max(axis=1)
    return min(float(apart.min()), 7.5)
