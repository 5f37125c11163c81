"""Two runs, before and after a change: ``python -m bench.compare``."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from bench.base.command import main_of, new_app
from bench.base.errors import UsageError, one_line

if TYPE_CHECKING:
    import pandas as pd

    from bench.analysis.inference import Comparison, Evidence, Interval
    from bench.analysis.verdicts import Cell

BETTER, WORSE, ALIKE = "better", "worse", "not told apart"
ONLY_BEFORE, ONLY_AFTER, UNPAIRED = "only before", "only after", "no seed in common"

# What tells whether two runs were on the same images and seeds.
SAME = ("dataset_fingerprint", "validation_fingerprint", "labels_fingerprint")
NEEDED = (*SAME, "base_seed", "independent_images", "validation_images", "cluster_artifacts")

EPILOG = (
    "Exit codes: 0 no cell is worse, 1 some are, 2 misuse.\n\nExample:\n\n"
    "python -m bench.compare before/results.csv after/results.csv"
)

app = new_app()


@dataclass(frozen=True)
class Change:
    """What became of a cell.

    Attributes
    ----------
    dataset, model, chain : str
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

    dataset: str
    model: str
    chain: str
    before: float | None
    after: float | None
    gain: Interval | None
    p: float | None
    seeds: int
    verdict: str


@dataclass(frozen=True)
class Pair:
    """What two runs have to show on one data set.

    Attributes
    ----------
    dataset : str
    before, after : dict
        Evidence by model and chain, on the same images.
    independent : bool
        Whether images are.
    """

    dataset: str
    before: dict[Cell, Evidence]
    after: dict[Cell, Evidence]
    independent: bool = True

    @property
    def cells(self) -> list[Cell]:
        """The cells of either run."""
        return list(dict.fromkeys([*self.before, *self.after]))

    @property
    def paired(self) -> list[Cell]:
        """The cells of both runs that have a seed in common."""
        both = [cell for cell in self.cells if cell in self.before and cell in self.after]
        return [cell for cell in both if self.before[cell].shared(self.after[cell])]


def compare(
    before: dict[Cell, Evidence], after: dict[Cell, Evidence], independent: bool = True
) -> list[Change]:
    """Compare two runs on one data set; see `compare_sets`.

    Parameters
    ----------
    before, after : dict
        Evidence by model and chain, on the same images.
    independent : bool
        Whether images are.
    """
    return compare_sets([Pair("", before, after, independent)])


def compare_sets(pairs: list[Pair]) -> list[Change]:
    """Compare two runs cell by cell on each data set, paired by seeds and images.

    A cell is better or worse only if an exact sign-flip test over seeds, corrected for the number
    of cells on all data sets by Holm's method, and the paired interval over images both say so.
    """
    from bench.analysis.inference import adjust_jointly, compare_all

    found = [
        each
        for pair in pairs
        for each in compare_all(
            [(pair.after[cell], pair.before[cell]) for cell in pair.paired], pair.independent
        )
    ]
    places = [(pair.dataset, cell) for pair in pairs for cell in pair.paired]
    by_place = dict(zip(places, adjust_jointly(found), strict=True))
    return [
        _change(pair, cell, by_place.get((pair.dataset, cell)))
        for pair in pairs
        for cell in pair.cells
    ]


def _change(pair: Pair, cell: Cell, found: Comparison | None) -> Change:
    before, after = pair.before.get(cell), pair.after.get(cell)
    where = (pair.dataset, *cell)
    if before is None or after is None or found is None:
        verdict = ONLY_AFTER if before is None else ONLY_BEFORE if after is None else UNPAIRED
        return Change(*where, _mean(before), _mean(after), None, None, 0, verdict)
    seeds = before.shared(after)
    verdict = ALIKE
    if found.told_apart:
        verdict = BETTER if found.difference.mean > 0 else WORSE
    return Change(
        *where,
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
    """Write the comparison as a table, what is worse first; data sets are named if several."""
    from tabulate import tabulate

    order = [WORSE, BETTER, ALIKE, UNPAIRED, ONLY_BEFORE, ONLY_AFTER]
    several = len({change.dataset for change in changes}) > 1
    rows = [
        [
            *([change.dataset] if several else []),
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
    align = ["left", "left", *["right"] * 6, "left"]
    if several:
        header, align = ["data set", *header], ["left", *align]
    return tabulate(rows, header, disable_numparse=True, colalign=align)


def _limits(gain: Interval | None) -> str:
    if gain is None or gain.low != gain.low:
        return "–"
    return f"{gain.low:+.3f} to {gain.high:+.3f}"


def _load(path: Path) -> dict[str, tuple[pd.DataFrame, dict[Cell, Evidence]]]:
    """Read records and hits by data set."""
    from bench.analysis import correctness, records
    from bench.analysis.summary import by_dataset

    sets = by_dataset(records.read(path, NEEDED))
    return {
        name: (each, correctness.read(each, path.with_name(correctness.FILE)))
        for name, each in sets.items()
    }


def _pair(before: Path, after: Path) -> tuple[list[Pair], list[str]]:
    """Pair what two runs have on each data set, and say which only one of them has.

    Data sets are paired by name. Runs on one each are paired whatever it is called: a folder may
    have moved.
    """
    one, other = _load(before), _load(after)
    if len(one) == len(other) == 1:
        other = dict(zip(one, other.values(), strict=True))
    shared = [name for name in one if name in other]
    if not shared:
        raise UsageError(
            f"the two runs have no data set in common: before {', '.join(one)}; after "
            f"{', '.join(other)}"
        )
    pairs = [_on(name, *one[name], *other[name], len(one) + len(other) > 2) for name in shared]
    notes = [f"{name}: only in the run before" for name in one if name not in other]
    notes += [f"{name}: only in the run after" for name in other if name not in one]
    notes += [f"{p.dataset}: no cell has hits in either run" for p in pairs if not p.cells]
    return pairs, notes


def _on(
    dataset: str,
    first: pd.DataFrame,
    before: dict[Cell, Evidence],
    second: pd.DataFrame,
    after: dict[Cell, Evidence],
    several: bool,
) -> Pair:
    """Pair two runs on a data set; other base seeds match no seed of the other run's."""
    _check(first, second, several)
    if int(first["base_seed"].iloc[0]) != int(second["base_seed"].iloc[0]):
        after = {cell: each.renumbered() for cell, each in after.items()}
    return Pair(dataset, before, after, bool(first["independent_images"].iloc[0]))


def _check(before: pd.DataFrame, after: pd.DataFrame, several: bool) -> None:
    """Refuse runs that were not on the same images."""
    for column in SAME:
        one, other = (str(frame[column].iloc[0])[:16] for frame in (before, after))
        if one != other:
            raise UsageError(
                f"the two runs are not on the same data ({column} {one} and {other}"
                + (f", {before['dataset'].iloc[0]}" if several else "")
                + "): their accuracies are not comparable"
            )


@app.command(epilog=EPILOG)
def main_command(
    before: Annotated[Path, typer.Argument(help="results.csv of the run before.")],
    after: Annotated[Path, typer.Argument(help="results.csv of the run after.")],
) -> int:
    """Compare two runs of a grid on the same images, cell by cell.

    Cells are paired by seeds and images, and several data sets by name; the correction is for all
    comparisons together. The file of hits that every run leaves beside its results.csv is read as
    well.
    """
    from bench.analysis.inference import seeds_needed

    pairs, notes = _pair(before, after)
    changes = compare_sets(pairs)
    print(lay_out(changes))
    for note in notes:
        print(f"note: {one_line(note)}")
    paired = [change for change in changes if change.gain is not None]
    needed = seeds_needed(len(paired))
    if paired and max(change.seeds for change in paired) < needed:
        print(f"{needed} seeds are the least with which {len(paired)} cells could be told apart")
    return exit_code(changes)


main = main_of(app, "python -m bench.compare")


if __name__ == "__main__":
    main()
