"""Label-free selection and its regret: ``python -m bench.select``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from bench.base.command import argument, command

EPILOG = (
    "Example, on three labeled data sets:\n\n"
    "latentgrid grid --dataset digits,photos,npy:DIR --resamples 1 --out out\n\n"
    "latentgrid select out/results.csv"
)


@command("python -m bench.select", EPILOG)
def main(
    results: Annotated[
        list[Path],
        argument("results.csv of grids on one or more labeled data sets.", "RESULTS.CSV..."),
    ],
) -> int:
    """Compare every score that needs no labels with accuracy, on labeled data sets.

    For each data set and score, the table shows the rank correlation with accuracy over pipelines,
    with its 95% interval over encoders; the pipeline that the score selects; and its regret: the
    best pipeline's accuracy minus that of the selected one. Where several pipelines are tied, the
    regret is the mean over them. The verdict says whether that pipeline may be the best as well, or
    is significantly worse. With several data sets, each is left out in turn: a score is chosen on
    the others and judged on this one.
    """
    from bench.analysis.selection import select_in
    from bench.report.command_tables import select_tables

    print(select_tables(select_in(results)))
    return 0


if __name__ == "__main__":
    main()
