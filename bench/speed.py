"""Speed: ``python -m bench.speed`` shows a run of the benchmark suite, or compares two."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from bench.base.command import argument, command, option
from bench.base.errors import UsageError

EPILOG = (
    "Exit codes: 0 no benchmark is slower, 1 some are slower or missing, 2 wrong usage.\n\n"
    "Examples:\n\n"
    "pytest --benchmark-only --benchmark-json=new.json   (measure)\n\n"
    "latentgrid speed new.json   (show)\n\n"
    "latentgrid speed old.json new.json   (compare)"
)
RUNS = (
    "One result to show, or an older and a newer one to compare: files written by "
    "pytest --benchmark-only --benchmark-json=FILE."
)


@command("python -m bench.speed", EPILOG)
def main(
    runs: Annotated[list[Path], argument(RUNS, "[OLD.json] NEW.json")],
    into: Annotated[
        Path | None, option("Also write the newer result as a page in Markdown.", "FILE.md")
    ] = None,
) -> int:
    """Show a result of the benchmark suite, or compare two by their ratios to a rival.

    Absolute times depend on the machine. The ratio says how many times as fast as a plain loop the
    training core is, measured in turn on the same machine, and depends on the code. Slower is what
    lies below the older ratio beyond the intervals of both.
    """
    from bench.base.files import write_text
    from bench.report import speed_changes
    from bench.report.columns import to_terminal
    from bench.report.speed import read
    from bench.report.speed_page import page, same_work, table

    if len(runs) > 2:
        raise UsageError(f"give one or two results, found {len(runs)}")
    found = [read(path) for path in runs]
    if into is not None:
        if into.is_dir() or not into.parent.is_dir():
            raise UsageError(f"--into must be a file in a folder that exists, found {into}")
        write_text(into, page(found[-1]))
    if len(found) == 1:
        print(to_terminal(table(found[0])))
        if pairs := same_work(found[0]):
            print(f"\nThe same work, timed twice:\n\n{to_terminal(pairs)}")
        return 0
    changes = speed_changes.compare(found[0], found[1])
    print(to_terminal(speed_changes.table(changes)))
    return speed_changes.exit_code(changes)


if __name__ == "__main__":
    main()
