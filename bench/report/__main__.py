"""Makes a run's report again: ``python -m bench.report``."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from bench.base.command import main_of, new_app
from bench.base.errors import RunError, UsageError
from bench.planning.options import takes_settings

if TYPE_CHECKING:
    import pandas as pd

    from bench.analysis.folder import FinishedGrid

EPILOG = "Examples:\n\nlatentgrid report   (of results)\n\nlatentgrid report out --store /big/store"

app = new_app()


@app.command("report", epilog=EPILOG)
@takes_settings(
    ["store"], {"store": "Folder that keeps what was computed; by default that of the grid."}
)
def report(
    settings: dict[str, Any],
    results: Annotated[
        Path, typer.Argument(help="Results folder of a run.", metavar="DIR", show_default=False)
    ] = Path("results"),
) -> int:
    """Make results.md, index.html, tables and figures again, from records and artifacts.

    Every run ends with them; this is for after a change of latentgrid, or a file that was lost.
    index.html is one file to look at the run in: it needs no network, and can be sent as it is.
    results.csv and grid.toml are read and stay as they are. Nothing is trained.
    """
    from bench.analysis.folder import settings_of
    from bench.base.naming import set_name

    store = settings.get("store")
    spec = settings_of(results, store)
    several = len(spec.datasets) > 1
    folders = [results / set_name(name) for name in spec.datasets] if several else [results]
    for folder in folders:
        print(f"see {_write(folder, store)}")
    if several:
        print(f"see {_write_several(results)}")
    return 0


def _write(folder: Path, store: Path | None) -> Path:
    from bench.analysis.folder import open_grid
    from bench.analysis.results import Results
    from bench.base.console import LoadBar
    from bench.report.page import FILE
    from bench.report.write import prepare, write_report
    from bench.store import DamagedError

    with LoadBar() as progress:
        finished = open_grid(folder, store, progress)
    _need_artifacts(finished)
    prepare(folder)
    records, dataset, kept = finished.records, finished.dataset, finished.store
    try:
        with LoadBar() as progress:
            write_report(
                Results(records), dataset, kept, folder, _curve(finished), progress, again=True
            )
    except DamagedError as damage:
        raise UsageError(
            f"store {finished.store.root}: {damage.stage} {damage.key} is damaged "
            f"({damage.reason}): {_again(folder)}"
        ) from None
    except OSError as error:
        raise RunError(f"cannot write {error.filename or folder}: {error.strerror}") from error
    return folder / FILE


def _write_several(results: Path) -> Path:
    from bench.analysis import records
    from bench.analysis.results import Results
    from bench.report.page import FILE
    from bench.report.several import write_report

    write_report(Results(records.read(results / "results.csv")), results)
    return results / FILE


def _need_artifacts(finished: FinishedGrid) -> None:
    """Refuse results whose artifacts are not in the store any more."""
    columns = [name for name in map(str, finished.records) if name.endswith("_artifacts")]
    places = {
        (column.removesuffix("_artifacts"), key)
        for column in columns
        for keys in finished.records[column].dropna()
        for key in str(keys).split()
    }
    # Of a path beside a cell the stages are not in the records, nor are they shown.
    of_cells = [place for place in places if place[0] not in ("null", "resample")]
    lost = [place for place in of_cells if place not in finished.store]
    if lost:
        raise UsageError(
            f"store {finished.store.root} lacks {len(lost)} of {len(of_cells)} artifacts of "
            f"{finished.out}: {_again(finished.out)}, or name the store with "
            f"--store{finished.store_hint}"
        )


def _again(folder: Path) -> str:
    return f"run python -m bench.grid --config {folder / 'grid.toml'}"


def _curve(finished: FinishedGrid) -> pd.DataFrame | None:
    """Read what the number of clusters was suggested by, if it was."""
    from bench.analysis import suggest
    from bench.planning.settings import AUTO

    path = finished.out / suggest.FILE
    if finished.spec.clusters != AUTO or not path.is_file():
        return None
    return suggest.read(path)


main = main_of(app, "python -m bench.report")


if __name__ == "__main__":
    main()
