"""The pipelines that may be the best: a model confidence set on moderated variances.

docs/verdicts.md explains the rule, and shows how often it is wrong and how much it finds.

References
----------
Hansen, Lunde and Nason (2011), The model confidence set. Tukey (1949), Comparing individual means
in the analysis of variance. Smyth (2004), see `bench.analysis.moderation`. Hsu (1984), Constrained
simultaneous confidence intervals for multiple comparisons with the best.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bench.analysis.moderation import Prior
from bench.analysis.studentized_range import quantile

POWER = 0.84  # standard errors, with which 80 in 100 studies of that many seeds find a difference
MOST_SEEDS = 10**6  # more are not searched for
EQUAL = 1e-12  # means that differ by less are equal


@dataclass(frozen=True)
class Scores:
    """What K pipelines achieved on the same images, as the rule sees it."""

    means: NDArray[Any]  # (K,), over seeds and images
    variances: NDArray[Any]  # (K,), sample variances of the seeds' means; 0 of one seed
    seeds: NDArray[Any]  # (K,), how many
    deterministic: NDArray[Any]  # (K,), whether all seeds are the same result
    # (K, K), the variance that the drawing of images gives to the difference of two means; None
    # where images are not independent.
    images: NDArray[Any] | None
    # (K,), the position of the first pipeline with the same result on every image, its own if none.
    same: NDArray[Any]

    @classmethod
    def of(cls, pipelines: Iterable[tuple[NDArray[Any], bool]], independent: bool = True) -> Scores:
        """Summarize each pipeline's values by seed and image, (S, n), and whether all are one.

        A pipeline whose seeds are results of their own has at least two.
        """
        by_image, variances, seeds, repeated, names = [], [], [], [], []
        for values, deterministic in pipelines:
            by_seed = values.mean(axis=1)
            by_image.append(values.mean(axis=0))
            variances.append(0.0 if deterministic else by_seed.var(ddof=1))
            seeds.append(len(values))
            repeated.append(deterministic)
            names.append(hashlib.sha256(values.tobytes()).digest())
        of_images = np.array(by_image)
        return cls(
            of_images.mean(axis=1),
            np.array(variances),
            np.array(seeds),
            np.array(repeated, bool),
            variance_of_differences(of_images) if independent else None,
            np.array([names.index(name) for name in names]),
        )


def variance_of_differences(by_image: NDArray[Any]) -> NDArray[np.float64]:
    """Return v / n for every two of K pipelines, (K, K), from their values by image, (K, n).

    v is the variance over the n images of the difference of the two.
    """
    images = by_image.shape[1]
    covariance = np.cov(by_image, ddof=min(1, images - 1)).reshape(len(by_image), -1) / images
    own = np.diag(covariance)
    return np.maximum(own[:, None] + own[None] - 2 * covariance, 0)


@dataclass(frozen=True)
class ConfidenceSet:
    """What the rule says of K pipelines."""

    best: int  # the pipeline that is named best
    behind: NDArray[Any]  # (K,), its mean minus their own
    # (K,), half of the 95% interval of that. All K - 1 intervals hold together, and whichever
    # pipeline is named best; infinite where two pipelines cannot be compared.
    half: NDArray[Any]
    rival: NDArray[Any]  # (K,), the pipeline that struck another out; -1 in the group of the best
    # (K,), how many seeds would tell a pipeline of the group from the best, if they differ by what
    # they seem to; infinite where only more images would, NaN of all others and of the best.
    seeds_needed: NDArray[Any]

    @property
    def group(self) -> NDArray[np.bool_]:
        """Whether each pipeline may be the best, (K,)."""
        return self.rival < 0

    @property
    def worse(self) -> NDArray[np.bool_]:
        """Whether each pipeline's interval excludes 0, (K,)."""
        return self.behind > self.half + EQUAL


def confidence_set(scores: Scores, best: int | None = None) -> ConfidenceSet:
    """Strike out the pipelines that another one is ahead of, until those that remain do not differ.

    A pipeline is struck out if one that remains is ahead of it by more than half an interval, at
    the 95% point of the largest of all differences between the m that remain. Then m is smaller,
    and all are compared again. The choice of the best from the same data is thereby included.

    Parameters
    ----------
    best : int or None
        The pipeline to name best, one with the highest mean; by default the first of those.
    """
    differences = _Differences(scores)
    best = int(scores.means.argmax()) if best is None else best
    rival = _strike_out(scores, differences)
    half = differences.half(differences.distinct(np.ones(len(rival), bool)))[best]
    told = (rival < 0) & (scores.same != scores.same[best]) & np.isfinite(half)
    needed = differences.seeds_needed(best, differences.distinct(rival < 0))
    needed = np.where(told, needed, math.nan)
    return ConfidenceSet(best, scores.means[best] - scores.means, half, rival, needed)


def _strike_out(scores: Scores, differences: _Differences) -> NDArray[np.int64]:
    ahead = scores.means[None] - scores.means[:, None]  # [i, j]: j ahead of i
    rival = np.full(len(ahead), -1)
    while differences.distinct(rival < 0) > 1:
        inside = rival < 0
        half = differences.half(differences.distinct(inside))
        beyond = np.where((ahead > half + EQUAL) & inside[None], ahead - half, -math.inf)
        struck = inside & (beyond > -math.inf).any(axis=1)
        if not struck.any():
            break
        rival[struck] = beyond[struck].argmax(axis=1)
    return rival


class _Differences:
    """Half intervals of the differences between pipelines."""

    def __init__(self, scores: Scores) -> None:
        self.scores = scores
        self.varies = ~scores.deterministic
        count = len(scores.means)
        self.images = np.zeros((count, count)) if scores.images is None else scores.images
        self.df = np.where(self.varies, scores.seeds - 1.0, math.inf)
        once = self.varies & (scores.same == np.arange(count))  # equal results are one
        self.prior = Prior.of(scores.variances[once], self.df[once])

    @cached_property
    def variances(self) -> NDArray[np.float64]:
        """Moderated variances; 0 of deterministic pipelines."""
        found = np.zeros(len(self.df))
        # The pooled variance, and not the prior's own, which trusts pipelines that happened to
        # find one optimum in all of a few seeds.
        which, prior = self.varies, self.prior
        df = self.df[which]
        found[which] = prior.moderate(self.scores.variances[which], df, prior.pooled)
        return found

    def half(self, m: int) -> NDArray[np.float64]:
        """Return half the interval of every two pipelines' difference, among m, (K, K)."""
        of_seeds = self.variances / self.scores.seeds
        df = np.where(self.varies, self.prior.moderated_df(self.df), math.inf)
        q = quantile(m, np.minimum(df[:, None], df[None]))
        square = q**2 * (of_seeds[:, None] + of_seeds[None]) + self._of_images(m)
        if self.scores.images is None:
            square[~(self.varies[:, None] | self.varies[None])] = math.inf
        return np.sqrt(square / 2)

    def _of_images(self, m: int) -> NDArray[np.float64]:
        return quantile(m, math.inf) ** 2 * self.images

    def distinct(self, inside: NDArray[np.bool_]) -> int:
        """Count pipelines, those with the same result on every image once."""
        return len(np.unique(self.scores.same[inside]))

    def seeds_needed(self, best: int, m: int) -> NDArray[np.float64]:
        """Return the fewest seeds with which differences as large as found would be shown, (K,).

        Among m pipelines, in 80 of 100 studies. Infinite where more seeds will not do; NaN where
        nothing would, because two means are equal.
        """
        gap = self.scores.means[best] - self.scores.means
        of_seeds = self.variances[best] + self.variances
        of_images = self._of_images(m)[best] / 2
        low = np.full(len(gap), self.scores.seeds[best])
        high = np.full(len(gap), MOST_SEEDS)
        while (high - low > 1).any():
            seeds = (low + high) // 2
            part = of_seeds / seeds
            half = np.sqrt(quantile(m, self.prior.df + seeds - 1) ** 2 / 2 * part + of_images)
            told = (gap > half + POWER * np.sqrt(part)) & (seeds > low)
            low, high = np.where(told, low, seeds), np.where(told, seeds, high)
        nothing = math.nan if self.scores.images is None else math.inf
        return np.where(gap > np.sqrt(of_images) + EQUAL, high, nothing)
