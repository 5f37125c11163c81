"""Everything a run leaves for its reader."""

from __future__ import annotations

from pathlib import Path

import pandas as pd

from bench.datasets.dataset import Dataset
from bench.errors import UsageError
from bench.report import assignments, figures, markdown
from bench.spec import GridSpec
from bench.store import Store


def prepare(out: Path) -> None:
    """Make the results folder, or say in one line why it cannot be made.

    Raises
    ------
    UsageError
        If it is a file, or cannot be written.
    """
    try:
        out.mkdir(parents=True, exist_ok=True)
        probe = out / ".writable"
        probe.touch()
        probe.unlink()
    except FileExistsError:
        raise UsageError(f"results folder {out} is a file") from None
    except OSError as error:
        raise UsageError(f"results folder {out} cannot be written: {error.strerror}") from None


def write(records: pd.DataFrame, spec: GridSpec, dataset: Dataset, store: Store) -> list[Path]:
    """Write results.csv, grid.toml, assignments, figures and results.md.

    Parameters
    ----------
    records : DataFrame
    spec : GridSpec
        With everything resolved, so that ``grid.toml`` runs again as it is.
    dataset : Dataset
    store : Store

    Returns
    -------
    list of Path
        results.md first.
    """
    out = spec.out
    prepare(out)
    records.to_csv(out / "results.csv", index=False)
    (out / "grid.toml").write_text(spec.to_toml(), encoding="utf-8")
    written = assignments.write(records, dataset, store, out)
    drawn = figures.draw_all(records, dataset, store, out)
    (out / "results.md").write_text(markdown.render(records, drawn), encoding="utf-8")
    return [
        out / "results.md",
        out / "results.csv",
        out / "grid.toml",
        *written,
        *(figure.path for figure in drawn),
    ]
