"""Makes a run's report again: ``python -m bench.report``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

from bench.base.command import argument, command
from bench.planning.options import takes_settings

EPILOG = "Examples:\n\nlatentgrid report   (of results)\n\nlatentgrid report out --store /big/store"

TEXTS = {
    "store": "Folder of stored results; by default that of the grid.",
    "equivalence": "Margin within which a pipeline is called equivalent to the best; by default "
    "that of the grid.",
    "plugins": "Python file that registers the data set of the grid; others are not needed. It is "
    "run, so name only files that you trust. Those that grid.toml names are not run.",
}


@command("python -m bench.report", EPILOG)
@takes_settings([*TEXTS], TEXTS)
def main(
    settings: dict[str, Any],
    results: Annotated[
        Path, argument("Results folder of a grid.", "DIR", show_default=False)
    ] = Path("results"),
) -> int:
    """Make results.md, index.html, tables and figures again, from records and artifacts.

    Every grid writes them at its end. Use this command after a change of latentgrid, for another
    margin of equivalence, or if a file was lost. index.html shows the results in one file: it needs
    no network, and can be sent as it is. results.csv and grid.toml are read and not changed. No
    model is trained.
    """
    from bench.report.again import write_again

    for page in write_again(results, **settings):
        print(f"see {page}")
    return 0


if __name__ == "__main__":
    main()
