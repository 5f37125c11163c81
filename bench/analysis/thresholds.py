"""Thresholds: what a pipeline's mean accuracy and loss may not fall short of.

A file of thresholds is TOML, one table a threshold::

    [[threshold]]
    preset = "quick"
    dataset = "digits"
    model = "untrained-*"         # wild cards: * ? [abc]
    chain = "pca128+tsne2"
    clusterer = "kmeans"
    seeds = 3                     # fewer than these are too few to compare
    min_accuracy = 0.80
    accuracy_margin = 0.06        # what was taken off the mean when it was set
    max_loss = 0.59
    loss_margin = 0.01
    image_size = 64               # of the images that the loss is of
"""

from __future__ import annotations

import math
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import pandas as pd
import tomli_w
from numpy.typing import ArrayLike, NDArray
from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from bench.analysis import before
from bench.analysis.moderation import Prior
from bench.analysis.record_columns import MOST
from bench.analysis.results import PIPELINE, Key, Results, key_of
from bench.base.errors import UsageError, name_some, one_line
from bench.base.files import read_toml, write_output
from bench.base.naming import pipeline_name
from bench.datasets.image_form import LARGEST
from bench.planning.settings import MOST_SEEDS, what_is_wrong

LOSS = "reconstruction_loss"
Pattern = Annotated[str, Field(max_length=4096)]
Spreads = dict[str, dict[Key, float]]  # by metric; see `margins`

# How rarely a mean of as many new seeds, of the same distribution, falls short by itself.
CONFIDENCE = 0.99
# Margins of what no seed moved, or hardly: other processors and library versions do.
LEAST_ACCURACY = 0.02
LEAST_LOSS = 0.02  # of the loss itself

HEADER = (
    "# Set by `python -m bench.check --update`; checked by `python -m bench.check`. A threshold's "
    "margin is the\n# one-sided 99% prediction bound for the mean of as many new seeds "
    "(moderated variances), or the smallest margin allowed.\n\n"
)


class Threshold(BaseModel):
    """A threshold for the mean over seeds of all pipelines that its patterns match.

    The first five fields are patterns with the wild cards of `fnmatch`. A margin is how far the
    limit was set from the mean found.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True, allow_inf_nan=False)

    preset: Pattern
    dataset: Pattern
    model: Pattern
    chain: Pattern
    clusterer: Pattern
    seeds: int = Field(ge=1, le=MOST_SEEDS)
    min_accuracy: float | None = Field(None, ge=0, le=1)
    accuracy_margin: float | None = Field(None, ge=0, le=1)
    max_loss: float | None = Field(None, ge=0, le=MOST)
    loss_margin: float | None = Field(None, ge=0, le=MOST)
    image_size: int | None = Field(None, ge=1, le=LARGEST)

    @model_validator(mode="after")
    def _limits_something(self) -> Threshold:
        if self.min_accuracy is None and self.max_loss is None:
            raise ValueError("neither min_accuracy nor max_loss is given")
        for limit, margin in (("min_accuracy", "accuracy_margin"), ("max_loss", "loss_margin")):
            if (getattr(self, limit) is None) != (getattr(self, margin) is None):
                raise ValueError(f"{limit} and {margin} are given together or not at all")
        return self

    @property
    def pipeline(self) -> Key:
        """Its patterns of a pipeline."""
        return self.model, self.chain, self.clusterer

    def applies_to(self, results: Results) -> bool:
        """Return whether it matches the preset and data set of results."""
        preset, dataset = identity(results)
        return fnmatchcase(preset, self.preset) and fnmatchcase(dataset, self.dataset)

    def matching(self, results: Results) -> list[pd.Series]:
        """Return the summary rows of the pipelines that it matches."""
        rows = (row for _, row in results.summary.iterrows())
        return [row for row in rows if all(map(fnmatchcase, key_of(row), self.pipeline))]


def read(path: Path) -> list[Threshold]:
    """Read a file of thresholds.

    Raises
    ------
    UsageError
        If it is missing, not TOML, or holds anything else than thresholds.
    """
    missing = f"no thresholds at {path}: python -m bench.check --update sets them"
    found = read_toml(path, "thresholds", missing)
    tables = found.pop("threshold", [])
    if found or not isinstance(tables, list):
        others = name_some([one_line(name) for name in found], 6) or "a threshold that is no table"
        raise UsageError(
            f"thresholds {path}: allowed are tables [[threshold]], found {others[:200]}"
        )
    renamed = [before.threshold(table) for table in tables]
    if renamed != tables:
        before.warn(path, "thresholds without a clusterer")
    thresholds = []
    for number, table in enumerate(renamed, start=1):
        try:
            thresholds.append(Threshold.model_validate(table))
        except ValidationError as error:
            text = what_is_wrong(error, Threshold)
            raise UsageError(f"thresholds {path}, number {number}: {text}") from None
    return thresholds


def write(path: Path, thresholds: list[Threshold]) -> None:
    """Write a file of thresholds."""
    tables = [threshold.model_dump(exclude_none=True) for threshold in thresholds]
    write_output(path, HEADER + tomli_w.dumps({"threshold": tables}), make_folder=True)


def update(thresholds: list[Threshold], results: Results) -> list[Threshold]:
    """Set thresholds from results, on one data set or several.

    Thresholds that match the results' preset and one of their data sets keep their patterns and get
    new numbers, from the worst pipeline that they match. A pipeline that none of them matches gets
    a threshold of its own. All other thresholds stay as they are.

    Raises
    ------
    UsageError
        If pipelines failed or were skipped, or there are too few seeds to know their spread.
    """
    _check_complete(results)
    sets = results.by_dataset().values()
    renewed = [each for of_set in sets for each in _renew(thresholds, of_set)]
    return [t for t in thresholds if not any(map(t.applies_to, sets))] + renewed


def _renew(thresholds: list[Threshold], results: Results) -> list[Threshold]:
    """Return those of the thresholds that apply to one data set, and new ones, set from it."""
    groups = [(t.pipeline, t.matching(results)) for t in thresholds if t.applies_to(results)]
    matched = {key_of(row) for _, rows in groups for row in rows}
    rows = [row for _, row in results.summary.iterrows()]
    groups += [(key_of(row), [row]) for row in rows if key_of(row) not in matched]
    spreads = {metric: margins(results.summary, metric) for metric in (results.metric, LOSS)}
    renewed = [_set(patterns, rows, results, spreads) for patterns, rows in groups if rows]
    return [threshold for threshold in renewed if threshold is not None]


def identity(results: Results) -> tuple[str, str]:
    """Return preset and data set of results on one data set."""
    first = results.records.iloc[0]
    return str(first["preset"]), str(first["dataset"])


def _check_complete(results: Results) -> None:
    records = results.records
    bad = records[records["status"] != "ok"]
    if len(bad):
        several = records["dataset"].nunique() > 1
        rows = (row for _, row in bad.iterrows())
        names = [pipeline_name(*key_of(row)) + f" on {row['dataset']}" * several for row in rows]
        raise UsageError(
            "thresholds are set from complete results; here pipelines failed or were skipped: "
            + "; ".join(dict.fromkeys(names))
        )
    seeds = records["seed_index"].nunique()
    if seeds < 2:
        raise UsageError(
            f"a margin needs the seeds' spread, and these results have {seeds} seed: run the grid "
            "with --seeds 2 or more (3 and more are better)"
        )


def _set(
    patterns: Key, rows: list[pd.Series], results: Results, spreads: Spreads
) -> Threshold | None:
    """Set a threshold by pipelines; None where they have neither accuracy nor loss."""
    limits: dict[str, Any] = {}
    accuracy = results.metric
    scored = [row for row in rows if results.labeled and pd.notna(row[accuracy])]
    if scored:
        low, mean = min(
            (row[accuracy] - max(spreads[accuracy][key_of(row)], LEAST_ACCURACY), row[accuracy])
            for row in scored
        )
        # Rounded away from the mean.
        low = math.floor(max(low, 0) * 1e4) / 1e4
        limits |= {"min_accuracy": low, "accuracy_margin": round(mean - low, 4)}
    losses = [row for row in rows if pd.notna(row[LOSS])]
    if losses:
        high, mean = max(
            (row[LOSS] + max(spreads[LOSS][key_of(row)], LEAST_LOSS * row[LOSS]), row[LOSS])
            for row in losses
        )
        high = math.ceil(high * 1e5) / 1e5
        limits |= {"max_loss": high, "loss_margin": round(high - mean, 5)}
        sizes = {row["image_size"] for row in losses}
        if len(sizes) == 1 and pd.notna(size := sizes.pop()):
            limits |= {"image_size": int(size)}
    if not limits:
        return None
    names = zip(("preset", "dataset", *PIPELINE), (*identity(results), *patterns), strict=True)
    seeds = min(int(row["seeds"]) for row in rows)
    return Threshold.model_validate({**dict(names), "seeds": seeds, **limits})


def margins(rows: pd.DataFrame, metric: str) -> dict[Key, float]:
    """Return how far the mean of as many new seeds may fall from each pipeline's mean.

    See `bounds`. Losses differ by orders of magnitude between models, and so do their variances:
    they are compared as shares of the squared mean. 0 of what no seed moves.

    Parameters
    ----------
    rows : DataFrame
        `bench.analysis.results.Results.summary`, every pipeline with two seeds at least.
    """
    each = rows[[metric, f"{metric}_std", "seeds"]].astype(float)
    each.columns = pd.Index(["mean", "std", "seeds"])
    known = each[each["std"].notna() & (each["mean"] > 0)].drop_duplicates()
    scale = known["mean"] if metric == LOSS else 1.0
    known["bound"] = bounds((known["std"] / scale) ** 2, known["seeds"]) * scale
    # Results that are the same, as the loss of a model in all its pipelines, count once.
    found = each.merge(known, "left", [*each])["bound"].fillna(0.0)
    return dict(zip([key_of(row) for _, row in rows.iterrows()], found, strict=True))


def bounds(variances: ArrayLike, seeds: ArrayLike) -> NDArray[np.float64]:
    """Return the one-sided 99% prediction bound of each of k pipelines, t · s̃ · √(1/S + 1/S).

    s̃² is the variance of the S seeds, steadied by those of the other pipelines
    (`bench.analysis.moderation`), and t is of Student's distribution with its degrees of freedom.

    Parameters
    ----------
    variances, seeds : array-like, shape (k,)
        Sample variances over seeds, and how many those are, 2 or more.
    """
    from scipy.stats import t

    variances, seeds = np.asarray(variances, float), np.asarray(seeds, float)
    prior = Prior.of(variances, seeds - 1)
    spread = np.sqrt(prior.moderate(variances, seeds - 1, prior.variance))
    quantile = t.ppf(CONFIDENCE, prior.moderated_df(seeds - 1))
    return np.asarray(quantile * spread * np.sqrt(2 / seeds))


def idle(thresholds: list[Threshold]) -> list[str]:
    """Name the pipelines whose threshold no accuracy could fall short of."""
    return [pipeline_name(*each.pipeline) for each in thresholds if each.min_accuracy == 0]
