"""The gate: ``python -m bench.check`` compares results with thresholds."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from bench.base.command import main_of, new_app
from bench.base.errors import UsageError

EPILOG = (
    "Exit codes: 0 everything holds, 1 something fell short, 2 misuse, 3 too few seeds, "
    "or no threshold for one of several data sets.\n\nExamples:\n\n"
    "latentgrid check   (results/results.csv)\n\n"
    "latentgrid check --update   (set the thresholds from the present results)\n\n"
    "latentgrid check out/results.csv --json gate.json --junit gate.xml"
)

app = new_app()


def _option(help_text: str, metavar: str | None = None, *names: str) -> Any:
    return typer.Option(*names, help=help_text, metavar=metavar, show_default=False)


@app.command(epilog=EPILOG)
def check(
    results: Annotated[
        Path, typer.Argument(help="Records of a grid.", metavar="[RESULTS.CSV]", show_default=False)
    ] = Path("results/results.csv"),
    thresholds: Annotated[Path, _option("By default results/thresholds.toml.", "FILE")] = Path(
        "results/thresholds.toml"
    ),
    update: Annotated[
        bool,
        _option(
            "Set the thresholds from these results, with a margin from their seeds' spread.",
            None,
            "--update",
        ),
    ] = False,
    json_file: Annotated[
        Path | None, _option("Write the verdicts as JSON as well.", "FILE", "--json")
    ] = None,
    junit_file: Annotated[
        Path | None, _option("Write them as JUnit XML as well.", "FILE", "--junit")
    ] = None,
) -> int:
    """Compare a grid's results with thresholds, and fail when they fell short.

    For each pipeline that results/thresholds.toml names: is its mean accuracy at least, its
    reconstruction loss at most what it should be? Each of several data sets is compared with its
    own thresholds; one that has none makes exit code 3, which is no pass.
    """
    from bench.analysis import gate
    from bench.analysis import thresholds as limits
    from bench.analysis.records import read
    from bench.analysis.results import Results
    from bench.report.verdicts import check_table

    found = Results(read(results))
    if update:
        if json_file or junit_file:
            raise UsageError("--update judges nothing, so that --json and --junit have no use")
        before = limits.read(thresholds) if thresholds.exists() else []
        after = limits.update(before, found)
        limits.write(thresholds, after)
        for of_set in found.by_dataset().values():
            preset, dataset = limits.identity(of_set)
            count = sum(threshold.applies_to(of_set) for threshold in after)
            print(f"{count} thresholds for preset {preset} on {dataset} are in {thresholds}")
        return 0
    verdicts = gate.judge(limits.read(thresholds), found)
    print(check_table(verdicts))
    for path, text in ((json_file, gate.as_json), (junit_file, gate.junit)):
        if path is not None:
            _write(path, text(verdicts))
    return gate.exit_code(verdicts)


def _write(path: Path, text: str) -> None:
    from bench.base.files import write_text

    try:
        write_text(path, text)
    except OSError as error:
        raise UsageError(f"{path} cannot be written: {error.strerror}") from None


main = main_of(app, "python -m bench.check")


if __name__ == "__main__":
    main()
