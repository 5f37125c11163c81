"""The page's charts: two embeddings with one selection, score against time, loss by epoch."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import pandas as pd
from bokeh.embed import components
from bokeh.models import (
    ColumnDataSource,
    CustomJS,
    FixedTicker,
    HoverTool,
    NumeralTickFormatter,
    Range1d,
)
from bokeh.plotting import figure

from bench.report.colors import BLUE, DASHES, GRAY, mark
from bench.report.page.embeddings import FINE

TOOLS = "pan,wheel_zoom,box_zoom,box_select,lasso_select,tap,reset,save"
MARGIN = 0.04 * FINE
MANY = 3000
SMALL, LARGE = 5, 8  # pixels of a dot, of many or of few
TICKS = [digit * 10.0**power for power in range(-5, 6) for digit in (1, 2, 5)]


@dataclass(frozen=True)
class Charts:
    """Charts as HTML."""

    script: str  # an element that draws them
    elements: dict[str, str]  # by name, the element that each is drawn in

    @property
    def loss_names(self) -> list[str]:
        """The names of the charts of loss, one for each size of images."""
        return [name for name in self.elements if name.startswith("loss")]


def draw(
    images: int,
    compared: pd.DataFrame,
    losses: pd.DataFrame,
    score: str,
    marks: pd.DataFrame,
) -> Charts:
    """Draw the charts that there are data for.

    Parameters
    ----------
    images : int
        Points of an embedding, which the page's script sets; 0 where there is no embedding.
    compared : DataFrame
        ``name``, ``mean``, ``seconds``, ``front``; see `bench.analysis.results.Results.compared`.
    losses : DataFrame
        ``images``, ``model``, ``epoch``, ``mean``, ``low``, ``high``. Each size of images has a
        chart: ``loss``, or where there are several ``loss 32×32`` and so on.
    score : str
        The name of ``mean``: accuracy, or kNN modularity.
    marks : DataFrame
        ``images``, ``name``, ``loss``: what losses are compared with; see
        `bench.analysis.results.Results.loss_marks`.
    """
    roots: dict[str, Any] = {}
    if images:
        roots |= _embeddings(SMALL if images > MANY else LARGE)
    if len(compared):
        roots["time"] = _against_time(compared, score)
    for size, some in losses.groupby("images", sort=False):
        name = f"loss {size}".strip()
        roots[name] = _losses(name, some, marks[marks["images"] == size])
    return Charts(*components(roots, wrap_script=True)) if roots else Charts("", {})


def _figure(**settings: Any) -> Any:
    plot = figure(
        sizing_mode="stretch_width",
        background_fill_color=None,
        border_fill_color=None,
        **settings,
    )
    plot.toolbar.logo = None
    return plot


def _embeddings(size: int) -> dict[str, Any]:
    """Return both embeddings, of one source: what is selected in one is selected in the other."""
    columns = ["x", "y", "color", "marker"]
    source = ColumnDataSource(
        {f"{column}_{side}": [] for side in "ab" for column in columns}, name="points"
    )
    pointed = ColumnDataSource({f"{axis}_{side}": [] for side in "ab" for axis in "xy"})
    pointed.name = "pointed"
    return {f"embedding-{side}": _embedding(side, size, source, pointed) for side in "ab"}


def _embedding(side: str, size: int, source: ColumnDataSource, pointed: ColumnDataSource) -> Any:
    plot = _figure(
        name=f"embedding-{side}",
        tools=TOOLS,
        active_drag="box_select",
        aspect_ratio=1,
        x_range=Range1d(start=-MARGIN, end=FINE + MARGIN),
        y_range=Range1d(start=-MARGIN, end=FINE + MARGIN),
    )
    plot.axis.visible = False
    plot.grid.visible = False
    dots = plot.scatter(
        f"x_{side}",
        f"y_{side}",
        source=source,
        marker={"field": f"marker_{side}"},
        fill_color={"field": f"color_{side}"},
        # An outline helps on every ground, and costs as much as the dot.
        line_color=GRAY if size == LARGE else None,
        line_width=0.5,
        size=size,
        fill_alpha=0.8,
        nonselection_fill_alpha=0.15,
        nonselection_line_alpha=0.15,
        name=f"dots-{side}",
    )
    for tool in plot.tools:
        if "renderers" in tool.properties():
            tool.renderers = [dots]
    plot.scatter(
        f"x_{side}",
        f"y_{side}",
        source=pointed,
        size=17,
        fill_color=None,
        line_width=2.5,
        level="overlay",
        name=f"ring-{side}",
    )
    # The page's script shows the points under the pointer.
    hovered = CustomJS(code=f"window.latentgrid?.hover(cb_data.index.indices, '{side}')")
    plot.add_tools(HoverTool(tooltips=None, renderers=[dots], callback=hovered))
    return plot


def _against_time(table: pd.DataFrame, score: str) -> Any:
    plot = _figure(
        name="time",
        height=340,
        x_axis_type="log",
        tools="pan,wheel_zoom,box_zoom,reset,save",
        x_axis_label="seconds for one run, from images to clusters",
        y_axis_label=score,
    )
    plot.xaxis.ticker = FixedTicker(ticks=TICKS)
    plot.xaxis.formatter = NumeralTickFormatter(format="0.[000]")
    front = table[table["front"]].sort_values("seconds")
    plot.step(front["seconds"], front["mean"], mode="after", line_color=BLUE)
    dots = [
        plot.scatter(
            "seconds",
            "mean",
            source=_source(some[["name", "mean", "seconds"]]),
            marker=marker,
            size=9,
            fill_color=color,
            line_color=None,
            legend_label=legend,
        )
        for some, marker, color, legend in (
            (table[~table["front"]], "circle", GRAY, "others"),
            (front, "diamond", BLUE, "Pareto front"),
        )
        if len(some)
    ]
    tips = [("pipeline", "@name"), (score, "@mean{0.000}"), ("seconds", "@seconds{0.00}")]
    _explain(plot, dots, tips)
    return plot


def _losses(name: str, losses: pd.DataFrame, marks: pd.DataFrame) -> Any:
    plot = _figure(
        name=name,
        height=340,
        y_axis_type="log",
        tools="pan,wheel_zoom,box_zoom,reset,save",
        x_axis_label="epoch",
        y_axis_label="MSE per pixel value",
    )
    plot.yaxis.ticker = FixedTicker(ticks=TICKS)
    plot.yaxis.formatter = NumeralTickFormatter(format="0.[00000]")
    lines = []
    models = list(dict.fromkeys(losses["model"]))
    for number, model in enumerate(models):
        shown, source = mark(number), _source(losses[losses["model"] == model])
        color, marker = shown.color, shown.marker.bokeh
        look = {"source": source, "legend_label": model}
        plot.varea("epoch", "low", "high", fill_color=color, fill_alpha=0.2, **look)
        dash = DASHES[number % len(DASHES)]
        plot.line("epoch", "mean", line_color=color, line_dash=dash, line_width=2, **look)
        lines.append(plot.scatter("epoch", "mean", marker=marker, size=6, color=color, **look))
    across = [1, int(losses["epoch"].max())]
    for number, row in enumerate(marks.itertuples()):
        plot.line(
            across,
            [row.loss, row.loss],
            line_color=GRAY,
            line_dash="dotted" if number else "dashed",
            line_width=2,
            legend_label=row.name,
        )
    tips = [("model", "@model"), ("epoch", "@epoch"), ("MSE", "@mean{0.00000}")]
    _explain(plot, lines, tips)
    return plot


def _explain(plot: Any, glyphs: list[Any], tips: list[tuple[str, str]]) -> None:
    """Add what the pointer shows, and the legend above the chart."""
    plot.add_tools(HoverTool(renderers=glyphs, tooltips=tips))
    plot.add_layout(plot.legend[0], "above")
    plot.legend[0].orientation = "horizontal"


def _source(table: pd.DataFrame) -> ColumnDataSource:
    return ColumnDataSource({str(name): column.tolist() for name, column in table.items()})
