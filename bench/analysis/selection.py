"""Choosing a cell without labels: scores that need none, and how far they can be trusted.

A score is made from a cell's summary alone, so that it does not change with who else is in the
table. Which one ranks the cells of unlabeled data was chosen on labeled sets, where it can be
held against accuracy; `python -m bench.trust` does that again for any results.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import pandas as pd

from bench.analysis.summary import leading_accuracy, summary


@dataclass(frozen=True)
class Score:
    """A way to rank cells without labels.

    Attributes
    ----------
    name : str
    meaning : str
        In a few words.
    of : callable
        From summary rows to a number for each, higher for better.
    """

    name: str
    meaning: str
    of: Callable[[pd.DataFrame], pd.Series]


SCORES = {
    score.name: score
    for score in (
        Score(
            "knn_modularity",
            "neighbors in the reference space share a cluster, beyond chance",
            lambda cells: cells["knn_modularity"],
        ),
        Score(
            "reference silhouette",
            "nearer to the own cluster than to the next, in the reference space",
            lambda cells: cells["reference_silhouette"],
        ),
        Score(
            "stability",
            "clusters stay when a fifth of the images is left out",
            lambda cells: cells["stability"],
        ),
        Score(
            "kNN modularity × agreement",
            "both",
            lambda cells: cells["knn_modularity"] * cells["stability"],
        ),
        Score(
            "silhouette less its null",
            "in the cell's own space, less what its chain makes of a Gaussian",
            lambda cells: cells["silhouette"] - cells["null_silhouette"].astype(float),
        ),
        Score(
            "silhouette",
            "in the cell's own space; shown for comparison, spaces differ",
            lambda cells: cells["silhouette"],
        ),
        Score(
            "reconstruction loss",
            "lower for better; shown for comparison, 0 for the identity",
            lambda cells: -cells["reconstruction_loss"],
        ),
    )
}

DEFAULT = "knn_modularity"

# Scores that may be the default: the others are known not to compare cells.
CANDIDATES = (
    "knn_modularity",
    "reference silhouette",
    "stability",
    "kNN modularity × agreement",
    "silhouette less its null",
)


@dataclass(frozen=True)
class Trust:
    """How far a score can be trusted on a labeled data set.

    Attributes
    ----------
    score : str
    correlation : float
        Spearman's, of the score with mean accuracy over cells; NaN for a score that is the same
        for all.
    model, chain : str
        The cell that the score would have picked.
    regret : float
        The best cell's mean accuracy less that of the pick.
    cells : int
        Cells that have both.
    """

    score: str
    correlation: float
    model: str
    chain: str
    regret: float
    cells: int


def trust(records: pd.DataFrame) -> list[Trust]:
    """Hold every score against accuracy, over the complete cells of one labeled data set.

    Returns
    -------
    list of Trust
        In the order of `SCORES`, without those that fewer than three cells have; empty where
        nothing is labeled.

    References
    ----------
    Spearman (1904), The proof and measurement of association between two things.
    """
    accuracy = leading_accuracy(records)
    if accuracy is None:
        return []
    cells = summary(records)
    cells = cells[(cells["failed"] == 0) & (cells["skipped"] == 0) & cells[accuracy].notna()]
    found = [_trust(score, cells, accuracy) for score in SCORES.values()]
    return [each for each in found if each is not None]


def _trust(score: Score, cells: pd.DataFrame, accuracy: str) -> Trust | None:
    values = score.of(cells).dropna()
    if len(values) < 3:
        return None
    known = cells.loc[values.index]
    # One accuracy or one score for all has no order.
    apart = min(values.nunique(), known[accuracy].nunique()) > 1
    pick = known.iloc[int(values.to_numpy().argmax())]
    return Trust(
        score.name,
        float(values.corr(known[accuracy], method="spearman")) if apart else float("nan"),
        str(pick["model"]),
        str(pick["chain"]),
        float(cells[accuracy].max() - pick[accuracy]),
        len(values),
    )


@dataclass(frozen=True)
class LeftOut:
    """What a score chosen on all data sets but one does on that one.

    Attributes
    ----------
    dataset : str
    chosen : str
        The candidate with the least mean regret on the others; of equals the one whose rank
        correlation is higher.
    regret, correlation : float
        On the set left out.
    """

    dataset: str
    chosen: str
    regret: float
    correlation: float


def leave_one_out(by_set: dict[str, list[Trust]]) -> list[LeftOut]:
    """Choose a score on all data sets but one, and tell its regret on that one, each in turn.

    Parameters
    ----------
    by_set : dict
        What `trust` found, by data set; at least two. Only scores that all sets have take part.
    """
    common = set(CANDIDATES).intersection(*({each.score for each in t} for t in by_set.values()))
    found = []
    for left_out, theirs in by_set.items():
        rest = [each for name, t in by_set.items() if name != left_out for each in t]
        chosen = min(
            (name for name in CANDIDATES if name in common),
            key=lambda name: _mean_regret([each for each in rest if each.score == name]),
        )
        (mine,) = (each for each in theirs if each.score == chosen)
        found.append(LeftOut(left_out, chosen, mine.regret, mine.correlation))
    return found


def _mean_regret(found: list[Trust]) -> tuple[float, float]:
    """Return the mean regret, rounded as it is shown, and against ties the correlation."""
    count = len(found)
    regret = round(sum(each.regret for each in found) / count, 3)
    return regret, -sum(each.correlation for each in found) / count
