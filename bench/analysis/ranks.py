"""Pipelines ranked over several data sets, and compared by their ranks.

The sample is the data sets, not the seeds: each gives a pipeline one number, the mean over seeds
of its primary metric.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from bench.analysis import failures
from bench.analysis.inference import ALIKE, LEVEL, correct
from bench.analysis.results import PIPELINE, Key, Results
from bench.analysis.verdicts import BEST, WORSE

# With fewer labeled data sets no test of two pipelines can reach 0.05: 2 / 2^5 is 0.0625.
FEWEST = 6

DIGITS = 9  # accuracies equal to so many are tied: the last bits of a mean are noise


@dataclass(frozen=True)
class Ranking:
    """The rank of each pipeline on each labeled data set.

    The tables have a row a pipeline, indexed by `PIPELINE`, best mean rank first, and a column a
    labeled data set.
    """

    # 1 is best; ties share the mean of their ranks, pipelines without all of their seeds the worst.
    ranks: pd.DataFrame
    values: pd.DataFrame  # means of the primary metric, missing where a seed is
    states: pd.DataFrame  # ok, failed, skipped, or missing where there is no record
    metrics: dict[str, str]  # the primary metric by data set
    unlabeled: tuple[str, ...]  # data sets that take no part

    @property
    def datasets(self) -> list[str]:
        """The data sets that take part."""
        return [str(name) for name in self.ranks.columns]

    @property
    def pipelines(self) -> list[Key]:
        """The pipelines, best mean rank first."""
        return _keys(self.ranks)

    @property
    def means(self) -> pd.Series:
        """Each pipeline's mean rank."""
        return self.ranks.mean(axis=1)

    @property
    def leaders(self) -> list[Key]:
        """The pipelines with the best mean rank, more than one if they share it."""
        means = self.means.round(DIGITS)
        best = means == means.min()
        return [name for name, leads in zip(self.pipelines, best, strict=True) if leads]


def rank(results: Results) -> Ranking:
    """Rank pipelines on each labeled data set, by their mean of the primary metric."""
    pipelines = pd.MultiIndex.from_frame(results.records[PIPELINE].drop_duplicates())
    values, states, metrics, unlabeled = {}, {}, {}, []
    for name, of_set in results.by_dataset().items():
        if not of_set.labeled:
            unlabeled.append(name)
            continue
        metrics[name] = of_set.metric
        found = of_set.summary.set_index(PIPELINE).reindex(pipelines)
        states[name] = pd.Series([failures.state(row) for _, row in found.iterrows()], found.index)
        values[name] = found[of_set.metric].astype(float).round(DIGITS)
        values[name] = values[name].where(states[name] == "ok")
    table = pd.DataFrame(values, index=pipelines)
    ranks = (-table).rank(method="average", na_option="bottom")
    order = ranks.mean(axis=1).round(DIGITS).sort_values(kind="stable").index
    state = pd.DataFrame(states, index=pipelines)
    tables = ranks.loc[order], table.loc[order], state.loc[order]
    return Ranking(*tables, metrics, tuple(unlabeled))


def _keys(table: pd.DataFrame) -> list[Key]:
    return [(str(model), str(chain), str(clusterer)) for model, chain, clusterer in table.index]


@dataclass(frozen=True)
class RankComparison:
    """The pipelines that were finished on all of six or more data sets, compared."""

    best: Key  # by mean rank; the others are compared with it
    friedman: float | None  # p-value of all being equal; None for two, where one test is enough
    adjusted: dict[Key, float]  # p-values of the exact Wilcoxon test, after the correction
    verdicts: dict[Key, str]

    @property
    def worse(self) -> int:
        """How many pipelines are significantly worse than the best."""
        return sum(verdict == WORSE for verdict in self.verdicts.values())


def compare_ranks(ranking: Ranking) -> RankComparison | None:
    """Compare every pipeline with the best by mean rank; return None if nothing may be claimed.

    A claim needs six labeled data sets, and two pipelines that were finished on all. A pipeline is
    significantly worse only if the exact Wilcoxon test of the two says so, after the correction,
    and Friedman's test as well: over all pipelines, and again without those of a worse mean rank.
    Otherwise the best of equal pipelines would be chosen and then tested by the same data sets, and
    called better too often.
    """
    complete = ranking.values[(ranking.states == "ok").all(axis=1)]
    if len(ranking.datasets) < FEWEST or len(complete) < 2:
        return None
    names = _keys(complete)
    values = complete.to_numpy(dtype=np.float64)  # the best mean rank comes first
    adjusted, worse = against_first(values)
    verdicts = [BEST, *(WORSE if each else ALIKE for each in worse)]
    return RankComparison(
        names[0],
        friedman_test(values) if len(values) > 2 else None,
        dict(zip(names[1:], adjusted, strict=True)),
        dict(zip(names, verdicts, strict=True)),
    )


def against_first(values: NDArray[Any]) -> tuple[list[float], list[bool]]:
    """Compare pipelines with the first; see `compare_ranks`.

    Parameters
    ----------
    values : ndarray, shape (pipelines, data sets)
        Best mean rank first.

    Returns
    -------
    adjusted : list of float
        p-values of all but the first, after the correction.
    worse : list of bool
        Whether they are significantly worse than the first.
    """
    first, others = values[0], values[1:]
    adjusted = correct([wilcoxon(first - other) for other in others])
    equal = len(values)
    if min(adjusted) <= LEVEL:  # so many of the first are equal by Friedman's test
        counts = range(len(values), 2, -1)
        equal = next((n for n in counts if friedman_test(values[:n]) > LEVEL), 1)
    worse = [
        number >= equal and p <= LEVEL and bool(signed_ranks(first - other).sum() > 0)
        for number, (other, p) in enumerate(zip(others, adjusted, strict=True), start=1)
    ]
    return adjusted, worse


def friedman_test(values: NDArray[Any]) -> float:
    """Return the p-value of pipelines being equal, from their ranks within each data set.

    There are at least three pipelines; the values have the shape (pipelines, data sets).

    References
    ----------
    Friedman (1937), The use of ranks to avoid the assumption of normality; Demšar (2006),
    Statistical comparisons of classifiers over multiple data sets.
    """
    from scipy.stats import friedmanchisquare

    if (values == values[0]).all():
        return 1.0  # all tied everywhere: 0 / 0
    return float(friedmanchisquare(*values).pvalue)


def signed_ranks(differences: NDArray[Any]) -> NDArray[np.float64]:
    """Return the rank of each difference's size with its sign; 0 for differences of 0."""
    from scipy.stats import rankdata

    sizes = np.abs(np.asarray(differences, dtype=np.float64).round(DIGITS))
    found = np.zeros(len(sizes))
    found[sizes > 0] = rankdata(sizes[sizes > 0])
    return found * np.sign(differences)


def wilcoxon(differences: NDArray[Any]) -> float:
    """Return the two-sided p-value of Wilcoxon's signed-rank test, exact with ties as well.

    All assignments of signs to the ranks of the differences, one a data set, are counted; those
    of 0 are left out. The least that n data sets can reach is 2 / 2^n.

    References
    ----------
    Wilcoxon (1945), Individual comparisons by ranking methods.
    """
    ranks = signed_ranks(differences)
    doubled = np.rint(2 * np.abs(ranks[ranks != 0])).astype(int)  # shared ranks are halves
    shares = np.ones(1)
    for each in doubled:
        without, having = np.pad(shares, (0, each)), np.pad(shares, (each, 0))
        shares = (without + having) / 2
    positive = round(2 * float(ranks[ranks > 0].sum()))
    extreme = max(positive, int(doubled.sum()) - positive)
    return min(1.0, 2 * float(shares[extreme:].sum()))


def least_p(datasets: int) -> float:
    """Return the least p-value that an exact test of signs can reach with so many data sets."""
    return math.ldexp(2.0, -datasets)
