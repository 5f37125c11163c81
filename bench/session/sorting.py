"""Sorts a folder of images into groups: a grid, the most central run, its bundle, all files."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from bench.analysis.agreement import Central, central
from bench.analysis.results import Key, Results, key_of
from bench.base.console import LoadBar
from bench.base.errors import RunError, UsageError, name_first
from bench.base.errors import count as number
from bench.base.files import write_text
from bench.base.naming import pipeline_name
from bench.base.tables import read_csv
from bench.bundle.assigning import TABLE, Summary, assign, check_places
from bench.bundle.groups import cluster_folder
from bench.bundle.making import export
from bench.bundle.sorting import HOW
from bench.datasets.folder import looks_like_image
from bench.datasets.formats import advice
from bench.datasets.labels import NONE
from bench.planning import recommended
from bench.planning.plugins import load_plugins
from bench.planning.settings import AUTO, listed, resolve
from bench.report.templates import paragraphs
from bench.session.session import Session
from bench.store import Store

REPORT, MODEL, SUMMARY = "report", "model.latentgrid", "summary.txt"
# An image of at least this ambiguity is almost as near to another group as to its own.
AMBIGUOUS = 0.9
FEWEST = 2


@dataclass(frozen=True)
class Sorted:
    """What was done, for `prose/sorted.md`."""

    images: int
    sizes: list[int]  # images of each group
    suggested: bool  # the number of groups was
    model: str
    trained_on: str | None
    pipeline: str
    recommended: bool  # the pipeline was taken from `bench.planning.recommended`
    seeds: int
    seed: int  # of the run that was used
    agreement: float | None
    ambiguous: int
    vaguest: str | None  # the group with most ambiguous images, if it has half of them
    notes: list[str]  # what the user should know besides

    @property
    def text(self) -> str:
        """The paragraph that says it."""
        return "\n".join(paragraphs("sorted.md", "sorted", self))


def sort(images: Path, out: Path, how: str, given: dict[str, Any]) -> Sorted:
    """Sort the images of a folder into ``OUT/sorted``.

    ``OUT`` also gets contact sheets, a table, the report and a bundle that sorts new images.

    Parameters
    ----------
    how : str
        ``copy`` or ``link``.
    given : dict
        Settings of the grid, such as ``clusters``, that replace the recommended ones.

    Raises
    ------
    UsageError
        If a folder cannot be read or written, or settings cannot be used.
    RunError
        If no run was finished.
    """
    given = {name: value for name, value in given.items() if value is not None}
    if how not in HOW:
        raise UsageError(f"files must be {' or '.join(HOW)}, found {how!r}")
    if given.get("subsample_images"):
        raise UsageError("subsample_images: runs on different images cannot be compared to sort")
    plugins = listed(given.get("plugins", ()))
    load_plugins([Path(file) for file in plugins])  # which may bring weights
    files = check_places(images, out, how)
    count = sum(map(looks_like_image, files))
    if count < FEWEST:
        what = f"{images} has {number(count, 'image')}: sorting needs {FEWEST} or more"
        raise UsageError("; ".join([what, *advice(files)]))
    session = Session(resolve(_settings(images, out, count) | given))
    finished = session.execute()
    results = Results(finished.records)
    pipeline = _pipeline(results)
    settings = session.settings
    chosen = _central(results, pipeline, Store(settings.store))
    with LoadBar() as progress:
        bundle, choice = export(
            pipeline_name(*pipeline),
            out / MODEL,
            settings.out,
            seed_index=chosen.seed,
            progress=progress,
        )
        summary = assign(
            bundle, images, out, sort_into=how, threads=settings.threads, progress=progress
        )
    notes = [*session.grids[0].dataset.notes, *finished.each[0].notes]
    done = _describe(pipeline, choice.record, chosen, results, summary, given, notes)
    write_text(out / SUMMARY, f"{done.text}\n")
    return done


def _settings(images: Path, out: Path, count: int) -> dict[str, Any]:
    """Return the settings of the grid: what is recommended for so many images."""
    model, chain = recommended.pipeline(count)
    return {
        "preset": "best",
        "dataset": (f"folder:{images}",),
        "labels": NONE,
        "clusters": AUTO,
        "models": model,
        "reducers": chain,
        "resamples": 0,
        "out": out / REPORT,
    }


def _pipeline(results: Results) -> Key:
    """Return the best pipeline; of few images, which have no score, the first that was finished."""
    if results.best is not None:
        return results.best.pipeline
    if results.done.empty:
        told = (results.records[name].dropna() for name in ("error", "skip_reason"))
        reasons = [str(reason) for column in told for reason in column]
        raise RunError(f"no run was finished: {name_first(list(dict.fromkeys(reasons)))}")
    return key_of(results.done.iloc[0])


def _central(results: Results, pipeline: Key, store: Store) -> Central:
    done = results.rows(pipeline, results.done)
    keys = zip(done["seed_index"], done["cluster_artifacts"], strict=True)
    return central({int(seed): store.load("cluster", key).require("train") for seed, key in keys})


def _describe(
    pipeline: Key,
    record: pd.Series,
    chosen: Central,
    results: Results,
    summary: Summary,
    given: dict[str, Any],
    notes: list[str],
) -> Sorted:
    table = read_csv(summary.out / TABLE, usecols=["cluster", "ambiguity"]).dropna()
    vague = table[table["ambiguity"] >= AMBIGUOUS]["cluster"].astype(int).value_counts()
    has_half = not vague.empty and 2 * vague.iloc[0] >= vague.sum()
    most = cluster_folder(int(vague.index[0])) if has_half else None
    trained_on = record.get("pretrained")
    return Sorted(
        images=sum(summary.counts.values()),
        sizes=list(summary.counts.values()),
        suggested=given.get("clusters") in (None, AUTO),
        model=pipeline[0],
        trained_on=None if pd.isna(trained_on) else str(trained_on),
        pipeline=pipeline_name(*pipeline),
        recommended=not {"models", "reducers"} & set(given),
        seeds=len(results.rows(pipeline, results.done)),
        seed=chosen.seed,
        agreement=chosen.agreement,
        ambiguous=int(vague.sum()),
        vaguest=most,
        notes=notes,
    )
