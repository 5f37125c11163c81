"""Cells ranked over several data sets, and what that can carry.

Data sets, and not seeds, are here the sample: each gives a cell one number, the mean over seeds of
the metric that leads on it.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from bench.analysis.inference import LEVEL, holm
from bench.analysis.summary import by_dataset, judged_by, leading_metric, summary
from bench.analysis.verdicts import ALIKE, BEST, WORSE, Cell

# With fewer labeled data sets no test of two cells can reach 0.05: 2 / 2^5 is 0.0625.
FEWEST = 6

DIGITS = 9  # accuracies that agree to so many are tied: a mean's last bits tell nothing


@dataclass(frozen=True)
class Ranking:
    """Where each cell stands on each labeled data set.

    Attributes
    ----------
    ranks : DataFrame
        A row a cell (model, chain), best mean rank first, and a column a labeled data set; 1 is
        best, ties share the mean of their ranks, and cells without all of their seeds share the
        worst.
    values : DataFrame
        The same cells and data sets: mean of the leading metric, missing where a cell lacks seeds.
    states : DataFrame
        The same: ``ok``, ``failed``, ``skipped``, or ``missing`` where there is no record.
    metrics : dict
        The leading metric by data set.
    unlabeled : tuple of str
        Data sets that take no part.
    """

    ranks: pd.DataFrame
    values: pd.DataFrame
    states: pd.DataFrame
    metrics: dict[str, str]
    unlabeled: tuple[str, ...]

    @property
    def datasets(self) -> list[str]:
        """The data sets that take part."""
        return [str(name) for name in self.ranks.columns]

    @property
    def cells(self) -> list[Cell]:
        """The cells, best mean rank first."""
        return [(str(model), str(chain)) for model, chain in self.ranks.index]

    @property
    def means(self) -> pd.Series:
        """Each cell's mean rank."""
        return self.ranks.mean(axis=1)

    @property
    def leaders(self) -> list[Cell]:
        """The cells with the best mean rank, more than one if they share it."""
        means = self.means.round(DIGITS)
        best = means == means.min()
        return [cell for cell, leads in zip(self.cells, best, strict=True) if leads]

    @property
    def complete(self) -> pd.DataFrame:
        """The values of the cells that were finished on every data set."""
        return self.values[(self.states == "ok").all(axis=1)]


def rank(records: pd.DataFrame) -> Ranking:
    """Rank cells on each labeled data set, by the mean of the metric that leads there.

    Parameters
    ----------
    records : DataFrame
        Of several data sets, as written to results.csv.
    """
    cells = pd.MultiIndex.from_frame(records[["model", "chain"]].drop_duplicates())
    values, states, metrics, unlabeled = {}, {}, {}, []
    for name, of_set in by_dataset(records).items():
        if of_set["largest_class"].isna().all() or judged_by(of_set) == "knn_modularity":
            unlabeled.append(name)
            continue
        # Where no cell was finished nothing leads, and all share one rank.
        metrics[name] = leading_metric(of_set) or "public_accuracy"
        found = summary(of_set).set_index(["model", "chain"]).reindex(cells)
        states[name] = _states(found)
        values[name] = found[metrics[name]].astype(float).round(DIGITS)
        values[name] = values[name].where(states[name] == "ok")
    table = pd.DataFrame(values, index=cells)
    ranks = (-table).rank(method="average", na_option="bottom")
    order = ranks.mean(axis=1).round(DIGITS).sort_values(kind="stable").index
    return Ranking(
        ranks.loc[order],
        table.loc[order],
        pd.DataFrame(states, index=cells).loc[order],
        metrics,
        tuple(unlabeled),
    )


def _states(found: pd.DataFrame) -> pd.Series:
    states = pd.Series("ok", index=found.index)
    states[found["skipped"] > 0] = "skipped"
    states[found["failed"] > 0] = "failed"
    states[found["seeds"].isna()] = "missing"
    return states


@dataclass(frozen=True)
class Standing:
    """What six or more data sets say of the cells that were finished on all of them.

    Attributes
    ----------
    best : (str, str)
        The one with the best mean rank, which the others are held against.
    friedman : float or None
        p-value of Friedman's test that all are equal; None for two cells, where there is but one
        comparison.
    adjusted : dict
        By cell, the p-value of the exact Wilcoxon test against the best, after Holm's correction.
    verdicts : dict
        By cell: ``best``, ``worse`` or ``not told apart``.
    """

    best: Cell
    friedman: float | None
    adjusted: dict[Cell, float]
    verdicts: dict[Cell, str]

    @property
    def worse(self) -> int:
        """How many cells are worse than the best."""
        return sum(verdict == WORSE for verdict in self.verdicts.values())


def compare_ranks(ranking: Ranking) -> Standing | None:
    """Hold every cell against the best by mean rank; None where nothing may be claimed.

    That is with fewer than six labeled data sets, or fewer than two cells that were finished on
    all. A cell is worse only if the exact Wilcoxon test of the two says so, corrected by Holm's
    method, and Friedman's test as well: over all cells, and again without those of a worse mean
    rank. Without that, the best of equal cells would be chosen and then tested by the same data
    sets, and called better too often.
    """
    values = ranking.complete
    if len(ranking.datasets) < FEWEST or len(values) < 2:
        return None
    cells = [(str(model), str(chain)) for model, chain in values.index]
    numbers = values.to_numpy(dtype=np.float64)  # the best mean rank comes first
    adjusted, worse = against_first(numbers)
    friedman = friedman_test(numbers) if len(numbers) > 2 else None
    said = [BEST, *(WORSE if told else ALIKE for told in worse)]
    return Standing(
        cells[0],
        friedman,
        dict(zip(cells[1:], adjusted, strict=True)),
        dict(zip(cells, said, strict=True)),
    )


def against_first(values: NDArray[Any]) -> tuple[list[float], list[bool]]:
    """Hold cells against the first, as `stand` says.

    Parameters
    ----------
    values : ndarray, shape (cells, data sets)
        Best mean rank first.

    Returns
    -------
    adjusted : list of float
        p-values of all but the first, after Holm's correction.
    worse : list of bool
        Whether they are worse than the first.
    """
    first, others = values[0], values[1:]
    adjusted = holm([wilcoxon(first - other) for other in others])
    equal = _equal_from(values) if min(adjusted) <= LEVEL else len(values)
    worse = [
        place >= equal and p <= LEVEL and bool(signed_ranks(first - other).sum() > 0)
        for place, (other, p) in enumerate(zip(others, adjusted, strict=True), start=1)
    ]
    return adjusted, worse


def _equal_from(numbers: NDArray[np.float64]) -> int:
    """Return how many of the first cells Friedman's test takes for equal; it tells no two apart."""
    for count in range(len(numbers), 2, -1):
        if friedman_test(numbers[:count]) > LEVEL:
            return count
    return 1


def friedman_test(values: NDArray[Any]) -> float:
    """Return the p-value of cells being equal, from their ranks within each data set.

    Parameters
    ----------
    values : ndarray, shape (cells, data sets)
        At least three cells.

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

    Every way to give the ranks signs is counted. The least that n data sets can reach is
    2 / 2^n.

    Parameters
    ----------
    differences : ndarray, shape (n,)
        Paired, one a data set; those of 0 are left out.

    References
    ----------
    Wilcoxon (1945), Individual comparisons by ranking methods.
    """
    ranks = signed_ranks(differences)
    doubled = np.rint(2 * np.abs(ranks[ranks != 0])).astype(int)  # shared ranks are halves
    ways = np.ones(1)
    for each in doubled:
        without, having = np.pad(ways, (0, each)), np.pad(ways, (each, 0))
        ways = (without + having) / 2
    positive = round(2 * float(ranks[ranks > 0].sum()))
    extreme = max(positive, int(doubled.sum()) - positive)
    return min(1.0, 2 * float(ways[extreme:].sum()))


def least_p(datasets: int) -> float:
    """Return the least p-value that an exact test of signs can reach with so many data sets."""
    return math.ldexp(2.0, -datasets)
