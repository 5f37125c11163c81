"""Paints two-dimensional embeddings side by side, each group in the mark that it has everywhere."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bench.base.naming import chain_name
from bench.report.colors import INK, NONE, mark
from bench.report.paint.canvas import FONT, WIDTH, Axes, canvas, legend, short, wrapped
from bench.report.paint.fonts import REPLACEMENT, width

BESIDE = 5  # panels in a row, at most
NAMED = 15  # groups that are named in a panel, at most; the legend names them as well
LISTED = 40  # groups that the legend has, at most
LEGEND = 28  # letters of a name there, at most
CELLS = 48  # by which density is estimated, along each axis
NEAR = 1.5  # cells: the standard deviation of the kernel


@dataclass(frozen=True)
class Embedding:
    """A pipeline's two-dimensional embedding at one seed."""

    pipeline: tuple[str, str, str]  # model, chain and clusterer
    points: NDArray[Any]  # (n, 2)
    # The label of each point, or its cluster where there are no labels; -1 for none.
    groups: NDArray[np.int64]
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


def panel(embeddings: list[Embedding]) -> Any:
    """Paint all embeddings: rows of a chain, as many as its models need."""
    chains: dict[str, list[Embedding]] = {}
    for each in embeddings:
        chains.setdefault(each.chain, []).append(each)
    columns = min(BESIDE, max(len(some) for some in chains.values()))
    lines = [
        (chain, some[start : start + columns])
        for chain, some in chains.items()
        for start in range(0, len(some), columns)
    ]
    side = (WIDTH - 0.3) / max(columns, 3)
    titles = [[_title(each, side) for each in some] for _, some in lines]
    room = sum(0.2 + 0.17 * max(1 + title.count("\n") for title in some) for some in titles)
    names = max((each.names for each in embeddings), key=len)
    across = side * columns + 0.4
    entries = _entries(names)
    beside = max(1, min(len(entries), int(across / (0.5 + 0.065 * max(map(width, entries))))))
    below = 0.25 + 0.18 * -(-len(entries) // beside)
    figure = canvas(across, side * len(lines) + room + below, "compressed")
    every = figure.subplots(len(lines), columns, squeeze=False)
    for fields, (chain, some), above in zip(every, lines, titles, strict=True):
        fields[0].set_ylabel(wrapped(chain, int(side / 0.08)))
        for field, each, title in zip(fields, some, above, strict=False):
            _one(field, each, side)
            field.set_title(title)
        for field in fields[len(some) :]:
            field.set_visible(False)
    rest = any((each.groups < 0).any() for each in embeddings)
    _legend(figure, entries, beside, f"no {embeddings[0].by.partition(',')[0]}" * rest)
    return figure


def _title(each: Embedding, side: float) -> str:
    return "\n".join(filter(None, [wrapped(each.model, int(side / 0.09), 2), each.subtitle]))


def _one(axes: Axes, each: Embedding, side: float) -> None:
    """Scatter points by group; color and marker together, for print and for the color-blind."""
    low, high = _frame(each.points)
    size = min(max(3000 / len(each.points), 2.0), 26.0)
    rest = (each.groups < 0).any()
    for group in range(-int(rest), len(each.names)):  # those in none lie below all others
        points, look = each.points[each.groups == group], mark(group) if group >= 0 else NONE
        axes.scatter(
            *points.T, s=size, color=look.color, marker=look.marker.matplotlib, lw=0, alpha=0.8
        )
    axes.set(xticks=[], yticks=[], xlim=(low[0], high[0]), ylim=(low[1], high[1]))
    axes.set_box_aspect(1)
    axes.spines[:].set(visible=True, color="#b9bec6")
    if len(each.names) <= NAMED:
        _name_groups(axes, each, low, side, (high - low)[0] / side)


def _frame(points: NDArray[Any]) -> tuple[NDArray[Any], NDArray[Any]]:
    """Return the corners of a square that has all points in it."""
    low, high = points.min(axis=0), points.max(axis=0)
    half = 0.53 * (float((high - low).max()) or 1.0)
    return (low + high) / 2 - half, (low + high) / 2 + half


def _name_groups(axes: Axes, each: Embedding, low: NDArray[Any], side: float, inch: float) -> None:
    """Write the name of each group where it is densest, the largest first, none on another."""
    from matplotlib.patheffects import withStroke

    taken: list[tuple[NDArray[Any], NDArray[Any]]] = []
    counts = np.bincount(each.groups[each.groups >= 0], minlength=len(each.names))
    for group in np.argsort(-counts, kind="stable"):
        if not counts[group]:
            continue
        text = short(each.names[group], 14)
        text = _number(int(group)) if REPLACEMENT in text else text
        half = inch * np.array([0.6 * width(text) * FONT, 1.2 * FONT]) / 72 / 2
        places = densest(each.points[each.groups == group], low, inch * side)
        # None reaches out of the frame.
        places = places.clip(low + half, low + inch * side - half)
        free = (at for at in places if all((abs(at - p) >= half + h).any() for p, h in taken))
        at = next(free, places[0])
        taken.append((at, half))
        axes.annotate(
            text,
            at,
            ha="center",
            va="center",
            weight="bold",
            color=INK,
            fontsize=FONT,
            path_effects=[withStroke(linewidth=2.2, foreground="white")],
        )


def densest(points: NDArray[Any], low: NDArray[Any], size: float) -> NDArray[Any]:
    """Return where points are densest, and then other places that are dense as well.

    Density is a histogram of cells, smoothed by a normal kernel. The mean of points can lie where
    there is none of them.

    Parameters
    ----------
    points : ndarray, shape (n, 2)
    low : ndarray, shape (2,)
        The lower left corner of the square of cells.
    size : float
        Its side.

    Returns
    -------
    ndarray, shape (k, 2)
        For each cell of at least half the greatest density, the point of these that is nearest to
        its middle; the densest first.
    """
    from scipy.ndimage import gaussian_filter

    cell = size / CELLS
    places = ((points - low) / cell).astype(int).clip(0, CELLS - 1)
    counts = np.zeros((CELLS, CELLS))
    np.add.at(counts, tuple(places.T), 1)
    density = gaussian_filter(counts, NEAR, mode="constant")
    dense = np.argwhere((density >= density.max() / 2) & (counts > 0))
    dense = dense[np.argsort(-density[tuple(dense.T)], kind="stable")]
    middles = low + (dense + 0.5) * cell
    nearest = [np.argmin(np.square(points - middle).sum(axis=1)) for middle in middles]
    return points[nearest]


def _entries(names: tuple[str, ...]) -> list[str]:
    """Return what the legend says; a name that is not written in full has its number."""
    in_full, rest = written_otherwise(names), len(names) - LISTED
    found = [
        f"{_number(group)} {short(name, LEGEND)}" if _number(group) in in_full else name
        for group, name in enumerate(names[:LISTED])
    ]
    return found + [f"and {rest} more"] * (rest > 0)


def written_otherwise(names: tuple[str, ...]) -> dict[str, str]:
    """Return the names that the legend shortens, or cannot show, by the number that it writes."""
    return {
        _number(group): name
        for group, name in enumerate(names[:LISTED])
        if short(name, LEGEND) != name
    }


def _number(group: int) -> str:
    return f"[{group + 1}]"


def _legend(figure: Any, entries: list[str], columns: int, rest: str) -> None:
    from matplotlib.lines import Line2D

    handles = []
    for group in range(len(entries)):
        look, marker = mark(group), mark(group).marker.matplotlib if group < LISTED else ""
        handles.append(Line2D([], [], color=look.color, marker=marker, ls="none", ms=5))
    if rest:
        handles.append(
            Line2D([], [], color=NONE.color, marker=NONE.marker.matplotlib, ls="none", ms=5)
        )
    legend(figure, handles, [*entries, *([rest] if rest else [])], columns)
