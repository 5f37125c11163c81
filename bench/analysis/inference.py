"""Inference: how uncertain a score is, and whether it differs between two runs.

The data are per-image correctness: for each seed and image, whether the image's cluster is
assigned to its label. All seeds share the images, so that seeds and images are two sources of
uncertainty. `bench.analysis.verdicts` compares the pipelines of one run.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bench.analysis.correctness import Correctness
from bench.analysis.moderation import Prior

ALIKE = "no significant difference"  # between two runs of a pipeline, or over data sets

LEVEL = 0.05  # of a false difference; the intervals cover 1 - LEVEL
NORMAL = 1.959964  # its two-sided quantile of the normal distribution
LEAST_P = 1e-100  # smaller ones are 0


@dataclass(frozen=True)
class Interval:
    """A mean with its 95% interval."""

    mean: float
    low: float
    high: float


@dataclass(frozen=True)
class Comparison:
    """Whether a pipeline's score differs significantly between two runs."""

    difference: Interval  # score of the first less that of the second
    p: float  # see `p_value`; NaN where it cannot be tested
    adjusted: float  # the same after the correction for all comparisons made together
    seeds: int  # that both have
    identical: bool = False  # the same on every image with every seed, so that nothing is to test

    @property
    def tested(self) -> bool:
        """Whether there is something to test, and enough to test it by."""
        return not (math.isnan(self.p) or self.identical)

    @property
    def significant(self) -> bool:
        """Whether ``adjusted`` is at most 0.05."""
        return self.tested and self.adjusted <= LEVEL


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


@dataclass(frozen=True)
class _Difference:
    """The difference of two runs of a pipeline."""

    mean: float
    seeds: int
    varies: bool  # with the seed, in one of them at least
    identical: bool
    variance: float  # over seeds; NaN of one
    of_images: float  # variance of the mean, that the drawing of images gives it

    @classmethod
    def of(cls, one: Correctness, other: Correctness, independent: bool) -> _Difference:
        seeds = one.shared(other)
        values = one.values(seeds) - other.values(seeds)
        by_seed, by_image = values.mean(axis=1), values.mean(axis=0)
        return cls(
            float(values.mean()),
            len(seeds),
            one.repeated or other.repeated,
            not values.any(),
            float(by_seed.var(ddof=1)) if len(seeds) > 1 else math.nan,
            float(by_image.var(ddof=min(1, len(by_image) - 1))) / len(by_image) * independent,
        )

    @property
    def informs(self) -> bool:
        """Whether it tells how much seeds vary."""
        return self.varies and self.seeds > 1 and not self.identical


def compare_pairs(
    pairs: list[tuple[Correctness, Correctness]], independent: bool = True
) -> list[Comparison]:
    """Compare pipelines pairwise, by the seeds and images that both have, at least one of each.

    The differences of all pairs together steady the variance over seeds of each of them
    (`bench.analysis.moderation`). Where images are not independent, the seeds alone decide, and the
    statement is about these images. One seed, or deterministic pipelines on such images, leave
    nothing to test by.
    """
    differences = [_Difference.of(one, other, independent) for one, other in pairs]
    informing = [each for each in differences if each.informs]
    prior = Prior.of(
        np.array([each.variance for each in informing]),
        np.array([each.seeds - 1.0 for each in informing]),
    )
    return adjust_jointly([_compare(each, prior) for each in differences])


def _compare(found: _Difference, prior: Prior) -> Comparison:
    mean, of_seeds, df = found.mean, 0.0, math.inf
    if found.varies and not found.identical:
        own = np.array([found.seeds - 1.0])
        (variance,) = prior.moderate(np.array([found.variance]), own, prior.variance)
        of_seeds, df = float(variance) / found.seeds, float(prior.moderated_df(own)[0])
        of_seeds = of_seeds if found.seeds > 1 else math.nan
    p = 1.0 if found.identical else p_value(mean, of_seeds, df, found.of_images)
    half = math.sqrt(_square(LEVEL, of_seeds, df, found.of_images))
    interval = Interval(mean, mean - half, mean + half)
    return Comparison(interval, p, p, found.seeds, found.identical)


def p_value(difference: float, of_seeds: float, df: float, of_images: float) -> float:
    """Return the p at which an interval of level p ends at 0: d² = t² s̃² / S + z² v / n.

    Parameters
    ----------
    difference : float
        d.
    of_seeds, df : float
        s̃² / S, moderated, and its degrees of freedom, with which t is Student's quantile.
    of_images : float
        v / n, with which z is the normal quantile.

    Returns
    -------
    float
        0 to 1; NaN where both variances are 0, or that of seeds is not known.
    """
    from scipy.optimize import brentq

    if math.isnan(of_seeds) or of_seeds + of_images <= 0:
        return math.nan

    def excess(log: float) -> float:
        return _square(math.exp(log), of_seeds, df, of_images) - difference**2

    if difference == 0:
        return 1.0
    if excess(math.log(LEAST_P)) < 0:
        return 0.0
    return math.exp(brentq(excess, math.log(LEAST_P), 0.0))


def _square(p: float, of_seeds: float, df: float, of_images: float) -> float:
    """Return the square of half an interval of level p."""
    from scipy.special import ndtri, stdtrit

    if math.isnan(of_seeds):
        return math.nan
    normal = float(ndtri(p / 2))
    student = normal if math.isinf(df) else float(stdtrit(df, p / 2)) if of_seeds else 0.0
    return student**2 * of_seeds + normal**2 * of_images


def adjust_jointly(found: list[Comparison]) -> list[Comparison]:
    """Apply the correction to all comparisons together, whether or not made together.

    Those that are not tested do not count.
    """
    tested = [each for each in found if each.tested]
    adjusted = iter(correct([each.p for each in tested]))
    return [replace(each, adjusted=next(adjusted) if each.tested else each.p) for each in found]
