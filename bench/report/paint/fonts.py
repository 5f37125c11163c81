"""The typefaces of figures: one that is always there, and others for what it lacks."""

from __future__ import annotations

import functools
import unicodedata
from pathlib import Path

FIRST = "DejaVu Sans"  # comes with matplotlib
# For writing and signs that it lacks, the first that are installed. Fonts of colored pictures are
# not among them, which cannot be drawn in a figure.
OTHERS = (
    *("Noto Sans CJK JP", "Noto Sans CJK SC", "Noto Sans JP", "Noto Sans SC", "Noto Sans KR"),
    *("Source Han Sans", "WenQuanYi Zen Hei", "WenQuanYi Micro Hei", "Droid Sans Fallback"),
    *("Hiragino Sans", "PingFang SC", "Apple SD Gothic Neo", "Yu Gothic", "Microsoft YaHei"),
    *("Malgun Gothic", "Arial Unicode MS", "Noto Sans", "Noto Sans Devanagari", "Noto Sans Thai"),
    *("Noto Sans Bengali", "Noto Sans Tamil", "Noto Sans Telugu", "Noto Sans Hebrew"),
    *("Noto Sans Arabic", "Nirmala UI", "Leelawadee UI", "Lohit Devanagari", "FreeSans"),
    *("Noto Emoji", "Noto Sans Symbols2", "Symbola", "Segoe UI Symbol", "Apple Symbols"),
    *("Unifont",),
)
REPLACEMENT = "\ufffd"


@functools.cache
def files() -> dict[str, Path]:
    """Return the file of each typeface that is used, by its name, in the order of use."""
    from matplotlib import font_manager

    listed: dict[str, list[font_manager.FontEntry]] = {}
    for entry in font_manager.fontManager.ttflist:
        listed.setdefault(entry.name, []).append(entry)
    there = [name for name in (FIRST, *OTHERS) if name in listed]
    return {name: Path(min(listed[name], key=_differs_from_upright).fname) for name in there}


def _differs_from_upright(entry: object) -> tuple[bool, bool]:
    style, weight = getattr(entry, "style", ""), getattr(entry, "weight", "")
    return style != "normal", weight not in (400, "normal", "regular")


@functools.cache
def _characters(name: str) -> frozenset[int]:
    from matplotlib.ft2font import FT2Font

    return frozenset(FT2Font(str(files()[name])).get_charmap())


def font_of(character: str) -> str | None:
    """Return the name of the first typeface that has a character; None where none has it."""
    return next((name for name in files() if ord(character) in _characters(name)), None)


def legible(text: str) -> str:
    """Return text in which characters that no typeface has are replaced; invisible ones go."""
    found = []
    for character in text:
        if font_of(character):
            found.append(character)
        elif unicodedata.category(character) not in ("Cf", "Mn", "Me"):
            found.append(REPLACEMENT)
    return "".join(found)


def width(text: str) -> int:
    """Return how wide text is, in letters: Chinese, Japanese and emoji take two each."""
    return sum(map(_width, text))


def beginning(text: str, most: int) -> str:
    """Return as much of the beginning of text as is no wider."""
    taken = 0
    for end, character in enumerate(text):
        taken += _width(character)
        if taken > most:
            return text[:end]
    return text


def _width(character: str) -> int:
    return 1 + (unicodedata.east_asian_width(character) in "WF")
