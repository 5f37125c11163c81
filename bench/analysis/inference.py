"""Inference: how uncertain a score is, and whether one pipeline is significantly worse.

The data are per-image correctness: for each seed and image, whether the image's cluster is
assigned to its label. All seeds share the images, so that seeds and images are two sources of
uncertainty.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from bench.analysis.correctness import Correctness, collect
from bench.analysis.results import VERDICT_COLUMNS, Key, Results, key_of
from bench.store import Store

BEST, WORSE, ALIKE = "best", "significantly worse", "no significant difference"

CORRECTION = "Holm's correction"  # `correct`, as reports call it
LEVEL = 0.05  # of a false difference; the intervals cover 1 - LEVEL
NORMAL = 1.959964  # its two-sided quantile of the normal distribution
RESAMPLES = 2**16  # sign flips are exact up to 16 seeds, and drawn beyond


@dataclass(frozen=True)
class Interval:
    """A mean with its 95% interval."""

    mean: float
    low: float
    high: float


@dataclass(frozen=True)
class Comparison:
    """Whether two pipelines differ significantly, by the same seeds and images."""

    difference: Interval  # score of the first less that of the second
    p: float  # of the exact sign-flip test over seeds; 1 where all seeds are the same result
    adjusted: float  # the same after the correction for all comparisons made together
    seeds: int  # that both have
    significant_by_images: bool  # the interval over images alone excludes 0

    @property
    def significant(self) -> bool:
        """Whether ``adjusted`` is at most 0.05, and the difference significant by images too."""
        return self.adjusted <= LEVEL and self.significant_by_images


def score_interval(
    values: NDArray[Any], repeated: bool = True, independent: bool = True
) -> Interval:
    """Return the 95% interval of a mean over seeds and images.

    Half its width is the root of t² s² / S + z² v / n: s² is the variance of the S seeds' means,
    t Student's quantile with S - 1 degrees of freedom, v the variance over the n images of each
    image's mean over seeds, and z the normal quantile. Resampling images within seeds covers far
    too rarely, since all seeds share the images.

    Parameters
    ----------
    values : ndarray, shape (S, n)
        Correctness, or differences of it, by seed and image.
    repeated : bool
        False: all seeds are the same result and have no spread.
    independent : bool
        False: images are not independent, as patches of one photograph, and have no part.

    Returns
    -------
    Interval
        Limits are NaN where seeds would vary and there is only one.
    """
    values = np.asarray(values, dtype=np.float64)
    mean = float(values.mean())
    half = math.sqrt(
        (_of_seeds(values) if repeated else 0.0) + (_of_images(values) if independent else 0.0)
    )
    return Interval(mean, mean - half, mean + half)


def _of_seeds(values: NDArray[Any]) -> float:
    """Return the square of half an interval over seeds; NaN for one seed."""
    from scipy.stats import t

    seeds = len(values)
    if seeds < 2:
        return math.nan
    quantile = float(t.ppf(1 - LEVEL / 2, seeds - 1))
    return quantile**2 * float(values.mean(axis=1).var(ddof=1)) / seeds


def _of_images(values: NDArray[Any]) -> float:
    """Return the square of half an interval over images; 0 for one image."""
    images = values.shape[1]
    return NORMAL**2 * float(values.mean(axis=0).var(ddof=min(1, images - 1))) / images


def sign_flips(differences: NDArray[Any]) -> float:
    """Return the two-sided p-value of a mean of 0, by flipping the signs of differences, (S,).

    Exact up to 16 seeds, by draws beyond. The least that S seeds can reach is 2 / 2^S.

    References
    ----------
    Fisher (1935), The design of experiments, section 21; `scipy.stats.permutation_test`.
    """
    from scipy.stats import permutation_test

    if len(differences) < 2:
        return 1.0
    found = permutation_test(
        (differences,),
        np.mean,
        permutation_type="samples",
        vectorized=False,
        n_resamples=RESAMPLES,
        rng=np.random.default_rng(0),
    )
    return float(found.pvalue)


def correct(values: list[float]) -> list[float]:
    """Adjust p-values for their number, by Holm's step-down method.

    References
    ----------
    Holm (1979), A simple sequentially rejective multiple test procedure.
    """
    order = sorted(range(len(values)), key=values.__getitem__)
    adjusted = [0.0] * len(values)
    highest = 0.0
    for rank, index in enumerate(order):
        highest = max(highest, min(1.0, values[index] * (len(values) - rank)))
        adjusted[index] = highest
    return adjusted


def seeds_needed(comparisons: int) -> int:
    """Return the least seeds S that can be significant in so many comparisons: 2 m / 2^S ≤ 0.05."""
    return math.ceil(math.log2(2 * max(comparisons, 1) / LEVEL))


def compare_pairs(
    pairs: list[tuple[Correctness, Correctness]], independent: bool = True
) -> list[Comparison]:
    """Compare pipelines pairwise, by the seeds and images that both have, at least one of each.

    A difference is significant only by seeds and images both. Where images are not independent,
    the seeds alone decide, and the statement is about these images.
    """
    found = []
    for one, other in pairs:
        seeds = one.shared(other)
        repeated = one.repeated or other.repeated
        difference = one.values(seeds) - other.values(seeds)
        by_images = score_interval(difference, repeated=False, independent=independent)
        p = sign_flips(difference.mean(axis=1)) if repeated else 1.0
        by_both = score_interval(difference, repeated, independent)
        nonzero = not by_images.low <= 0 <= by_images.high
        found.append(Comparison(by_both, p, p, len(difference), nonzero))
    return adjust_jointly(found)


def adjust_jointly(found: list[Comparison]) -> list[Comparison]:
    """Apply the correction to all comparisons together, whether or not made together."""
    adjusted = correct([each.p for each in found])
    return [replace(each, adjusted=p) for each, p in zip(found, adjusted, strict=True)]


def add_verdicts(records: pd.DataFrame, store: Store) -> pd.DataFrame:
    """Return records with the columns `VERDICT_COLUMNS`, the same for all seeds of a pipeline.

    The store holds the per-image correctness of every scored pipeline.
    """
    verdicts = _verdicts(Results(records), store)
    rows = [verdicts.get(key_of(row), {}) for _, row in records.iterrows()]
    columns = pd.DataFrame(rows, columns=list(VERDICT_COLUMNS), index=records.index)
    return pd.concat([records, columns], axis=1)


def _verdicts(results: Results, store: Store) -> dict[Key, dict[str, object]]:
    if results.best is None:
        return {}
    independent = results.over_images
    # Nothing lies beyond 1, and no accuracy beyond 0.
    least = 0 if results.labeled else -0.5
    found = {name: each for name, each in collect(results, store).items() if each.by_seed}
    verdicts: dict[Key, dict[str, object]] = {}
    for name, each in found.items():
        interval = score_interval(each.values(), each.repeated, independent)
        low, high = np.clip([interval.low, interval.high], least, 1)
        verdicts[name] = {"interval_low": low, "interval_high": high}
    rows = results.by_pipeline()
    whole = [name for name in rows if name in found and (rows[name]["status"] == "ok").all()]
    best = results.best.pipeline
    if best not in whole:
        return verdicts
    verdicts[best]["verdict"] = BEST
    others = [name for name in whole if name != best]
    compared = compare_pairs([(found[best], found[name]) for name in others], independent)
    for name, against in zip(others, compared, strict=True):
        difference = against.difference
        worse = against.significant and difference.mean > 0
        verdicts[name] |= {
            "behind_best": difference.mean,
            "behind_best_low": difference.low,
            "behind_best_high": difference.high,
            "behind_best_p": against.adjusted,
            "verdict": WORSE if worse else ALIKE,
        }
    return verdicts
