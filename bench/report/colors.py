"""Colors and marks that are safe for color-blind readers, the same in figures and on the page."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from matplotlib import colormaps
from matplotlib.colors import to_hex, to_rgb
from matplotlib.path import Path

# Each has a contrast of 3:1 with white, and 2:1 with the page's dark ground. No two look alike, nor
# do they to readers without red, green or blue cones.
PALETTE = (
    *("#0173b2", "#d55e00", "#7824c0", "#546060", "#cc789c"),
    *("#84480c", "#9c78f0", "#f0003c", "#a8906c", "#a80090"),
)
BLUE, ORANGE = PALETTE[:2]
GRAY = "#767676"
INK, QUIET = "#1b1d21", "#5b6068"  # of text: 4.5:1 with white


@dataclass(frozen=True)
class Marker:
    """A marker."""

    name: str
    matplotlib: Any
    svg: str  # a path in a square of 16 by 16


@dataclass(frozen=True)
class Mark:
    """What all points of one group look like."""

    color: str  # ``#rrggbb``
    marker: Marker


def _pin(*corners: tuple[float, float]) -> Path:
    """Return a shape with the corners given and sides that are bent inwards."""
    following = (*corners[1:], corners[0])
    points, codes = [corners[0]], [Path.MOVETO]
    for (x, y), (to_x, to_y) in zip(corners, following, strict=True):
        points += [(0.25 * (x + to_x), 0.25 * (y + to_y)), (to_x, to_y)]
        codes += [Path.CURVE3, Path.CURVE3]
    return Path(points, codes)


MARKERS = (
    Marker("circle", "o", "M8 3a5 5 0 1 0 .01 0z"),
    Marker("square", "s", "M3 3h10v10H3z"),
    Marker("triangle", "^", "M8 2l6 11H2z"),
    Marker("diamond", "d", "M8 1l5 7-5 7-5-7z"),
    Marker("inverted_triangle", "v", "M8 14L2 3h12z"),
    Marker("plus", "P", "M6 2h4v4h4v4h-4v4H6v-4H2V6h4z"),
    Marker("hex", "H", "M4 2.5h8L15 8l-3 5.5H4L1 8z"),
    Marker("star", "*", "M8 1l2 5h5l-4 3 2 6-5-4-5 4 2-6-4-3h5z"),
    Marker("triangle_pin", _pin((0, 1), (1, -1), (-1, -1)), "M8 1q1 7 7 12q-7-2-14 0q6-5 7-12z"),
    Marker(
        "square_pin",
        _pin((-1, 1), (1, 1), (1, -1), (-1, -1)),
        "M2 2q6 3 12 0q-3 6 0 12q-6-3-12 0q3-6 0-12z",
    ),
)
# A group beyond the tenth has a color again, and another marker.
MARKS = tuple(
    Mark(color, MARKERS[(number + round_) % len(MARKERS)])
    for round_ in range(len(MARKERS))
    for number, color in enumerate(PALETTE)
)
RIGHT, WRONG, NONE = (
    Mark(BLUE, MARKERS[0]),
    Mark(ORANGE, MARKERS[3]),
    Mark(GRAY, MARKERS[5]),
)  # an image whose cluster is assigned to its label, to another label; one in no cluster


def mark(group: int) -> Mark:
    """Return the mark of a group: a label, a cluster or a model by its number."""
    return MARKS[group % len(MARKS)]


def looks() -> dict[str, Any]:
    """Return all that the page's script draws by; JSON."""
    pairs = {"right": RIGHT, "wrong": WRONG, "none": NONE}
    return {
        "marks": [_pair(each) for each in MARKS],
        **{name: _pair(each) for name, each in pairs.items()},
        "shapes": {each.name: each.svg for each in MARKERS},
        "ramp": ramp(),
    }


def _pair(each: Mark) -> list[str]:
    return [each.color, each.marker.name]


def luminance(color: str | tuple[float, float, float]) -> float:
    """Return the relative luminance of a color, 0 to 1, by WCAG 2."""
    red, green, blue = (
        c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in to_rgb(color)
    )
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def shade(share: float) -> tuple[str, str]:
    """Return the color of a share of 0 to 1 on the scale cividis, and that of text on it."""
    color = to_hex(colormaps["cividis"](share))
    # Where black and white have the same contrast.
    return color, "#000000" if luminance(color) > 0.179 else "#ffffff"


def ramp(steps: int = 64) -> list[tuple[str, str]]:
    """Return the scale cividis in so many steps, each with the color of text on it."""
    return [shade(step / (steps - 1)) for step in range(steps)]
