"""Writes the page, ``index.html``: one file that needs nothing else."""

from __future__ import annotations

import functools
import re
from importlib.resources import files
from pathlib import Path
from typing import Any

import pandas as pd

from bench.analysis import inference, results
from bench.analysis.results import PIPELINE, Results
from bench.base import keys
from bench.base.files import write_text
from bench.base.naming import pipeline_name
from bench.base.progress import Progress, silent
from bench.datasets.dataset import Dataset
from bench.report import headline
from bench.report import tables as report_tables
from bench.report.page import planes, tables
from bench.report.page.colors import MARKERS, PALETTE, ramp
from bench.stages.metrics import centroid_ratio
from bench.store import Store

FILE = "index.html"
PARTS = ("page.html", "several.html", "head.html", "page.css", "page.js")
LIBRARIES = ("bokeh", "jinja2", "pillow", "scikit-learn")
# A heading, rows, and in words what they carry.
Ranks = tuple[list[str], list[list[str]], str]

_MADE_FROM = re.compile(r'<meta name="made-from" content="([0-9a-f]*)">')


def write(
    records: pd.DataFrame,
    dataset: Dataset,
    store: Store,
    out: Path,
    progress: Progress = silent,
    again: bool = False,
) -> Path:
    """Write the page of a run, unless the one that is there was made from the same things.

    Parameters
    ----------
    records : DataFrame
        Those of ``results.csv``.
    dataset : Dataset
        Gives images, labels and names.
    store : Store
        Gives embeddings, clusters, reconstructions and histories.
    out : Path
        The results folder.
    progress : callable
        Told how far it is.
    again : bool
        Write it even so.

    Returns
    -------
    Path
        ``index.html`` in it.
    """
    path = out / FILE
    key = _key(out / "results.csv", dataset)
    if again or made_from(path) != key:
        write_text(path, render(records, dataset, store, key, progress))
    return path


def render(
    records: pd.DataFrame,
    dataset: Dataset,
    store: Store,
    key: str = "",
    progress: Progress = silent,
) -> str:
    """Write the page as text."""
    from bokeh.resources import Resources

    from bench.report.page.charts import draw

    of = Results(records)
    inside = planes.collect(records, dataset, store, progress)
    by_epoch = _by_epoch(of.losses(store))
    table = tables.table_of(records)
    images = 0 if inside is None else len(inside.pictured)
    drawn = draw(images, _compared(of), by_epoch, "accuracy" if of.labeled else "kNN modularity")
    return _template("page.html").render(
        key=key,
        dataset=dataset,
        first=records.iloc[0],
        seeds=records["seed_index"].nunique(),
        answer=headline.answer(records),
        table=table,
        pictured=_numbers(inside),
        chance_place=tables.place_of_chance(records),
        heat_map=tables.heat_map_of(records),
        interval_width=tables.WIDTH,
        losses=_by_model(by_epoch),
        charts=drawn,
        planes=inside,
        data=_for_script(inside),
        bokeh=Resources(mode="inline", components=["bokeh"], log_level="error").render_js(),
        css=_part("page.css"),
        script=_part("page.js"),
    )


def write_several(
    records: pd.DataFrame, pages: dict[str, str], out: Path, ranks: Ranks | None
) -> Path:
    """Write the page of a run on several data sets: the ranks, and the way to each set's page.

    Parameters
    ----------
    records : DataFrame
        Of all data sets.
    pages : dict
        The link to each data set's page, by its name.
    out : Path
        The results folder.
    ranks : tuple of (header, rows, words) or None
        The table of ranks, and what it carries; None where no data set is labeled.

    Returns
    -------
    Path
        ``index.html`` in it.
    """
    answers = {
        name: headline.answer(of_set) for name, of_set in records.groupby("dataset", sort=False)
    }
    text = _template("several.html").render(
        pages=pages, answers=answers, ranks=ranks, css=_part("page.css")
    )
    write_text(out / FILE, text)
    return out / FILE


def made_from(path: Path) -> str | None:
    """Return what a page says that it was made from; None if it is none, not there, or cut off."""
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError):
        return None
    found = _MADE_FROM.search(text[:2000])
    return found[1] if found and text.rstrip().endswith("</html>") else None


def _key(results: Path, dataset: Dataset) -> str:
    return keys.key(
        {
            "records": results.read_text(encoding="utf-8"),
            "files": dataset.files,
            "classes": dataset.class_names,
            "notes": dataset.notes,
            "parts": [_part(name) for name in PARTS],
            "source": _sources(),
            "versions": keys.versions(*LIBRARIES),
        }
    )


def _sources() -> list[str]:
    """Return the text of all modules that make a page."""
    package = files("bench.report.page")
    own = [
        file.read_text(encoding="utf-8") for file in package.iterdir() if file.name[-3:] == ".py"
    ]
    return [
        *sorted(own),
        keys.source(centroid_ratio, headline, inference, report_tables, results),
    ]


def _for_script(inside: planes.Planes | None) -> dict[str, Any]:
    if inside is None:
        return {}
    return inside.data | {"palette": PALETTE, "markers": MARKERS, "ramp": ramp()}


def _numbers(inside: planes.Planes | None) -> dict[tuple[str, str], int]:
    """Return the number in the page of each cell that has a plane, by model and chain."""
    cells = [] if inside is None else inside.data["cells"]
    return {(cell["model"], cell["chain"]): number for number, cell in enumerate(cells)}


def _compared(of: Results) -> pd.DataFrame:
    table = of.compared
    if table.empty:
        return table
    names = [pipeline_name(*row) for row in table[PIPELINE].itertuples(index=False)]
    return table.drop(columns=PIPELINE).assign(name=names)


def _by_epoch(found: pd.DataFrame) -> pd.DataFrame:
    """Return mean, least and greatest loss over seeds, by model and epoch."""
    groups = found.groupby(["model", "epoch"], sort=False)["loss"]
    return groups.agg(mean="mean", low="min", high="max").reset_index()


def _by_model(by_epoch: pd.DataFrame) -> dict[str, list[str]]:
    """Return each model's mean losses as text, for those who do not see the chart."""
    return {
        str(model): [f"{value:.3f}" for value in rows["mean"]]
        for model, rows in by_epoch.groupby("model", sort=False)
    }


def _template(name: str) -> Any:
    from jinja2 import Environment, FunctionLoader, StrictUndefined

    environment = Environment(
        loader=FunctionLoader(_part),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    return environment.get_template(name)


@functools.cache
def _part(name: str) -> str:
    return files("bench.report.page").joinpath("parts", name).read_text(encoding="utf-8")
