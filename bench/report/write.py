"""The files in the results folder of a run."""

from __future__ import annotations

import contextlib
import tempfile
import tomllib
from pathlib import Path

import pandas as pd

from bench.analysis import correctness, suggest
from bench.analysis.results import Results
from bench.base.errors import UsageError
from bench.base.files import read_text, refuse_link, write_text
from bench.base.naming import set_name
from bench.base.progress import Progress, silent
from bench.base.tables import to_csv
from bench.datasets.dataset import Dataset
from bench.planning.settings import GridSettings
from bench.report import assignments, figures, latex, markdown, page, speed
from bench.report.inputs import Inputs
from bench.store import Store

# Every file that a run may or may not write, also under its name of the release before.
OURS = (
    *(correctness.FILE, "hits.safetensors", latex.FILE, suggest.FILE),
    *("assignments.csv", "assignments/*-seed*.csv", *figures.FILES),
)

FOLDERS = ("figures", "assignments", page.FOLDER)


def prepare(out: Path, own: bool = True) -> None:
    """Make the results folder; raise `UsageError` if it is a file, or cannot be written.

    It may be a link if it is the user's ``own`` choice; folders in it may not.
    """
    try:
        for folder in (*(out / name for name in FOLDERS), *([] if own else [out])):
            refuse_link(folder)
        out.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=out):  # of a name that no other grid has
            pass
    except FileExistsError:
        raise UsageError(f"results folder {out} is a file") from None
    except OSError as error:
        raise UsageError(f"results folder {out} cannot be written: {error.strerror}") from None


def write(
    records: pd.DataFrame,
    settings: GridSettings,
    dataset: Dataset,
    store: Store,
    curve: pd.DataFrame | None = None,
    progress: Progress = silent,
) -> list[Path]:
    """Write results.csv, grid.toml, assignments, figures, results.md and index.html.

    The settings have everything resolved, so that ``grid.toml`` runs again as it is; ``curve`` is
    the scores by which the number of clusters was suggested, if it was. Return the files,
    results.md first.
    """
    out = settings.out
    prepare(out)
    written = write_settings(records, settings)
    kept = [path for path in [correctness.write(records, store, out, dataset)] if path]
    if curve is not None:
        kept.append(out / suggest.FILE)
        write_text(kept[-1], to_csv(curve))
    inputs = Inputs(Results(records), dataset, store, out, curve)
    report, *others = write_report(inputs, progress)
    remove_stale(out, {*others, *kept})
    remove_stale_sets(out, ())
    return [report, *written, *kept, *others]


def write_settings(records: pd.DataFrame, settings: GridSettings) -> list[Path]:
    """Write results.csv and grid.toml; return both."""
    texts = {"results.csv": to_csv(records), "grid.toml": settings.to_toml()}
    for name, text in texts.items():
        write_text(settings.out / name, text)
    return [settings.out / name for name in texts]


def write_report(inputs: Inputs, progress: Progress = silent, again: bool = False) -> list[Path]:
    """Write what is made from records and artifacts: results.md, index.html, figures and tables.

    With ``again`` the page is written even if it is current. Return the files, results.md first.
    """
    progress("drawing", 0, 1)
    table = inputs.out / latex.FILE
    assigned = assignments.write(inputs)
    drawn = figures.draw_all(inputs)
    measured = (inputs.out / speed.FILE).is_file()
    report = inputs.out / "results.md"
    text = markdown.render(inputs.results, drawn, inputs.curve, inputs.choices, measured)
    write_text(report, text)
    write_text(table, latex.render(inputs.results, inputs.choices))
    index = page.write(inputs, progress, again)
    return [report, index, table, *assigned, *(figure.path for figure in drawn)]


def remove_stale(out: Path, written: set[Path]) -> None:
    """Remove the files of an earlier run that this one did not write."""
    for pattern in OURS:
        for path in set(out.glob(pattern)) - written:
            path.unlink(missing_ok=True)


def remove_stale_sets(out: Path, datasets: tuple[str, ...]) -> None:
    """Remove the reports of an earlier run on several data sets, except on these.

    A folder is one of those only if its ``grid.toml`` names the data set that the folder is
    named after. Other files in it stay.
    """
    for path in out.glob("*/grid.toml"):
        folder, dataset = path.parent, _dataset_of(path)
        if dataset is None or dataset in datasets or folder.name != set_name(dataset):
            continue
        if folder.is_symlink():  # what it leads to is no report of this run
            continue
        remove_stale(folder, set())
        for name in ("results.md", "results.csv", "grid.toml", page.FILE):
            (folder / name).unlink(missing_ok=True)
        page.remove_folder(folder / page.FOLDER)
        for left in (*(folder / name for name in FOLDERS), folder):
            with contextlib.suppress(OSError):  # somebody else's files are in it
                left.rmdir()


def _dataset_of(path: Path) -> str | None:
    """Return the one data set of a configuration file; None if it names none or several."""
    try:
        found = tomllib.loads(read_text(path)).get("dataset")
    except (OSError, ValueError, RecursionError):
        return None
    if isinstance(found, list) and len(found) == 1:
        found = found[0]
    return found if isinstance(found, str) else None
