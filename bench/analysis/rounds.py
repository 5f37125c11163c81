"""Ratios of times that were measured in rounds, with intervals.

In each round all rivals run in a random order, so that the logarithm of the ratio of two times is
one observation, which a slow minute of the machine hardly changes. Rounds are few; the variances of
all ratios of a run steady that of each (`bench.analysis.moderation`).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bench.analysis.moderation import Prior

# Of a false difference: small, since a run has dozens of ratios, all of which are looked at.
LEVEL = 0.01
RESAMPLES = 200


@dataclass(frozen=True)
class Ratio:
    """How many times as fast something is as its rival.

    Attributes
    ----------
    value : float
        The geometric mean over rounds.
    low, high : float
        Its interval, which covers the true ratio with a probability of 99%; NaN where nothing
        tells how much rounds vary.
    """

    value: float
    low: float
    high: float


def logarithms(theirs: Sequence[float], ours: Sequence[float]) -> NDArray[np.float64]:
    """Return the logarithm of the rival's time divided by ours, (rounds,)."""
    rounds = min(len(theirs), len(ours))
    return np.log(np.asarray(theirs[:rounds], float) / np.asarray(ours[:rounds], float))


def common_noise(logs: Sequence[NDArray[np.float64]]) -> Prior:
    """Return what the variances over rounds of all ratios of a run tell about each other."""
    several = [each for each in logs if len(each) > 1]
    return Prior.of(
        np.array([each.var(ddof=1) for each in several]),
        np.array([len(each) - 1.0 for each in several]),
    )


def ratio(logs: NDArray[np.float64], noise: Prior) -> Ratio:
    """Return a ratio with its interval: Student's, with the moderated variance over rounds."""
    middle, half = float(logs.mean()), float(_half_widths(logs[None], noise)[0])
    return Ratio(*(math.exp(value) for value in (middle, middle - half, middle + half)))


def false_alarms(logs: NDArray[np.float64], noise: Prior) -> float:
    """Return how often the same work, timed twice, would be said to differ.

    The share of `RESAMPLES` samples of the rounds, drawn with replacement, of which the interval
    does not hold 1. In each round drawn the two exchange their names by the toss of a coin, which
    changes nothing where their work is the same, so that the true ratio of these samples is 1.
    """
    draw = np.random.default_rng(0)
    rows = draw.integers(len(logs), size=(RESAMPLES, len(logs)))
    samples = logs[rows] * draw.choice([-1.0, 1.0], size=rows.shape)
    return float((np.abs(samples.mean(axis=1)) > _half_widths(samples, noise)).mean())


def _half_widths(samples: NDArray[np.float64], noise: Prior) -> NDArray[Any]:
    """Return half the width of the interval of each row's mean; (k,) from (k, rounds)."""
    from scipy.stats import t

    count, rounds = samples.shape
    df = np.full(count, rounds - 1.0)
    variances = samples.var(axis=1, ddof=1) if rounds > 1 else np.zeros(count)
    moderated = noise.moderate(variances, df, noise.variance)
    total = noise.moderated_df(df)
    if not total.all():  # one round, and no other ratio of the run tells more
        return np.full(count, math.nan)
    widths: NDArray[Any] = t.ppf(1 - LEVEL / 2, total) * np.sqrt(moderated / rounds)
    return widths
