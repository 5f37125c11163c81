"""Everything a run leaves for its reader."""

from __future__ import annotations

import contextlib
import tempfile
import tomllib
from pathlib import Path

import pandas as pd

from bench.analysis import correctness, suggest
from bench.base.errors import UsageError
from bench.base.files import write_text
from bench.base.naming import set_name
from bench.base.progress import Progress, silent
from bench.datasets.dataset import Dataset
from bench.planning.settings import GridSettings
from bench.report import assignments, figures, latex, markdown, page, speed
from bench.store import Store

# Every file that a run may or may not write.
OURS = (
    correctness.FILE,
    latex.FILE,
    suggest.FILE,
    "assignments.csv",
    "assignments/*-seed*.csv",
    "figures/plane-*.png",
    *(
        f"figures/{name}.png"
        for name in (
            "accuracy",
            "clusters",
            "knn_modularity",
            "intervals",
            "loss",
            "planes",
            "reconstructions",
            "time",
        )
    ),
)


def prepare(out: Path) -> None:
    """Make the results folder, or say in one line why it cannot be made.

    Raises
    ------
    UsageError
        If it is a file, or cannot be written.
    """
    try:
        out.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=out):  # of a name that no other grid has
            pass
    except FileExistsError:
        raise UsageError(f"results folder {out} is a file") from None
    except OSError as error:
        raise UsageError(f"results folder {out} cannot be written: {error.strerror}") from None


def write(
    records: pd.DataFrame,
    spec: GridSettings,
    dataset: Dataset,
    store: Store,
    curve: pd.DataFrame | None = None,
    progress: Progress = silent,
) -> list[Path]:
    """Write results.csv, grid.toml, assignments, figures, results.md and index.html.

    Parameters
    ----------
    records : DataFrame
    spec : GridSettings
        With everything resolved, so that ``grid.toml`` runs again as it is.
    dataset : Dataset
    store : Store
    curve : DataFrame or None
        What the number of clusters was suggested by, if it was.
    progress : callable
        Told how far it is.

    Returns
    -------
    list of Path
        results.md first.
    """
    out = spec.out
    prepare(out)
    write_text(out / "results.csv", records.to_csv(index=False))
    write_text(out / "grid.toml", spec.to_toml())
    kept = [path for path in [correctness.write(records, store, out)] if path]
    if curve is not None:
        kept.append(out / suggest.FILE)
        write_text(kept[-1], curve.to_csv(index=False))
    report, *others = write_report(records, dataset, store, out, curve, progress)
    remove_stale(out, {*others, *kept})
    remove_stale_sets(out, ())
    return [report, out / "results.csv", out / "grid.toml", *kept, *others]


def write_report(
    records: pd.DataFrame,
    dataset: Dataset,
    store: Store,
    out: Path,
    curve: pd.DataFrame | None = None,
    progress: Progress = silent,
    again: bool = False,
) -> list[Path]:
    """Write what is made from records and artifacts: results.md, index.html, figures and tables.

    Parameters
    ----------
    records : DataFrame
    dataset : Dataset
    store : Store
    out : Path
        The results folder.
    curve : DataFrame or None
        What the number of clusters was suggested by, if it was.
    progress : callable
        Told how far it is.
    again : bool
        Write the page even if it is current.

    Returns
    -------
    list of Path
        results.md first.
    """
    progress("drawing", 0, 1)
    assigned = assignments.write(records, dataset, store, out)
    drawn = figures.draw_all(records, dataset, store, out, curve)
    text = markdown.render(records, drawn, curve)
    if (out / speed.FILE).is_file():
        text = speed.fold(text, speed.section(speed.read(out / speed.FILE)))
    write_text(out / "results.md", text)
    write_text(out / latex.FILE, latex.render(records))
    looked_at = page.write(records, dataset, store, out, progress, again)
    pictures = [figure.path for figure in drawn]
    return [out / "results.md", looked_at, out / latex.FILE, *assigned, *pictures]


def remove_stale(out: Path, written: set[Path]) -> None:
    """Remove what an earlier run left under names of ours and this one did not write."""
    for pattern in OURS:
        for path in set(out.glob(pattern)) - written:
            path.unlink(missing_ok=True)


def remove_stale_sets(out: Path, datasets: tuple[str, ...]) -> None:
    """Remove the reports that an earlier run on several data sets left of other sets.

    A folder is one of those only if its ``grid.toml`` names the data set that the folder is
    named after. What else lies in it stays.

    Parameters
    ----------
    out : Path
    datasets : tuple of str
        Whose reports stay.
    """
    for path in out.glob("*/grid.toml"):
        folder, dataset = path.parent, _dataset_of(path)
        if dataset is None or dataset in datasets or folder.name != set_name(dataset):
            continue
        remove_stale(folder, set())
        for name in ("results.md", "results.csv", "grid.toml", page.FILE):
            (folder / name).unlink(missing_ok=True)
        for left in (folder / "figures", folder / "assignments", folder):
            with contextlib.suppress(OSError):  # somebody else's files are in it
                left.rmdir()


def _dataset_of(path: Path) -> str | None:
    """Return the one data set of a configuration file; None if that cannot be told."""
    try:
        found = tomllib.loads(path.read_text(encoding="utf-8")).get("dataset")
    except (OSError, ValueError, RecursionError):
        return None
    if isinstance(found, list) and len(found) == 1:
        found = found[0]
    return found if isinstance(found, str) else None
