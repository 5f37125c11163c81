"""docs/speed.md, and the table that ``latentgrid speed`` shows."""

from __future__ import annotations

import math
from collections.abc import Callable

from bench.analysis import rounds
from bench.analysis.rounds import Ratio
from bench.report.columns import Column, Table, words
from bench.report.speed import CONTROL, Speeds, Timed
from bench.report.templates import markdown


def table(speeds: Speeds) -> Table:
    """Return a run as a table: ratios first, absolute times last."""

    def of(value: Callable[[Timed], float | None], form: str) -> Callable[[Timed], str]:
        def text(one: Timed) -> str:
            found = value(one)
            return "" if found is None else form.format(found)

        return text

    columns = [
        *_ratios(speeds),
        words("rival", lambda one: one.facts["against"] if speeds.ratio(one) else ""),
        Column("images/s", of(speeds.rate, "{:,.0f}")),
        Column("of matrix rate", of(speeds.share, "{:.0%}")),
        Column("of bandwidth", of(speeds.share_of_bandwidth, "{:.0%}")),
        Column("of floor", of(speeds.share_of_floor, "{:.0%}")),
        Column("memory", of(lambda one: one.facts.get("peak_memory_mb"), "{:,.0f} MiB")),
        Column("time", lambda one: _time(speeds.seconds(one))),
    ]
    # Training first, then what else has a rival, then what has none.
    order = sorted(
        (one for one in speeds.timed if not one.same_work),
        key=lambda one: (not one.group.startswith("train"), speeds.ratio(one) is None),
    )
    return Table.of(columns, order + _controls(speeds))


def same_work(speeds: Speeds) -> Table | None:
    """Return the pairs that are the same work as a table; None where there are none."""

    def holds(one: Timed) -> str:
        found = speeds.ratio(one)
        assert found is not None
        return "yes" if found.low <= 1 <= found.high else "no"

    def alarms(one: Timed) -> str:
        logs = speeds.logarithms(one)
        assert logs is not None
        return f"{rounds.false_alarms(logs, speeds.noise):.1%}"

    columns = [*_ratios(speeds), words("holds 1", holds), Column("false alarms", alarms)]
    pairs = [one for one in speeds.timed if one.same_work and speeds.ratio(one)]
    return Table.of(columns, pairs) if pairs else None


def page(speeds: Speeds) -> str:
    """Return docs/speed.md."""
    machines = dict.fromkeys(
        f"{f['device_name']}, {f['threads']} thread{'s' * (f['threads'] != 1)}, torch {f['torch']}"
        for f in (one.facts for one in speeds.timed)
        if "device_name" in f
    )
    text = markdown(
        "speed.md",
        when=speeds.when[:10],
        machines=machines or [speeds.machine],
        table=table(speeds),
        same_work=same_work(speeds),
        resamples=rounds.RESAMPLES,
    )
    return f"{text}\n"


def number(value: float) -> str:
    """Write a ratio with two decimals, or with two digits where it is small."""
    return f"{value:.2f}" if value >= 0.1 else f"{value:.2g}"


def interval(found: Ratio) -> str:
    """Write the interval of a ratio; nothing where there is none."""
    if math.isnan(found.low) or found.low == found.high:
        return ""
    return f"{number(found.low)}–{number(found.high)}"


def _ratios(speeds: Speeds) -> list[Column]:
    def text(form: Callable[[Ratio], str]) -> Callable[[Timed], str]:
        return lambda one: "" if (found := speeds.ratio(one)) is None else form(found)

    return [
        words("work", "group"),
        words("implementation", "name"),
        Column("ratio", text(lambda found: number(found.value))),
        Column("99% interval", text(interval)),
    ]


def _controls(speeds: Speeds) -> list[Timed]:
    """Return a row for the control at each place that it was measured at."""
    return [
        Timed(CONTROL, f"matrix product, {precision}", seconds, {})
        for (_, precision, _), seconds in speeds.controls.items()
    ]


def _time(seconds: float) -> str:
    """Write a time in the unit that suits it, with three digits."""
    unit, factor = next(
        ((u, f) for u, f in (("s", 1.0), ("ms", 1e3), ("µs", 1e6)) if seconds * f >= 1),
        ("ns", 1e9),
    )
    value = seconds * factor
    return f"{value:.{max(0, 2 - math.floor(math.log10(value)))}f} {unit}"
