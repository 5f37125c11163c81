"""How sure a number is: intervals over seeds and images, and paired comparisons of cells.

A cell's evidence is its hits: a truth value for each seed and image, whether the image's cluster
is assigned to its label. The same images stand behind every seed, so that seeds and images are
two sources of doubt and not one.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

LEVEL = 0.05  # of a false difference; the intervals cover 1 - LEVEL
NORMAL = 1.959964  # its two-sided quantile of the normal distribution
RESAMPLES = 2**16  # sign flips are exact up to 16 seeds, and drawn beyond

# A number an image: whether it is right, or its part in the kNN modularity.
Hits = NDArray[Any]


@dataclass(frozen=True)
class Interval:
    """A mean with its doubt, at 95%.

    Attributes
    ----------
    mean, low, high : float
    """

    mean: float
    low: float
    high: float


@dataclass(frozen=True)
class Comparison:
    """Whether one cell is better than another, by the same seeds and images.

    Attributes
    ----------
    difference : Interval
        Accuracy of the one less that of the other.
    p : float
        Of the exact sign-flip test over seeds, two-sided; 1 where runs are not repeated.
    adjusted : float
        The same after Holm's correction for all comparisons made together.
    seeds : int
        Seeds that both have.
    images_tell : bool
        The interval over images alone excludes 0.
    told_apart : bool
        ``adjusted`` is at most 0.05, and the images tell as well.
    """

    difference: Interval
    p: float
    adjusted: float
    seeds: int
    images_tell: bool
    told_apart: bool


def interval(values: NDArray[Any], repeated: bool = True, independent: bool = True) -> Interval:
    """Join the doubt of seeds and of images in one interval.

    Half its width is the root of t² s² / S + z² v / n: s² the variance of the S seeds' means and
    t Student's quantile with S - 1 degrees of freedom; v the variance over the n images of each
    image's mean over seeds, and z the normal quantile. Resampling images within seeds, which looks
    the same, covers far too rarely: the images are shared.

    Parameters
    ----------
    values : ndarray, shape (S, n)
        Hits, or differences of hits, by seed and image.
    repeated : bool
        False: the seeds are one result over again, and have no spread.
    independent : bool
        False: images are not, as patches of one photograph; nothing is said of them.

    Returns
    -------
    Interval
        Without limits (NaN) where seeds would vary and there is but one.
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
    """Return the two-sided p-value of a mean of 0, from flipping signs in every way.

    Exact up to 16 seeds, by draws beyond; the least that S seeds can reach is 2 / 2^S.

    Parameters
    ----------
    differences : ndarray, shape (S,)
        Paired, one a seed.

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


def holm(values: list[float]) -> list[float]:
    """Adjust p-values for their number by Holm's step-down method.

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
    """Return how many seeds could tell the best from so many cells: least S of 2 m / 2^S ≤ 0.05."""
    return math.ceil(math.log2(2 * max(comparisons, 1) / LEVEL))


@dataclass(frozen=True)
class Evidence:
    """What a cell has to show.

    Attributes
    ----------
    hits : dict
        By seed index, (n,) truth values; where nothing is labeled, parts in the kNN modularity.
    repeated : bool
        False: its seeds are one result over again.
    """

    hits: dict[int, Hits]
    repeated: bool

    def values(self, seeds: list[int] | None = None) -> NDArray[np.float64]:
        """Return hits as numbers, (S, n), of all seeds or of some."""
        chosen = sorted(self.hits) if seeds is None else seeds
        return np.array([self.hits[seed] for seed in chosen], dtype=np.float64)

    def shared(self, other: Evidence) -> list[int]:
        """Return the seeds that both have."""
        return sorted(set(self.hits) & set(other.hits))

    def renumbered(self) -> Evidence:
        """Return the same under seed numbers that match no other run's."""
        return Evidence({-1 - seed: hits for seed, hits in self.hits.items()}, self.repeated)


def compare_all(
    pairs: list[tuple[Evidence, Evidence]], independent: bool = True
) -> list[Comparison]:
    """Compare cells pairwise, by the seeds and images that both have.

    Two are told apart only if seeds and images both say so. Where images are not
    independent, the seeds alone decide, and the statement is about these images.

    Parameters
    ----------
    pairs : list of (Evidence, Evidence)
        Each has a seed in common.
    independent : bool
        Whether images are.
    """
    found = []
    for one, other in pairs:
        seeds = one.shared(other)
        repeated = one.repeated or other.repeated
        difference = one.values(seeds) - other.values(seeds)
        # One result over again is not evidence S times.
        p = sign_flips(difference.mean(axis=1)) if repeated else 1.0
        found.append((difference, repeated, p))
    adjusted = holm([p for _, _, p in found])
    return [
        _comparison(difference, repeated, p, level, independent)
        for (difference, repeated, p), level in zip(found, adjusted, strict=True)
    ]


def _comparison(
    difference: NDArray[Any], repeated: bool, p: float, adjusted: float, independent: bool
) -> Comparison:
    by_images = interval(difference, repeated=False, independent=independent)
    tell = not by_images.low <= 0 <= by_images.high
    return Comparison(
        interval(difference, repeated, independent),
        p,
        adjusted,
        len(difference),
        tell,
        adjusted <= LEVEL and tell,
    )


def adjust_jointly(found: list[Comparison]) -> list[Comparison]:
    """Correct comparisons that were made apart, as on several data sets, for all of them."""
    adjusted = holm([each.p for each in found])
    return [
        replace(each, adjusted=level, told_apart=level <= LEVEL and each.images_tell)
        for each, level in zip(found, adjusted, strict=True)
    ]


def against_best(
    best: Evidence, others: list[Evidence], independent: bool = True
) -> list[Comparison]:
    """Hold every other cell against the best; see `compare_all`."""
    return compare_all([(best, other) for other in others], independent)
