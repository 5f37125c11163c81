"""Times as people write them."""

from __future__ import annotations

import re

_UNITS = {"s": 1, "m": 60, "h": 3600}
_TIME = re.compile(r"([0-9]{1,9}(?:\.[0-9]+)?)\s*([smh])")


def seconds(text: str) -> float:
    """Read a time such as ``90s``, ``15m`` or ``2h``.

    Raises
    ------
    ValueError
        If the text has another form, or the time is zero.
    """
    match = _TIME.fullmatch(text.strip())
    found = float(match[1]) * _UNITS[match[2]] if match else 0.0
    if not found:
        raise ValueError(f"must be a time such as 90s, 15m or 2h, found {text!r}")
    return found


def duration(seconds: float) -> str:
    """Write seconds for people: ``45 s``, ``3 min 20 s``, ``1 h 05 min``."""
    whole = round(seconds)
    if seconds < 9.95:
        return f"{seconds:.1f} s"
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} min {whole % 60:02d} s"
    return f"{whole // 3600} h {whole % 3600 // 60:02d} min"
