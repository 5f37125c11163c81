"""What all figures share: their size, their typeface, and how names are written in them."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from bench.base.errors import one_line
from bench.report.colors import INK
from bench.report.paint import fonts

WIDTH = 9.0  # inches, which results.md shows at about 900 pixels
FONT = 8.0  # points
SMALL = 7.0

Axes = Any
Figure = Any


@contextmanager
def style() -> Iterator[None]:
    """Have figures that are painted and saved within it look alike.

    Nothing in them is a formula: names of classes, models and files may hold any character.
    """
    from matplotlib import rc_context

    with rc_context(
        {
            "text.parse_math": False,
            "text.usetex": False,
            "font.family": list(fonts.files()),
            "text.color": INK,
            "font.size": FONT,
            "axes.titlesize": FONT + 1,
            "axes.labelsize": FONT,
            "axes.labelcolor": INK,
            "axes.spines.top": False,
            "axes.spines.right": False,
            "axes.axisbelow": True,
            "grid.color": "#e3e6ea",
            "xtick.labelsize": FONT,
            "ytick.labelsize": FONT,
            "legend.fontsize": FONT,
            "legend.frameon": False,
            "figure.constrained_layout.h_pad": 0.06,
            "figure.constrained_layout.w_pad": 0.06,
        }
    ):
        yield


def canvas(width: float, height: float, layout: Any = "constrained") -> Figure:
    """Return a figure, apart from pyplot: a notebook's own figures stay alone.

    The layout ``compressed`` is for axes that are square.
    """
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(width, height), layout=layout)
    FigureCanvasAgg(figure)
    return figure


def short(name: str, most: int) -> str:
    """Return a name as one line that can be drawn, no wider than so many letters.

    The middle is left out, and characters that no typeface has are replaced.
    """
    name = fonts.legible(one_line(str(name)))
    if fonts.width(name) <= most:
        return name
    end = fonts.beginning(name[::-1], most // 3)[::-1]
    return f"{fonts.beginning(name, most - most // 3 - 1)}…{end}"


def wrapped(name: str, width: int, lines: int = 3) -> str:
    """Return a name in lines of about so many characters, broken where its parts end."""
    parts = re.findall(r"[^-+,(→ ]*[-+,(→ ]?", short(name, width * lines))
    found = [""]
    for part in parts:
        if found[-1] and len(found[-1]) + len(part.rstrip()) > width:
            found.append("")
        found[-1] += part
    return "\n".join(line.strip() for line in found)


def legend(
    figure: Figure, handles: list[Any], labels: list[str], columns: int, place: str = "lower"
) -> None:
    """Show a legend below everything else, or above (``upper``)."""
    if handles:
        columns = max(1, min(columns, len(labels)))
        _legend(figure, handles, labels, loc=f"outside {place} center", ncols=columns)


def legend_beside(figure: Figure, handles: list[Any], labels: list[str], columns: int) -> None:
    """Show a legend at the right of everything else."""
    _legend(figure, handles, labels, loc="outside right upper", ncols=columns, handlelength=3)


def _legend(figure: Figure, handles: list[Any], labels: list[str], **look: Any) -> None:
    # Matplotlib before 3.10 leaves out what begins with an underscore, unless it is told later.
    texts = figure.legend(handles, ["-"] * len(labels), **look).get_texts()
    for text, label in zip(texts, labels, strict=True):
        text.set_text(label)


def plain(value: float, _: Any = None) -> str:
    """Write a number of an axis without a power of ten."""
    return f"{value:.6g}"


def log_axis(axis: Any) -> None:
    """Give a logarithmic axis plain numbers, at 1, 2 and 5 of each power of ten."""
    from matplotlib.ticker import FuncFormatter, LogLocator, MaxNLocator, NullLocator

    low, high = axis.get_view_interval()
    # A narrow range may have none of these.
    axis.set_major_locator(LogLocator(subs=(1, 2, 5)) if high > 8 * low else MaxNLocator(5))
    axis.set_major_formatter(FuncFormatter(plain))
    axis.set_minor_locator(NullLocator())
