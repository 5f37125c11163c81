"""The first sentences: which pipeline is best, by how much, how certain that is, what it costs."""

from __future__ import annotations

from collections.abc import Callable

import pandas as pd

from bench.analysis.inference import ALIKE, WORSE, seeds_needed
from bench.analysis.results import Results
from bench.base.naming import DEFAULT_CLUSTERER, pipeline_name
from bench.base.times import duration
from bench.planning.baselines import NO_MODEL, NO_REDUCTION
from bench.report.columns import escape
from bench.report.tables import behind, format_ci, mean_and_spread
from bench.stages.metrics.table import METRICS


def render(results: Results) -> str:
    """Write the first paragraph of results.md."""
    parts = answer(results, lambda text: f"**{escape(text)}**")
    if results.best is None:
        if not results.labeled and len(results.done):
            parts.append("The clusters of every pipeline are in `assignments/`.")
        return " ".join(parts)
    best = results.row(results.best.pipeline)
    parts.append(_distances(results))
    parts.append(f"One seed of it takes {duration(best['seconds'])}, from images to clusters.")
    if not results.labeled:
        parts.append(
            "Its clusters are in `assignments.csv`, those of every pipeline in `assignments/`. "
            "docs/unlabeled.md says how often such a choice is right where labels are known."
        )
    return " ".join(part for part in parts if part)


def answer(results: Results, strong: Callable[[str], str] = str) -> list[str]:
    """Say which pipeline is best and how certain that is, the most important sentence first.

    Parameters
    ----------
    results : Results
    strong : callable
        From a pipeline's name to how it is written.
    """
    said = _standing(results, strong)
    for status, verb in (("failed", "failed"), ("skipped", "skipped")):
        count = int((results.records["status"] == status).sum())
        if count:
            were = "" if status == "failed" else "was " if count == 1 else "were "
            said.append(f"{count} of {plural(len(results.records), 'run')} {were}{verb}.")
    return said


def name(row: pd.Series) -> str:
    """Write the pipeline of a row for people."""
    return pipeline_name(row["model"], row["chain"], row["clusterer"])


def count_seeds(results: Results) -> str:
    """Write how many seeds there are."""
    return plural(results.records["seed_index"].nunique(), "seed")


def plural(count: int, what: str) -> str:
    """Write a number of things: ``1 seed``, ``3 seeds``."""
    return f"{count:,} {what}{'s' * (count != 1)}"


def capital(title: str) -> str:
    """Return a title with a capital, unless it has one, as kNN has."""
    return title[:1].upper() + title[1:] if title.islower() else title


def _standing(results: Results, strong: Callable[[str], str]) -> list[str]:
    """Say which pipeline comes first, its score, and the verdicts on the others."""
    images = plural(int(results.records.iloc[0]["images"]), "image")
    if results.best is None:
        if results.done.empty:
            return [f"No pipeline finished on these {images}."]
        return [f"These {images} have no labels, and no pipeline has a score."]
    rows, best = results.summary, results.row(results.best.pipeline)
    first, measured = strong(name(best)), _measured(results, best)
    alike, worse = (int((rows["verdict"] == word).sum()) for word in (ALIKE, WORSE))
    others = alike + worse
    if len(rows) == 1:
        said = [f"{first} is the only pipeline on these {images}.", measured]
    elif alike:
        count = f"{alike} of {others} others" if others > 1 else "the other"
        show = "show" if alike > 1 else "shows"
        said = [
            f"No single best pipeline on these {images}: {count} {show} {ALIKE} from {first}.",
            measured,
        ]
        needed = seeds_needed(others)
        if results.records["seed_index"].nunique() < needed:
            said.append(
                f"With {count_seeds(results)} no such difference can be significant; that takes "
                f"at least {needed} seeds."
            )
    elif worse:
        count = f"all {worse} others are" if worse > 1 else "the other is"
        images_too = " and images" * bool(results.records.iloc[0]["independent_images"])
        said = [
            f"{first} is the best pipeline on these {images}: {count} {WORSE}, by the same "
            f"seeds{images_too}.",
            measured,
        ]
    else:
        said = [f"{first} ranks first of {len(rows)} pipelines on these {images}.", measured]
        if pd.notna(best["interval_low"]):
            said.append("No other pipeline has all of its seeds, so none is compared.")
    if pd.isna(best["interval_low"]):
        said.append("One seed does not show how much results vary between seeds.")
    return said


def _measured(results: Results, row: pd.Series) -> str:
    """Say what the first pipeline reached, how certain that is, and on which images."""
    shown = results.shown
    title = METRICS[shown].title + " accuracy" * (shown == "validation_accuracy")
    said = f"Its {title} is {mean_and_spread(row, shown)}"
    if pd.notna(row["interval_low"]):
        said += f", 95% interval {format_ci(row)} over {over(results)}"
    if shown == "knn_modularity":
        return f"{said}; a score without labels indicates quality but does not prove it."
    if shown == "validation_accuracy":
        return f"{said}; that is slightly too high, because the same images chose the pipeline."
    return f"{said}; on the half that did not choose it {mean_and_spread(row, 'private_accuracy')}."


def over(results: Results) -> str:
    """Say which variation the intervals cover."""
    return "seeds and images" if results.records.iloc[0]["independent_images"] else "seeds alone"


def _distances(results: Results) -> str:
    """Say how far the next pipeline, and k-means on pixels, are behind."""
    others = results.summary[results.summary["behind_best"].notna()]
    if others.empty:
        return ""
    following = others.iloc[0]
    said = f"The next, {escape(name(following))}, is behind by {behind(following)}"
    plain = others[
        (
            others[["model", "chain", "clusterer"]] == [NO_MODEL, NO_REDUCTION, DEFAULT_CLUSTERER]
        ).all(axis=1)
    ]
    if len(plain) and plain.index[0] != following.name:
        said += f"; k-means on pixels is behind by {behind(plain.iloc[0])}"
    return said + "."
