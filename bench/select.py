"""How far can cells be chosen without labels? ``python -m bench.select``."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from bench.base.command import main_of, new_app
from bench.base.errors import UsageError

if TYPE_CHECKING:
    from bench.analysis.selection import LeftOut, Trust

EPILOG = (
    "Example, on three labeled data sets:\n\n"
    "python -m bench.grid --dataset digits,photos,npy:DIR --resamples 1 --out out\n\n"
    "python -m bench.select out/results.csv"
)

app = new_app()


def lay_out(by_set: dict[str, list[Trust]]) -> str:
    """Write what was found as a table: a row a data set and score."""
    from tabulate import tabulate

    rows = [
        [
            dataset,
            each.score,
            "–" if each.correlation != each.correlation else f"{each.correlation:+.2f}",
            f"{each.model}, {each.chain}",
            f"{each.regret:.3f}",
            str(each.cells),
        ]
        for dataset, found in by_set.items()
        for each in found
    ]
    header = ["data set", "score", "rank correlation", "would pick", "regret", "cells"]
    align = ("left", "left", "right", "left", "right", "right")
    return tabulate(rows, header, tablefmt="pipe", disable_numparse=True, colalign=align)


def lay_out_left_out(found: list[LeftOut]) -> str:
    """Write what a score chosen on the other sets does on each."""
    from tabulate import tabulate

    rows = [
        [each.dataset, each.chosen, f"{each.regret:.3f}", f"{each.correlation:+.2f}"]
        for each in found
    ]
    header = ["data set left out", "chosen on the others", "regret", "rank correlation"]
    align = ("left", "left", "right", "right")
    return tabulate(rows, header, tablefmt="pipe", disable_numparse=True, colalign=align)


@app.command(epilog=EPILOG)
def main_command(
    results: Annotated[
        list[Path],
        typer.Argument(
            help="results.csv of runs on labeled data; of one set each, or of several.",
            metavar="RESULTS.CSV...",
        ),
    ],
) -> int:
    """Hold every score that needs no labels against accuracy, where that is known.

    For each data set and score: the rank correlation with accuracy over cells, the cell that the
    score would have picked, and its regret, the best cell's accuracy less the pick's. With several
    data sets a score is chosen on all but one and judged on that one, each in turn.
    """
    from bench.analysis.selection import leave_one_out

    by_set = read(results)
    print(lay_out(by_set))
    if len(by_set) > 1:
        print()
        print(lay_out_left_out(leave_one_out(by_set)))
    return 0


def read(paths: list[Path]) -> dict[str, list[Trust]]:
    """Read results, and hold scores against accuracy on each data set.

    Raises
    ------
    UsageError
        If a data set is there twice, or none is labeled and has three complete cells.
    """
    from bench.analysis import records
    from bench.analysis.selection import trust

    by_set: dict[str, list[Trust]] = {}
    for path in paths:
        found = records.read(path, ("null_silhouette",))
        for dataset, rows in found.groupby("dataset", sort=False):
            if str(dataset) in by_set:
                raise UsageError(f"{dataset} is in these results twice: name each data set once")
            judged = trust(rows)
            if judged:
                by_set[str(dataset)] = judged
    if not by_set:
        raise UsageError(
            "nothing to hold scores against: none of these data sets is labeled and has three "
            "complete cells"
        )
    return by_set


main = main_of(app, "python -m bench.select")


if __name__ == "__main__":
    main()
