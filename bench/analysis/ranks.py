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
from bench.analysis.inference import LEVEL
from bench.analysis.results import PIPELINE, Key, Results
from bench.analysis.verdicts import BEST, GROUP, WORSE

# With fewer labeled data sets no test of two pipelines can reach 0.05: 2 / 2^5 is 0.0625.
FEWEST = 6

PERMUTATIONS = 1999  # of ranks
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
    p: dict[Key, float]  # of all but the best, see `against_first`
    verdicts: dict[Key, str]

    @property
    def worse(self) -> int:
        """How many pipelines are significantly worse than the best."""
        return sum(verdict == WORSE for verdict in self.verdicts.values())

    @property
    def group(self) -> int:
        """How many pipelines may be the best, the one that is named best among them."""
        return len(self.verdicts) - self.worse


def compare_ranks(ranking: Ranking) -> RankComparison | None:
    """Compare every pipeline with the best by mean rank; return None if nothing may be claimed.

    A claim needs six labeled data sets, and two pipelines that were finished on all.
    """
    complete = ranking.values[(ranking.states == "ok").all(axis=1)]
    if len(ranking.datasets) < FEWEST or len(complete) < 2:
        return None
    names = _keys(complete)
    p = against_first(complete.to_numpy(dtype=np.float64))  # the best mean rank comes first
    verdicts = [BEST, *(WORSE if each <= LEVEL else GROUP for each in p)]
    return RankComparison(
        names[0],
        dict(zip(names[1:], map(float, p), strict=True)),
        dict(zip(names, verdicts, strict=True)),
    )


def against_first(values: NDArray[Any]) -> NDArray[np.float64]:
    """Compare pipelines with the first, and strike out those that are worse, step by step.

    A pipeline is struck out if two tests agree. It is behind in mean rank by more than the best
    and the worst of so many equal pipelines would be apart in 95 of 100 cases; the choice of the
    best from the same data is thereby included. And Wilcoxon's signed-rank test of the two says so,
    its p times the number of comparisons, unless all data sets agree, beyond which no p is smaller.
    Those that remain are then ranked and compared again, among fewer.

    Parameters
    ----------
    values : ndarray, shape (pipelines, data sets)
        Best mean rank first.

    Returns
    -------
    ndarray, shape (pipelines - 1,)
        The greater of the two p-values of each but the first, at least that of those struck out
        before. Pipelines with at most 0.05 are significantly worse.
    """
    signs = np.array([wilcoxon(values[0] - other) for other in values[1:]])
    agree = signs <= least_p(values.shape[1])
    found = np.ones(len(signs))
    remain, least = np.ones(len(signs), dtype=bool), 0.0
    while remain.any():
        adjusted = np.where(agree, signs, np.minimum(signs * remain.sum(), 1))
        p = np.maximum(range_test(values[np.r_[True, remain]]), adjusted[remain])
        found[remain] = np.maximum(p, least)
        struck = remain & (found <= LEVEL)
        if not struck.any():
            break
        least, remain = float(found[struck].max()), remain & ~struck
    return found


def range_test(values: NDArray[Any]) -> NDArray[np.float64]:
    """Return how rarely equal pipelines' mean ranks are as far apart as each is behind the first.

    The ranks within each data set are permuted, ties as they are: the distribution of the range of
    mean ranks, of which Nemenyi's test takes the limit for many data sets.

    Parameters
    ----------
    values : ndarray, shape (pipelines, data sets)

    Returns
    -------
    ndarray, shape (pipelines - 1,)
        p-values of all but the first; 1 where a pipeline is not behind it.

    References
    ----------
    Nemenyi (1963), Distribution-free multiple comparisons; Demšar (2006), Statistical comparisons
    of classifiers over multiple data sets.
    """
    from scipy.stats import rankdata

    ranks = rankdata(-values, axis=0).T  # (data sets, pipelines)
    behind = ranks.mean(axis=0)[1:] - ranks.mean(axis=0)[0]
    random = np.random.default_rng(0)
    drawn = np.zeros((PERMUTATIONS, ranks.shape[1]))
    for of_set in ranks:
        drawn += random.permuted(np.tile(of_set, (PERMUTATIONS, 1)), axis=1)
    apart = np.sort(np.ptp(drawn, axis=1) / len(ranks))
    as_far = PERMUTATIONS - np.searchsorted(apart, behind - 1e-9)
    return np.where(behind > 1e-9, (as_far + 1) / (PERMUTATIONS + 1), 1.0)


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
