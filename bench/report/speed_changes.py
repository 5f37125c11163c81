"""Two runs of the benchmark suite, compared."""

from __future__ import annotations

from dataclasses import dataclass

from bench.base.errors import UsageError
from bench.report.columns import Column, Table, words
from bench.report.speed import Speeds

HOLDS, SLOWER, OTHER, GONE = "holds", "slower", "not comparable", "missing"

# What two measurements must share to be compared.
SETTINGS = ("device", "precision", "threads", "batch", "images", "features")


@dataclass(frozen=True)
class Change:
    """How a ratio changed from one run to another."""

    group: str
    name: str
    old: float  # times as fast as the rival
    new: float | None  # None where it is missing
    verdict: str
    reason: str = ""  # what differs, where it is not comparable


def compare(old: Speeds, new: Speeds, tolerance: float) -> list[Change]:
    """Compare two runs by their ratios to a rival in the same run, which hold across machines.

    Parameters
    ----------
    old, new : Speeds
    tolerance : float
        Share of the old ratio that may be lost.

    Raises
    ------
    UsageError
        If the old run holds no ratio.
    """
    changes = []
    later = {(one.group, one.name): one for one in new.timed}
    for one in old.timed:
        before = old.ratio(one)
        if before is None or one.facts.get("rival") == one.facts["against"]:
            continue
        other = later.get((one.group, one.name))
        after = new.ratio(other) if other else None
        if other is None or after is None:
            changes.append(Change(one.group, one.name, before, None, GONE))
            continue
        differs = [n for n in SETTINGS if one.facts.get(n) != other.facts.get(n)]
        verdict = OTHER if differs else SLOWER if after < before * (1 - tolerance) else HOLDS
        reason = ", ".join(f"{n} {one.facts.get(n)} and {other.facts.get(n)}" for n in differs)
        changes.append(Change(one.group, one.name, before, after, verdict, reason))
    if not changes:
        raise UsageError("the older run has no ratios to compare with")
    return changes


def exit_code(changes: list[Change]) -> int:
    """Return 1 if something is slower or missing, else 0."""
    return int(any(change.verdict in (SLOWER, GONE) for change in changes))


def table(changes: list[Change]) -> Table:
    """Return the comparison as a table, what is slower first."""
    order = [SLOWER, GONE, OTHER, HOLDS]
    columns = [
        words("work", "group"),
        words("implementation", "name"),
        Column("old ratio", lambda change: f"{change.old:.2f}"),
        Column("new ratio", lambda c: "" if c.new is None else f"{c.new:.2f}"),
        Column("change", lambda c: "" if c.new is None else f"{c.new / c.old - 1:+.0%}"),
        words("verdict", lambda c: c.verdict + (f": {c.reason}" if c.reason else "")),
    ]
    return Table.of(columns, sorted(changes, key=lambda change: order.index(change.verdict)))
