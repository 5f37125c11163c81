"""docs/speed.md, from a run of the benchmark suite."""

from __future__ import annotations

import json
import math
import statistics
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bench.base.errors import UsageError, reason
from bench.base.files import read_text
from bench.report.columns import Column, Table, words
from bench.report.templates import markdown

FILE = "speed.json"  # where `make bench` puts a run, beside results.md


@dataclass(frozen=True)
class Timed:
    """What one benchmark measured."""

    group: str
    name: str
    seconds: list[float]  # one time a round; the rivals of a group ran in turns
    facts: dict[str, Any]  # its extra_info

    @property
    def median(self) -> float:
        """The median time in seconds."""
        return statistics.median(self.seconds)


@dataclass(frozen=True)
class Speeds:
    """A run of the benchmark suite."""

    machine: str
    when: str  # date and time as pytest-benchmark writes them
    timed: list[Timed]

    def ratio(self, one: Timed) -> float | None:
        """Return how many times as fast as its rival something is; None without a rival.

        The median over rounds of the rival's time divided by its own: a slowdown of the machine
        affects both in the same round.
        """
        against = one.facts.get("against")
        for other in self.timed:
            if other.group == one.group and other.facts.get("rival") == against is not None:
                pairs = zip(other.seconds, one.seconds, strict=False)
                return statistics.median(theirs / ours for theirs, ours in pairs)
        return None


def read(path: Path) -> Speeds:
    """Read a file that ``pytest --benchmark-only --benchmark-json=FILE`` wrote.

    Raises
    ------
    UsageError
        If it is missing or something else.
    """
    try:
        found = json.loads(read_text(path))
        timed = [
            Timed(
                str(each["group"] or ""),
                str(each["param"] or each["name"]).removeprefix("test_"),
                [float(seconds) for seconds in each["stats"]["data"]],
                dict(each["extra_info"]),
            )
            for each in found["benchmarks"]
        ]
        machine, when = str(found["machine_info"]["cpu"]["brand_raw"]), str(found["datetime"])
    except FileNotFoundError:
        raise UsageError(
            f"no run of the benchmark suite at {path}: make bench writes one"
        ) from None
    except OSError as error:
        raise UsageError(f"cannot read {path}: {reason(error)}") from None
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        raise UsageError(
            f"{path} is not what pytest --benchmark-json=FILE writes ({type(error).__name__})"
        ) from None
    if not all(each.seconds and all(s > 0 for s in each.seconds) for each in timed):
        raise UsageError(f"{path} holds benchmarks without times")
    return Speeds(machine, when, timed)


def table(speeds: Speeds) -> Table:
    """Return a run as a table: ratios first, absolute times last."""

    def fact(name: str, form: str) -> Callable[[Timed], str]:
        return lambda one: form.format(one.facts[name]) if one.facts.get(name) is not None else ""

    def ratio(one: Timed) -> str:
        found = speeds.ratio(one)
        return "" if found is None else f"{found:.2f}"

    columns = [
        words("work", "group"),
        words("implementation", "name"),
        Column("ratio", ratio),
        words("rival", lambda one: one.facts["against"] if ratio(one) else ""),
        Column("images/s", fact("images_per_second", "{:,.0f}")),
        Column("of matrix rate", fact("share_of_matrix_rate", "{:.0%}")),
        Column("memory", fact("peak_memory_mb", "{:,.0f} MiB")),
        Column("time", lambda one: _time(one.median)),
    ]
    # Training first, then what else has a rival, then what has none.
    order = sorted(
        speeds.timed,
        key=lambda one: (not one.group.startswith("train"), speeds.ratio(one) is None),
    )
    return Table.of(columns, order)


def _time(seconds: float) -> str:
    """Write a time in the unit that suits it, with three digits."""
    unit, factor = next(
        ((u, f) for u, f in (("s", 1.0), ("ms", 1e3), ("µs", 1e6)) if seconds * f >= 1),
        ("ns", 1e9),
    )
    value = seconds * factor
    return f"{value:.{max(0, 2 - math.floor(math.log10(value)))}f} {unit}"


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
    )
    return f"{text}\n"
