"""Effects: how much of the variance of a score is due to each choice, and how much to the seed.

A grid is a complete factorial design: encoder, reducer chain and clusterer are its factors, and
each of its pipelines is repeated with the same seeds. The score of a run varies by

    variance = encoder + chain + clusterer + interactions + seed

Sums of squares of the factors' means hold chance as well: means of few seeds differ although
nothing does. The part that is due to chance is taken out, as estimators from expected mean squares
do (and omega squared). Seeds are no independent errors here: one training serves all chains behind
it. So the squares of effects are replaced by products of the effects that two different seeds
show, averaged over all pairs of seeds: what one seed does by chance, another does not repeat.
"""

from __future__ import annotations

import itertools
import math
from collections import Counter
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bench.analysis.correctness import Correctness
from bench.analysis.inference import LEVEL, Interval
from bench.analysis.results import Key

ENCODER, CHAIN, CLUSTERER = "encoder", "reducer chain", "clusterer"
BOTH, OTHERS, SEED = "encoder × reducer chain", "other interactions", "seed"
FACTORS = (ENCODER, CHAIN, CLUSTERER)
PARTS = (*FACTORS, BOTH, OTHERS, SEED)

DRAWS = 1000
FEWEST = 3  # seeds for an interval: a draw from two of them cannot show how much they vary
NOTHING = 1e-12  # variances below this are rounding errors

# Which factors' means are compared; the sets that a set holds are taken off its squares.
SETS = tuple(itertools.product((False, True), repeat=len(FACTORS)))
GROUPS = {
    (True, False, False): 0,
    (False, True, False): 1,
    (False, False, True): 2,
    (True, True, False): 3,
    (True, False, True): 4,
    (False, True, True): 4,
    (True, True, True): 4,
}


@dataclass(frozen=True)
class Part:
    """A part of the variance of a score over the runs of a grid."""

    name: str  # one of PARTS
    levels: int  # of a factor, how many it has; of the seed, how many seeds; else 0
    share: Interval  # of the whole variance, 0 to 1; limits are NaN where there is no interval
    deviation: float  # its square root, in the unit of the score


@dataclass(frozen=True)
class Effects:
    """The parts of a variance, and what they rest on."""

    parts: tuple[Part, ...]  # in the order of PARTS; those that the grid does not vary are missing
    deviation: float  # of the scores of runs, the root of the whole variance
    leads: bool  # the 95% interval of the greatest share less the next excludes 0
    runs: int
    seeds: int  # 1 also where all seeds are the same result
    repeated: bool  # False: all seeds are the same result
    left_out: tuple[str, ...]  # encoders, chains, clusterers, seeds that lack a run

    @property
    def ranked(self) -> list[Part]:
        """The parts, greatest share first."""
        return sorted(self.parts, key=lambda part: -part.share.mean)


def effects(found: dict[Key, Correctness], independent: bool = True) -> Effects | None:
    """Return the parts of the variance of the score that pipelines are compared by.

    Only a complete grid of encoders, chains, clusterers and seeds is taken apart; see `complete`.

    Parameters
    ----------
    found : dict
        What each pipeline achieved on each image.
    independent : bool
        False: the images are not a sample of others, and the intervals are over seeds alone.

    Returns
    -------
    Effects or None
        None where the scores do not vary, or there is but one pipeline.
    """
    runs = {(*name, seed): v for name, each in found.items() for seed, v in each.by_seed.items()}
    levels, left_out = complete({*runs})
    shape = tuple(map(len, levels))
    if math.prod(shape[:-1]) < 2:
        return None
    kept = itertools.product(*levels)
    values = np.array([runs[run] for run in kept], dtype=np.float32).reshape(*shape, -1)
    values = np.moveaxis(values, -2, 0)
    repeated = any(found[name].repeated for name in itertools.product(*levels[:-1]))
    if not repeated:
        values = values[:1]
    parts, draws = variances(values, repeated, independent)
    if parts.sum() < NOTHING:
        return None
    shares, drawn = _shares(parts), _shares(draws)
    varied = [*(count > 1 for count in shape[:-1]), False, False, len(values) > 1]
    varied[3] = varied[0] and varied[1]
    varied[4] = sum(varied[:3]) > 1 and varied[2]
    counts = [*shape[:-1], 0, 0, len(values)]
    made = [
        Part(name, counts[n], _interval(shares[n], drawn[:, n]), math.sqrt(max(parts[n], 0.0)))
        for n, name in enumerate(PARTS)
        if varied[n]
    ]
    return Effects(
        tuple(made),
        math.sqrt(parts.sum()),
        _leads(shares, drawn),
        values[..., 0].size,
        len(values),
        repeated,
        left_out,
    )


def complete(runs: set[tuple[str, str, str, int]]) -> tuple[list[list[Any]], tuple[str, ...]]:
    """Return encoders, chains, clusterers and seeds of which every combination is among the runs.

    While one is missing, that encoder, chain, clusterer or seed is left out which lacks the
    greatest share of its runs; of equals, the first by kind and by name. Also return what was.
    """
    levels: list[list[Any]] = [sorted(set(of_runs)) for of_runs in zip(*runs, strict=True)]
    left_out = []
    while missing := [run for run in itertools.product(*levels) if run not in runs]:
        several = [kind for kind, of_kind in enumerate(levels) if len(of_kind) > 1]
        lacking = Counter((kind, run[kind]) for run in missing for kind in several)
        kind, level = min(
            lacking, key=lambda each: (-lacking[each] * len(levels[each[0]]), each[0], str(each[1]))
        )
        levels[kind].remove(level)
        left_out.append(f"{(*FACTORS, SEED)[kind]} {level}")
    return levels, tuple(left_out)


def variances(
    values: NDArray[np.float32], repeated: bool = True, independent: bool = True, draws: int = DRAWS
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return the parts of the variance, and what they are in resamples of seeds and images.

    Seeds are drawn with replacement; a pair of one seed with itself is no pair, as in the estimate.
    Images get exponential weights. These add chance to every square, n images the n-th part of
    the products' covariance over images, which is taken off.

    Parameters
    ----------
    values : ndarray, shape (S, encoders, chains, clusterers, n), float32
        Correctness, or another number, by seed, pipeline and image.
    repeated, independent : bool
        False: seeds, or images, are not drawn.

    Returns
    -------
    parts : ndarray, shape (6,)
        Variances in the order of `PARTS`; estimates that are below 0 by chance stay so. Of one
        seed, that part is 0, and the others hold what is due to it.
    drawn : ndarray, shape (draws, 6)
        NaN where there are fewer seeds than three to draw from.

    References
    ----------
    Searle, Casella, McCulloch (1992), Variance components, chapter 4; Rubin (1981), The Bayesian
    bootstrap.
    """
    seeds, images = len(values), values.shape[-1]
    scores = values.mean(axis=-1, dtype=np.float64)
    products = _products(scores)
    parts = _parts(products, np.ones(seeds))
    if repeated and seeds < FEWEST:
        return parts, np.full((draws, len(PARTS)), np.nan)
    random = np.random.default_rng(0)
    drawn, counts = np.broadcast_to(products, (draws, *products.shape)), np.ones((draws, seeds))
    if independent:
        weights = random.standard_exponential((draws, images), dtype=np.float32)
        weights /= weights.sum(axis=1, keepdims=True)
        resampled = (weights @ values.reshape(-1, images).T).reshape(draws, *scores.shape)
        of_images = _products(np.moveaxis(values, -1, 0)).mean(axis=0, dtype=np.float64)
        drawn = _products(resampled.astype(np.float64)) - (of_images - products) / (images + 1)
    if repeated:
        counts = _seed_counts(random, draws, seeds)
    return parts, _parts(drawn, counts)


def _products(scores: NDArray[Any]) -> NDArray[Any]:
    """Return products of the means over some factors, for pairs of seeds.

    From (..., S, encoders, chains, clusterers) to (..., sets of factors, S, S).
    """
    found = []
    for kept in SETS:
        over = tuple(axis for axis, keep in zip((-3, -2, -1), kept, strict=True) if not keep)
        means = scores.mean(axis=over, keepdims=True)
        flat = means.reshape(*means.shape[:-3], -1)
        found.append(flat @ flat.swapaxes(-1, -2) / flat.shape[-1])
    return np.stack(found, axis=-3)


def _parts(products: NDArray[Any], counts: NDArray[Any]) -> NDArray[np.float64]:
    """Return the parts of the variance, (..., 6), of products and of how often a seed counts."""
    pairs = counts[..., :, None] * counts[..., None, :]
    seeds = counts.shape[-1]
    if seeds > 1:
        pairs = pairs * (1 - np.eye(seeds))
    weights = pairs / pairs.sum(axis=(-1, -2), keepdims=True)
    apart = np.einsum("...kst,...st->...k", products, weights)
    signs = np.zeros((len(PARTS), len(SETS)))
    for kept, part in GROUPS.items():
        for place, other in enumerate(SETS):
            if all(k or not o for k, o in zip(kept, other, strict=True)):
                signs[part, place] += (-1) ** (sum(kept) - sum(other))
    found = apart @ signs.T
    own = np.einsum("...ss,...s->...", products[..., -1, :, :], counts) / seeds
    found[..., -1] = own - apart[..., -1]
    return np.asarray(found, dtype=np.float64)


def _seed_counts(random: np.random.Generator, draws: int, seeds: int) -> NDArray[np.float64]:
    """Return how often each seed was drawn, (draws, S); two or more are in every draw."""
    counts = random.multinomial(seeds, np.full(seeds, 1 / seeds), size=draws)
    while (single := (counts > 0).sum(axis=1) < 2).any():
        counts[single] = random.multinomial(seeds, np.full(seeds, 1 / seeds), size=single.sum())
    return counts.astype(np.float64)


def _shares(parts: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return shares that sum to 1; a part below 0 is none."""
    positive = np.maximum(parts, 0.0)
    total = positive.sum(axis=-1, keepdims=True)
    return np.asarray(positive / np.where(total == 0, 1, total))


def _interval(share: float, drawn: NDArray[np.float64]) -> Interval:
    if np.isnan(drawn).any():
        return Interval(float(share), math.nan, math.nan)
    low, high = np.quantile(drawn, [LEVEL / 2, 1 - LEVEL / 2])
    return Interval(float(share), min(float(low), float(share)), max(float(high), float(share)))


def _leads(shares: NDArray[np.float64], drawn: NDArray[np.float64]) -> bool:
    first, second = np.argsort(-shares, kind="stable")[:2]
    return bool(np.quantile(drawn[:, first] - drawn[:, second], LEVEL / 2) > 0)
