"""The first sentences: which pipeline is best, by how much, how certain that is, what it costs."""

from __future__ import annotations

from typing import Any

from bench.analysis import failures
from bench.analysis.inference import ALIKE, WORSE
from bench.analysis.results import PIPELINE, Results
from bench.base.naming import DEFAULT_CLUSTERER
from bench.planning.baselines import NO_MODEL, NO_REDUCTION
from bench.report.templates import paragraphs, plural, title


def render(results: Results) -> str:
    """Write the first paragraph of results.md."""
    return " ".join(paragraphs("headline.md", "headline", facts(results)))


def answer(results: Results) -> list[str]:
    """Say which pipeline is best and how certain that is, the most important sentence first."""
    return paragraphs("headline.md", "answer", facts(results), str)


def facts(results: Results) -> dict[str, Any]:
    """Return what templates read of the results on one data set, under the name ``it``."""
    records, rows = results.records, results.summary
    others = rows[rows["behind_best"].notna()]
    pixels = others[(others[PIPELINE] == [NO_MODEL, NO_REDUCTION, DEFAULT_CLUSTERER]).all(axis=1)]
    return {
        "results": results,
        "first": records.iloc[0].to_dict(),
        "rows": rows,
        "best": None if results.best is None else results.row(results.best.pipeline),
        "next": None if others.empty else others.iloc[0],
        "pixels": None if pixels.empty or pixels.index[0] == others.index[0] else pixels.iloc[0],
        "alike": int((rows["verdict"] == ALIKE).sum()),
        "worse": int((rows["verdict"] == WORSE).sum()),
        "title": title(results.shown) + " accuracy" * (results.shown == "validation_accuracy"),
        "over": over(results),
        "seeds": records["seed_index"].nunique(),
        "runs": len(records),
    } | failures.counts(records)


def count_seeds(results: Results) -> str:
    """Write how many seeds there are."""
    return plural(results.records["seed_index"].nunique(), "seed")


def over(results: Results) -> str:
    """Say which variation the intervals cover."""
    return "seeds and images" if results.records.iloc[0]["independent_images"] else "seeds alone"
