"""Two runs, before and after a change: ``python -m bench.compare``."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from bench.errors import UsageError

if TYPE_CHECKING:
    import pandas as pd

    from bench.evidence import Comparison, Evidence, Interval
    from bench.verdicts import Cell

BETTER, WORSE, ALIKE = "better", "worse", "not told apart"
ONLY_BEFORE, ONLY_AFTER, UNPAIRED = "only before", "only after", "no seed in common"

# What tells whether two runs were on the same images and seeds.
SAME = ("dataset_fingerprint", "validation_fingerprint", "labels_fingerprint")
NEEDED = (*SAME, "base_seed", "independent_images", "validation_images", "cluster_artifacts")

EPILOG = (
    "Exit codes: 0 no cell is worse, 1 some are, 2 misuse.\n\nExample:\n\n"
    "python -m bench.compare before/results.csv after/results.csv"
)

app = typer.Typer(add_completion=False, rich_markup_mode="rich", pretty_exceptions_enable=False)


@dataclass(frozen=True)
class Change:
    """What became of a cell.

    Attributes
    ----------
    model, chain : str
    before, after : float or None
        Mean accuracy over the seeds that both runs have, or of the one run that has the cell.
    gain : Interval or None
        Of accuracy, paired by seeds and images; None where nothing can be paired.
    p : float or None
        Of the exact sign-flip test over seeds, after Holm's correction.
    seeds : int
        Seeds that both have.
    verdict : str
    """

    model: str
    chain: str
    before: float | None
    after: float | None
    gain: Interval | None
    p: float | None
    seeds: int
    verdict: str


def compare(
    before: dict[Cell, Evidence], after: dict[Cell, Evidence], independent: bool = True
) -> list[Change]:
    """Compare two runs cell by cell, paired by seeds and images.

    A cell is better or worse only if an exact sign-flip test over seeds, corrected for the number
    of cells by Holm's method, and the paired interval over images both say so.

    Parameters
    ----------
    before, after : dict
        Evidence by model and chain, on the same images.
    independent : bool
        Whether images are.
    """
    from bench.evidence import compare_all

    cells = list(dict.fromkeys([*before, *after]))
    paired = [
        cell
        for cell in cells
        if cell in before and cell in after and before[cell].shared(after[cell])
    ]
    found = compare_all([(after[cell], before[cell]) for cell in paired], independent)
    by_cell = dict(zip(paired, found, strict=True))
    return [_change(cell, before.get(cell), after.get(cell), by_cell.get(cell)) for cell in cells]


def _change(
    cell: Cell, before: Evidence | None, after: Evidence | None, found: Comparison | None
) -> Change:
    model, chain = cell
    if before is None or after is None or found is None:
        verdict = ONLY_AFTER if before is None else ONLY_BEFORE if after is None else UNPAIRED
        return Change(model, chain, _mean(before), _mean(after), None, None, 0, verdict)
    seeds = before.shared(after)
    verdict = ALIKE
    if found.told_apart:
        verdict = BETTER if found.difference.mean > 0 else WORSE
    return Change(
        model,
        chain,
        _mean(before, seeds),
        _mean(after, seeds),
        found.difference,
        found.adjusted,
        len(seeds),
        verdict,
    )


def _mean(evidence: Evidence | None, seeds: list[int] | None = None) -> float | None:
    return None if evidence is None else float(evidence.values(seeds).mean())


def exit_code(changes: list[Change]) -> int:
    """Return 1 if a cell is worse, else 0."""
    return int(any(change.verdict == WORSE for change in changes))


def lay_out(changes: list[Change]) -> str:
    """Write the comparison as a table, what is worse first."""
    from tabulate import tabulate

    order = [WORSE, BETTER, ALIKE, UNPAIRED, ONLY_BEFORE, ONLY_AFTER]
    rows = [
        [
            change.model,
            change.chain,
            "–" if change.before is None else f"{change.before:.3f}",
            "–" if change.after is None else f"{change.after:.3f}",
            "–" if change.gain is None else f"{change.gain.mean:+.3f}",
            _limits(change.gain),
            "–" if change.p is None else f"{change.p:.3f}",
            str(change.seeds),
            change.verdict,
        ]
        for change in sorted(changes, key=lambda change: order.index(change.verdict))
    ]
    header = ["model", "chain", "before", "after", "gain", "95%", "p", "seeds", "verdict"]
    align = ("left", "left", *["right"] * 6, "left")
    return tabulate(rows, header, disable_numparse=True, colalign=align)


def _limits(gain: Interval | None) -> str:
    if gain is None or gain.low != gain.low:
        return "–"
    return f"{gain.low:+.3f} to {gain.high:+.3f}"


def _load(path: Path) -> tuple[pd.DataFrame, dict[Cell, Evidence]]:
    from bench import hits, records

    found = records.read(path, NEEDED)
    return found, hits.read(found, path.with_name(hits.FILE))


def _check(before: pd.DataFrame, after: pd.DataFrame) -> None:
    """Refuse runs that were not on the same images."""
    for column in SAME:
        one, other = (str(frame[column].iloc[0])[:16] for frame in (before, after))
        if one != other:
            raise UsageError(
                f"the two runs are not on the same data ({column} {one} and {other}): their "
                "accuracies are not comparable"
            )


@app.command(epilog=EPILOG)
def main_command(
    before: Annotated[Path, typer.Argument(help="results.csv of the run before.")],
    after: Annotated[Path, typer.Argument(help="results.csv of the run after.")],
) -> int:
    """Compare two runs of a grid on the same images, cell by cell.

    Cells are paired by seeds and images. The file of hits that every run leaves beside its
    results.csv is read as well.
    """
    from bench.evidence import seeds_needed

    (first, evidence), (second, later) = _load(before), _load(after)
    _check(first, second)
    if int(first["base_seed"].iloc[0]) != int(second["base_seed"].iloc[0]):
        later = {cell: each.renumbered() for cell, each in later.items()}
    changes = compare(evidence, later, bool(first["independent_images"].iloc[0]))
    print(lay_out(changes))
    paired = [change for change in changes if change.gain is not None]
    needed = seeds_needed(len(paired))
    if paired and max(change.seeds for change in paired) < needed:
        print(f"{needed} seeds are the least with which {len(paired)} cells could be told apart")
    return exit_code(changes)


def main(arguments: list[str] | None = None) -> None:
    """Run the command line."""
    from bench.console import run_app

    run_app(app, arguments, "python -m bench.compare")


if __name__ == "__main__":
    main()
