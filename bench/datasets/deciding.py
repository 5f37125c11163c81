"""Decides for a whole data set how bright its images are, and on what transparency is laid."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import asdict, replace
from typing import Any

import numpy as np

from bench.base.errors import count, name_first
from bench.datasets import brightness
from bench.datasets.brightness import Range, Values
from bench.datasets.reading import AUTO, GROUNDS, ORDINARY, PLAIN, Reading, Seen, Wanted
from bench.datasets.source import Reader, Source

# A visible part whose mean brightness is as near to the ground's as this can hardly be seen.
HIDDEN = 25
# White is kept where it hides no larger share of the images than this.
FEW = 0.1


def decide(
    seen: Sequence[Seen | None],
    files: Sequence[str],
    wanted: Wanted,
    what: str,
    decided: Reading = ORDINARY,
) -> tuple[Reading, list[str]]:
    """Decide how files are read, from all of them together; and say so.

    Parameters
    ----------
    seen : sequence of Seen or None
        What was found in each file, None for nothing out of the ordinary.
    files : sequence of str
        Their names.
    what : str
        Where values are from, for errors.
    decided : Reading
        What was decided before, by other images of the same kind; it stays.

    Raises
    ------
    UsageError
        If the brightness cannot be known.
    """
    found = [(name, each) for name, each in zip(files, seen, strict=True) if each is not None]
    deep = [(name, each.values) for name, each in found if each.values is not None]
    floats = [values for _, values in deep if values.types.startswith("float")]
    integers = [values for _, values in deep if not values.types.startswith("float")]
    notes: list[str] = []
    reading = decided
    if integers:
        used, said = _range(integers, wanted, decided.integers, what)
        reading, notes = replace(reading, integers=used), [*notes, said]
    if floats:
        used, said = _range(floats, wanted, decided.floats, what)
        reading, notes = replace(reading, floats=used), [*notes, said]
    if wanted.given and not deep:
        reading = replace(reading, eight_bits=wanted.given)
        notes.append(_of_eight_bits(wanted.given))
    broken = [name for name, values in deep if not values.finite]
    notes += _named(broken, "{} with values that are NaN (made black) or infinite: {}.")
    moving = [name for name, each in found if each.frames]
    notes += _named(moving, "Of {} with several frames only the first frame was read: {}.")
    clear = [each for _, each in found if each.transparent]
    if clear:
        asked = None if wanted.background == AUTO else wanted.background
        shades = [each.shade for each in clear if each.shade is not None]
        chosen = asked or decided.background or _ground(shades)
        reading = replace(reading, background=chosen)
        hides = chosen != PLAIN and asked is None and decided.background is None
        why = f", because {PLAIN} would hide what they show" if hides else ""
        said = f"Transparent parts of {count(len(clear), 'image')} were laid on {chosen}"
        notes.append(f"{said}{why} (--background COLOR chooses).")
    return reading, notes


def _range(
    found: list[Values], wanted: Wanted, decided: Range | None, what: str
) -> tuple[Range, str]:
    """Return which values of files are black and white, and a note."""
    values = brightness.only_finite(brightness.join(found))
    used = wanted.given or decided or brightness.decide(values, what)
    return used, brightness.note(len(found), values, used)


def _ground(shades: list[float]) -> str:
    """Return white, unless it hides images; then the ground that hides the fewest."""
    hidden = {
        name: sum(abs(shade - level) <= HIDDEN for shade in shades)
        for name, level in GROUNDS.items()
    }
    if hidden[PLAIN] <= FEW * len(shades):
        return PLAIN
    return min(hidden, key=lambda name: hidden[name])


def _named(files: list[str], text: str) -> list[str]:
    return [text.format(count(len(files), "file"), name_first(files))] if files else []


def _of_eight_bits(used: Range) -> str:
    return f"Values of 8 bits a channel were brought from {used} to 0..255 by --range."


def to_eight_bits(source: Source, given: Range | None, what: str) -> Source:
    """Return a source of arrays whose readers give uint8, by one decision for all of its arrays."""
    if source.read is None or (source.values is None and given is None):
        return source
    if source.values is None:
        assert given is not None
        used, said = given, _of_eight_bits(given)
    else:
        used = given or brightness.decide(source.values, what)
        held_out = source.validation_labels if source.validation else None
        total = source.count + (0 if held_out is None else len(held_out))
        said = brightness.note(total, source.values, used)
    return replace(
        source,
        read=_bring(source.read, used),
        validation=None if source.validation is None else _bring(source.validation, used),
        values=None,
        notes=(*source.notes, said),
    )


def _bring(read: Reader, used: Range) -> Reader:
    return lambda indices: used.to_bytes(np.asarray(read(indices)))


def to_kept(seen: Iterable[Seen | None]) -> dict[str, Any]:
    """Return what was found in files as numbers and texts that a keeper keeps."""
    return {str(i): asdict(each) for i, each in enumerate(seen) if each is not None}


def from_kept(kept: dict[str, Any], total: int) -> list[Seen | None]:
    """Return what `to_kept` was given."""

    def made(each: dict[str, Any]) -> Seen:
        values = each["values"]
        return Seen(**each | {"values": None if values is None else Values(**values)})

    return [made(kept[str(i)]) if str(i) in kept else None for i in range(total)]
