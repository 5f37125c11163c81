"""Two runs of the benchmark suite, compared."""

from __future__ import annotations

import math
from dataclasses import dataclass

from bench.analysis.rounds import Ratio
from bench.base.errors import UsageError
from bench.report.columns import Column, Table, words
from bench.report.speed import CONTROL, Speeds
from bench.report.speed_page import interval, number

HOLDS, SLOWER, UNKNOWN = "holds", "slower", "too few rounds"
OTHER, GONE = "not comparable", "missing"

# What two measurements must share to be compared.
SETTINGS = ("device", "precision", "threads", "batch", "images", "features")
# And what else, where the rival is the control, which is other work.
MACHINE = ("device_name", "torch")


@dataclass(frozen=True)
class Change:
    """How a ratio changed from one run to another."""

    group: str
    name: str
    old: Ratio  # how many times as fast as the rival
    new: Ratio | None  # None where it is missing
    verdict: str
    reason: str = ""  # what differs, where it is not comparable


def compare(old: Speeds, new: Speeds) -> list[Change]:
    """Compare two runs by their ratios to a rival in the same run, which hold across machines.

    Slower is what lies below the old ratio beyond both intervals.

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
        shared = SETTINGS + MACHINE * (one.facts["against"] == CONTROL)
        differs = [n for n in shared if one.facts.get(n) != other.facts.get(n)]
        verdict = OTHER if differs else _verdict(before, after)
        reason = ", ".join(f"{n} {one.facts.get(n)} and {other.facts.get(n)}" for n in differs)
        changes.append(Change(one.group, one.name, before, after, verdict, reason))
    if not changes:
        raise UsageError("the older run has no ratios to compare with")
    return changes


def _verdict(old: Ratio, new: Ratio) -> str:
    if math.isnan(old.low) or math.isnan(new.high):
        return UNKNOWN
    return SLOWER if new.high < old.low else HOLDS


def exit_code(changes: list[Change]) -> int:
    """Return 1 if something is slower or missing, else 0."""
    return int(any(change.verdict in (SLOWER, GONE) for change in changes))


def table(changes: list[Change]) -> Table:
    """Return the comparison as a table, what is slower first."""
    order = [SLOWER, GONE, OTHER, UNKNOWN, HOLDS]
    columns = [
        words("work", "group"),
        words("implementation", "name"),
        Column("old ratio", lambda c: number(c.old.value)),
        Column("99% interval", lambda c: interval(c.old)),
        Column("new ratio", lambda c: number(c.new.value) if c.new else ""),
        Column("99% interval", lambda c: interval(c.new) if c.new else ""),
        Column("change", lambda c: f"{c.new.value / c.old.value - 1:+.0%}" if c.new else ""),
        words("verdict", lambda c: c.verdict + (f": {c.reason}" if c.reason else "")),
    ]
    return Table.of(columns, sorted(changes, key=lambda change: order.index(change.verdict)))
