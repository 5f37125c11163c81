"""How the files of a data set are read, and what is looked for in each before that is decided."""

from __future__ import annotations

import re
from dataclasses import asdict, dataclass
from typing import Any

from bench.datasets.brightness import Range, Values

AUTO, PLAIN = "auto", "white"
# The grounds that are chosen from, and the brightness of each.
GROUNDS = {"white": 255, "black": 0, "gray": 128}


def check_background(text: str) -> str:
    """Return a color, or ``auto``; raise `ValueError` for anything else."""
    if text in (AUTO, *GROUNDS) or re.fullmatch("#[0-9a-fA-F]{6}", text):
        return text
    raise ValueError(f"must be {AUTO}, {', '.join(GROUNDS)} or #rrggbb, found {text!r}")


@dataclass(frozen=True)
class Reading:
    """How files are read; None for what no file made necessary to decide.

    ``integers`` and ``floats`` are of files of more than 8 bits a channel, ``eight_bits`` of the
    others, where the user gave a range and there is no deeper file. ``background`` is a color.
    """

    integers: Range | None = None
    floats: Range | None = None
    eight_bits: Range | None = None
    background: str | None = None

    def __post_init__(self) -> None:
        """Raise `ValueError` for a background that is no color."""
        if self.background is not None and check_background(self.background) == AUTO:
            raise ValueError("a background must be a color")

    @property
    def ground(self) -> str:
        """The color on which transparency is laid."""
        return self.background or PLAIN

    @property
    def key(self) -> dict[str, Any]:
        """What differs from the plain way, of which kept images depend."""
        said = {name: value for name, value in asdict(self).items() if value is not None}
        return {name: value for name, value in said.items() if value != PLAIN}


ORDINARY = Reading()


@dataclass(frozen=True)
class Wanted:
    """What the user asks for: ``LOW:HIGH`` or None, and a color or ``auto``."""

    range: str | None = None
    background: str = AUTO

    @property
    def given(self) -> Range | None:
        """The range, if one is given."""
        return None if self.range is None else Range.parse(self.range)


@dataclass(frozen=True)
class Seen:
    """What was found in a file beside one opaque image of 8 bits a channel.

    Attributes
    ----------
    values : Values or None
        Of more than 8 bits a channel.
    frames : bool
        There are several.
    transparent : bool
        Some pixels are, wholly or in part.
    shade : float or None
        The mean brightness of what can be seen of a transparent image, 0 to 255.
    """

    values: Values | None = None
    frames: bool = False
    transparent: bool = False
    shade: float | None = None
