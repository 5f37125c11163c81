"""From pixel values of any type to 8 bits a channel, by one decision for a whole data set."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bench.base.errors import UsageError, count

WHITE = 255
# Interpolation and rounding overshoot; so much of the width on either side is cut off.
TOLERANCE = 0.25
# Floats that fill less of their range than this would keep a few levels only.
LEAST_SHARE = 1 / 16
HINT = "--range LOW:HIGH says which values are black and white"


@dataclass(frozen=True)
class Range:
    """The values that become black, 0, and white, 255."""

    low: float
    high: float

    def __post_init__(self) -> None:
        """Raise `ValueError` for a range without a width."""
        if not (self.low < self.high and math.isfinite(self.high - self.low)):
            found = f"{self.low:g}:{self.high:g}"
            raise ValueError(f"must be two numbers LOW:HIGH, the lower one first; found {found}")

    def __str__(self) -> str:
        """Return the range as notes write it."""
        return f"{_number(self.low)}..{_number(self.high)}"

    @classmethod
    def parse(cls, text: str) -> Range:
        """Read ``LOW:HIGH``; raise `ValueError` for anything else."""
        low, _, high = text.partition(":")
        try:
            numbers = float(low), float(high)
        except ValueError:
            raise ValueError(f"must be two numbers LOW:HIGH, found {text!r}") from None
        return cls(*numbers)

    def to_bytes(self, values: NDArray[Any]) -> NDArray[np.uint8]:
        """Bring values to 0..255: linear, rounded, cut off at both ends; NaN becomes 0."""
        kind, size = values.dtype.kind, values.dtype.itemsize
        wide = size > 4 or (kind in "iu" and size > 2)  # float32 holds 24 bits
        found: NDArray[Any] = values.astype(np.float64 if wide else np.float32)
        if self.low:
            np.subtract(found, self.low, out=found)
        np.multiply(found, WHITE / (self.high - self.low), out=found)
        np.clip(np.rint(found, out=found), 0, WHITE, out=found)
        return np.nan_to_num(found, copy=False, nan=0.0).astype(np.uint8)


@dataclass(frozen=True)
class Values:
    """What is known of pixel values: their types, and the least and largest finite one."""

    types: str  # names of NumPy's, separated by commas
    whole: bool  # all are whole numbers, of whatever type
    least: float
    largest: float
    finite: bool = True  # none is NaN or infinite

    def __str__(self) -> str:
        """Return types and range as notes write them."""
        return f"{self.types}, {_number(self.least)} to {_number(self.largest)}"


def survey(values: NDArray[Any]) -> Values:
    """Return what is known of the values of an array that is not empty."""
    name = values.dtype.name
    if values.dtype.kind in "biu":
        return Values(name, True, int(values.min()), int(values.max()))
    # The least and largest of values with a NaN are NaN.
    least, largest = float(values.min()), float(values.max())
    finite = math.isfinite(least) and math.isfinite(largest)
    if not finite:
        values = values[np.isfinite(values)]
        least, largest = (float(values.min()), float(values.max())) if len(values) else (0.0, 0.0)
    return Values(name, bool((values == np.rint(values)).all()), least, largest, finite)


def join(found: Iterable[Values]) -> Values:
    """Return what is known of the values of several arrays together, at least one."""
    every = list(found)
    types = sorted({name for each in every for name in each.types.split(", ")})
    return Values(
        ", ".join(types),
        all(each.whole for each in every),
        min(each.least for each in every),
        max(each.largest for each in every),
        all(each.finite for each in every),
    )


def decide(values: Values, what: str) -> Range:
    """Return which values are black and white, by the type and range of all of a data set.

    Whole numbers from 0 on are taken for 1, 2, 3 or more bits, the fewest that hold the largest
    value; with negative ones among them, the least is black and the largest white. Other numbers
    are taken for 0..1, -1..1, or 8 bits and more, and may overshoot by `TOLERANCE` of the width.

    Raises
    ------
    UsageError
        If this cannot be known: ``what`` says where the values are from.
    """
    low, high = values.least, values.largest
    if not values.finite:
        raise UsageError(
            f"{what} holds NaN or infinite values (the others are from {low:g} to {high:g}), whose "
            f"brightness cannot be known: {HINT}, and makes NaN black"
        )
    if values.whole:
        return _of_integers(int(low), int(high))
    found = _of_floats(low, high)
    if found is None or 0 < high - low < LEAST_SHARE * (found.high - found.low):
        raise UsageError(
            f"{what} holds values from {low:g} to {high:g}, whose brightness cannot be known: "
            f"{HINT}"
        )
    return found


def _of_integers(least: int, largest: int) -> Range:
    if least < 0:
        return Range(least, max(largest, least + 1))
    return Range(0, _most(max(1, largest.bit_length())))


def _of_floats(least: float, largest: float) -> Range | None:
    bits = max(8, math.ceil(largest / (1 + TOLERANCE)).bit_length()) if largest > 127 else 0
    ranges = [Range(0, 1), Range(-1, 1), *([Range(0, _most(bits))] if bits else [])]
    for each in ranges:
        # Below zero as much is overshoot as above: of -0.2..0.2, half would be cut off.
        below = min(TOLERANCE * (each.high if each.low else largest), TOLERANCE * each.high)
        if each.low - below <= least and largest <= each.high * (1 + TOLERANCE):
            return each
    return None


def _most(bits: int) -> int:
    return int(2**bits) - 1


def note(images: int, values: Values, used: Range) -> str:
    """Say for a report how pixel values were brought to 8 bits."""
    cut = values.least < used.low or values.largest > used.high
    also = "; values beyond were cut off" * cut + "; NaN was made black" * (not values.finite)
    return (
        f"Pixel values of {count(images, 'image')} ({values}) were brought from {used} to 8 bits a "
        f"channel{also}."
    )


def only_finite(values: Values) -> Values:
    """Return what is known of the finite values."""
    return replace(values, finite=True)


def _number(value: float) -> str:
    return f"{value:,.0f}" if value == int(value) and abs(value) < 1e15 else f"{value:g}"
