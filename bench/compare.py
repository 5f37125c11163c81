"""Two runs, before and after a change: ``python -m bench.compare``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from bench.base.command import argument, command

EPILOG = (
    "Exit codes: 0 no pipeline is significantly worse, 1 some are, 2 wrong usage.\n\nExample:\n\n"
    "latentgrid compare before/results.csv after/results.csv"
)


@command("python -m bench.compare", EPILOG)
def main(
    before: Annotated[Path, argument("results.csv of the earlier results.")],
    after: Annotated[Path, argument("results.csv of the later results.")],
) -> int:
    """Compare two results of a grid on the same images, pipeline by pipeline.

    Pipelines are paired by seeds and images, and several data sets by name. The variances of all
    pipelines steady each other, and all comparisons are corrected together (docs/verdicts.md).
    correctness.safetensors, which every grid writes beside results.csv, is read as well.
    """
    from bench.analysis.compare_runs import compare, exit_code, read_pairs
    from bench.analysis.verdicts import NOT_TESTED
    from bench.base.errors import one_line
    from bench.report.command_tables import compare_table

    pairs, notes = read_pairs(before, after)
    changes = compare(pairs)
    print(compare_table(changes))
    for note in notes:
        print(f"note: {one_line(note)}")
    if any(change.verdict == NOT_TESTED for change in changes):
        print(f"{NOT_TESTED}: two seeds in common are needed, or independent images")
    return exit_code(changes)


if __name__ == "__main__":
    main()
