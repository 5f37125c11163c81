"""Colors and markers that are safe for color-blind readers, the same in charts and in HTML."""

from __future__ import annotations

from matplotlib import colormaps
from matplotlib.colors import to_hex, to_rgb

# seaborn's palette "colorblind"; a group beyond the tenth has a color again, and another marker.
PALETTE = (
    *("#0173b2", "#de8f05", "#029e73", "#d55e00", "#cc78bc"),
    *("#ca9161", "#fbafe4", "#949494", "#ece133", "#56b4e9"),
)
BLUE, GRAY = PALETTE[0], PALETTE[7]

# Bokeh's names, of those that are filled.
MARKERS = (
    *("circle", "square", "triangle", "diamond", "inverted_triangle"),
    *("plus", "hex", "star", "triangle_pin", "square_pin"),
)
DASHES = ("solid", "dashed", "dotted", "dotdash", "dashdot")


def palette(number: int) -> str:
    """Return the color of a group, ``#rrggbb``."""
    return PALETTE[number % len(PALETTE)]


def shade(share: float) -> tuple[str, str]:
    """Return the color of a share of 0 to 1 on the scale cividis, and that of text on it."""
    color = to_rgb(colormaps["cividis"](share))
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in color]
    luminance = 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]
    # Where black and white have the same contrast, by the ratio of WCAG 2.
    return to_hex(color), "#000000" if luminance > 0.179 else "#ffffff"


def ramp(steps: int = 64) -> list[tuple[str, str]]:
    """Return the scale cividis in so many steps, each with the color of text on it."""
    return [shade(step / (steps - 1)) for step in range(steps)]
