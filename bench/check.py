"""The gate: ``python -m bench.check`` compares results with thresholds."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

from bench.base.command import argument, command, option
from bench.base.errors import UsageError

EPILOG = (
    "Exit codes: 0 every pipeline passes, 1 some fall short, 2 wrong usage, 3 too few seeds, "
    "also for --update, or no threshold for one of several data sets.\n\nExamples:\n\n"
    "latentgrid check   (results/results.csv)\n\n"
    "latentgrid check --update   (set the thresholds from the current results)\n\n"
    "latentgrid check out/results.csv --json gate.json --junit gate.xml"
)
RESULTS, THRESHOLDS = Path("results/results.csv"), Path("results/thresholds.toml")
UPDATE = "Set the thresholds from these results, with a margin from the spread over seeds."


@command("python -m bench.check", EPILOG)
def main(
    results: Annotated[Path, argument("Records of a grid.", "[RESULTS.CSV]")] = RESULTS,
    thresholds: Annotated[Path, option("File of thresholds.", "FILE")] = THRESHOLDS,
    update: Annotated[bool, option(UPDATE, name="--update")] = False,
    json_file: Annotated[
        Path | None, option("Write the verdicts as JSON too.", "FILE", "--json")
    ] = None,
    junit_file: Annotated[
        Path | None, option("Write them as JUnit XML too.", "FILE", "--junit")
    ] = None,
) -> int:
    """Compare a grid's results with thresholds, and fail if they fall short.

    For each pipeline that results/thresholds.toml names, the mean accuracy must reach a lower
    limit, and the reconstruction loss must not exceed an upper limit. Each of several data sets is
    compared with its own thresholds. If one has no thresholds, the exit code is 3, which is not a
    pass.
    """
    from bench.analysis import gate
    from bench.analysis import thresholds as limits
    from bench.analysis.records import read
    from bench.analysis.results import Results
    from bench.base.errors import name_first
    from bench.base.files import write_output
    from bench.report.command_tables import check_table

    found = Results(read(results))
    if update:
        if json_file or junit_file:
            raise UsageError("--update does not compare: leave out --json and --junit")
        before = limits.read(thresholds) if thresholds.exists() else []
        after = limits.update(before, found)
        if idle := limits.idle(after):
            print(
                f"no thresholds written: the lowest accuracy of {name_first(idle)} would be 0, "
                "which every run reaches: run the grid with more seeds",
                file=sys.stderr,
            )
            return 3
        limits.write(thresholds, after)
        for of_set in found.by_dataset().values():
            preset, dataset = limits.identity(of_set)
            count = sum(threshold.applies_to(of_set) for threshold in after)
            print(f"wrote {count} thresholds for preset {preset} on {dataset} to {thresholds}")
        return 0
    verdicts = gate.judge(limits.read(thresholds), found)
    print(check_table(verdicts))
    for path, text in ((json_file, gate.as_json), (junit_file, gate.junit)):
        if path is not None:
            write_output(path, text(verdicts))
    return gate.exit_code(verdicts)


if __name__ == "__main__":
    main()
