"""Speed: ``python -m bench.speed`` shows a run of the benchmark suite, or compares two."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from bench.base.command import main_of, new_app
from bench.base.errors import UsageError

if TYPE_CHECKING:
    from bench.report.columns import Table
    from bench.report.speed import Speeds

HOLDS, SLOWER, OTHER, GONE = "holds", "slower", "not comparable", "missing"

# What two measurements must share to be compared.
SETTINGS = ("device", "precision", "threads", "batch", "images", "features")

EPILOG = (
    "Exit codes: 0 nothing is slower, 1 something is slower or missing, 2 misuse.\n\nExamples:\n\n"
    "pytest --benchmark-only --benchmark-json=new.json   (measure)\n\n"
    "latentgrid speed new.json   (show)\n\n"
    "latentgrid speed old.json new.json --tolerance 0.1   (compare)"
)

app = new_app()


@dataclass(frozen=True)
class Change:
    """How a ratio changed from one run to another.

    Attributes
    ----------
    group, name : str
    old : float
        Times as fast as the rival.
    new : float or None
        The same; None where it is missing.
    verdict : str
        ``holds``, ``slower``, ``not comparable`` or ``missing``.
    reason : str
        What differs, where it is not comparable.
    """

    group: str
    name: str
    old: float
    new: float | None
    verdict: str
    reason: str = ""


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
        if before is None or one.facts["rival"] == one.facts["against"]:
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
        raise UsageError("the older run holds no rivals to compare by")
    return changes


def exit_code(changes: list[Change]) -> int:
    """Return 1 if something is slower or missing, else 0."""
    return int(any(change.verdict in (SLOWER, GONE) for change in changes))


def table(changes: list[Change]) -> Table:
    """Return the comparison as a table, what is slower first."""
    from bench.report.columns import Column, Table, words

    order = [SLOWER, GONE, OTHER, HOLDS]
    columns = [
        words("what", "group"),
        words("who", "name"),
        Column("old ratio", lambda change: f"{change.old:.2f}"),
        Column("new ratio", lambda c: "" if c.new is None else f"{c.new:.2f}"),
        Column("change", lambda c: "" if c.new is None else f"{c.new / c.old - 1:+.0%}"),
        words("verdict", lambda c: c.verdict + (f": {c.reason}" if c.reason else "")),
    ]
    return Table.of(columns, sorted(changes, key=lambda change: order.index(change.verdict)))


@app.command(epilog=EPILOG)
def speed(
    runs: Annotated[
        list[Path],
        typer.Argument(
            help="One run to show, or an older and a newer one to compare: files that "
            "pytest --benchmark-only --benchmark-json=FILE wrote.",
            metavar="[OLD.json] NEW.json",
            show_default=False,
        ),
    ],
    tolerance: Annotated[
        float, typer.Option(help="Share of a ratio that may be lost, 0 to 1.", metavar="X")
    ] = 0.15,
    into: Annotated[
        Path | None,
        typer.Option(help="Put the run into this results.md, as its section Speed."),
    ] = None,
) -> int:
    """Show a run of the benchmark suite, or compare two by their ratios to a rival.

    Absolute times change with the machine. How many times as fast as the plain loop the core is,
    measured in turns with it, changes with the code.
    """
    from bench.base.files import write_text
    from bench.report.columns import to_terminal
    from bench.report.speed import fold, read, section
    from bench.report.speed import table as speed_table

    if len(runs) > 2:
        raise UsageError(f"one or two runs are wanted, found {len(runs)}")
    if not 0 <= tolerance <= 1:
        raise UsageError(f"--tolerance must be 0 to 1, found {tolerance:g}")
    found = [read(path) for path in runs]
    if into is not None:
        if not into.is_file():
            raise UsageError(f"no results at {into}: python -m bench.grid writes them")
        write_text(into, fold(into.read_text(encoding="utf-8"), section(found[-1])))
    if len(found) == 1:
        print(to_terminal(speed_table(found[0])))
        return 0
    changes = compare(found[0], found[1], tolerance)
    print(to_terminal(table(changes)))
    return exit_code(changes)


main = main_of(app, "python -m bench.speed")


if __name__ == "__main__":
    main()
