"""Label-free selection: scores that rank pipelines without labels, and the regret of each.

A score is made from a pipeline's summary. The one that ranks pipelines on unlabeled data was chosen
on labeled data sets, where it can be compared with accuracy; ``latentgrid select`` does so for any
results.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from bench.analysis.inference import LEVEL, Interval
from bench.analysis.records import read
from bench.analysis.results import Key, Results, key_of
from bench.base.errors import UsageError


@dataclass(frozen=True)
class Score:
    """A score that ranks pipelines without labels."""

    name: str
    formula: str  # of columns of the summary, as `DataFrame.eval` reads it; higher for better
    meaning: str
    candidate: bool = True  # for the default; the others are known not to compare pipelines
    within_size: bool = False  # it compares pipelines at one size of images only


ALL = (
    Score("selection score", "selection_score", "weighted mean of generalization and stability"),
    Score(
        "generalization",
        "generalization",
        "how well a linear classifier on pretrained codes, trained on the clusters of one half of "
        "the images, predicts those of the other",
    ),
    Score(
        "kNN modularity",
        "knn_modularity",
        "how often neighbors in the reference space share a cluster, beyond chance",
    ),
    Score(
        "reference silhouette",
        "reference_silhouette",
        "how much nearer images are to their own cluster than to the next, in the reference space",
    ),
    Score(
        "stability",
        "stability",
        "how similar clusters are if a fifth of the images is left out",
    ),
    Score("kNN modularity × stability", "knn_modularity * stability", "the product of both"),
    Score(
        "silhouette less null reference",
        "silhouette - null_silhouette",
        "in the pipeline's own space, minus that of its null reference",
    ),
    Score(
        "silhouette",
        "silhouette",
        "in the pipeline's own space; for comparison only, because spaces differ",
        False,
    ),
    Score(
        "MSE",
        "-reconstruction_loss",
        "lower is better, among images of one size; for comparison only, because it is 0 for the "
        "identity",
        candidate=False,
        within_size=True,
    ),
)
SCORES = {score.name: score for score in ALL}
DEFAULT = "selection score"  # kNN modularity where no model is pretrained


@dataclass(frozen=True)
class TrackRecord:
    """How well a score chose on the labeled sets of docs/unlabeled.md."""

    mean: float  # regret over the sets
    worst: float
    random: float  # mean regret of a random pick
    pretrained: bool  # whether a pretrained network took part
    sets: int = 11

    @property
    def poor(self) -> bool:
        """Whether the mean regret is more than half of that of a random pick."""
        return self.mean > self.random / 2


# By metric and whether a pretrained network takes part, as `docs/unlabeled/analyze.py` prints; that
# of the selection score is on sets left out, on which its weight was not chosen.
RECORDS = {
    ("selection_score", True): TrackRecord(0.026, 0.124, 0.258, True),
    ("knn_modularity", True): TrackRecord(0.258, 0.480, 0.258, True),
    ("knn_modularity", False): TrackRecord(0.164, 0.479, 0.195, False),
}


def track_record(results: Results) -> TrackRecord | None:
    """Return that of the score by which results are ranked; None where labels rank them."""
    return RECORDS.get((results.metric, bool(results.pretrained)))


@dataclass(frozen=True)
class Selection:
    """The pipelines that a score selects on a labeled data set, and what that costs."""

    score: str
    correlation: Interval  # of the score with mean accuracy; see `rank_correlation`
    pipelines: tuple[Key, ...]  # those with the highest score: several, where they are tied
    # The best pipeline's mean accuracy less that of the selected one; the mean over those tied.
    regret: float
    count: int  # pipelines that have both
    # Of `bench.analysis.verdicts`, on the selected pipelines; empty where records have none.
    verdicts: tuple[str, ...] = ()
    image_size: int | None = None  # of those compared, where others have another

    @property
    def name(self) -> str:
        """The score, with the size of images where it compares pipelines of one size only."""
        size = self.image_size
        return self.score if size is None else f"{self.score}, images of {size}×{size}"


def select(results: Results) -> list[Selection]:
    """Compare every score with accuracy, over the complete pipelines of one labeled data set.

    Scores that fewer than three pipelines have are left out, all if nothing is labeled.
    """
    if not results.labeled:
        return []
    rows, accuracy = results.summary, results.metric
    rows = rows[(rows["failed"] == 0) & (rows["skipped"] == 0) & rows[accuracy].notna()].copy()
    rows["null_silhouette"] = rows["null_silhouette"].astype(float)
    sizes = results.loss_sizes
    found = [
        _select(score, rows, accuracy, size)
        for score in SCORES.values()
        for size in (sizes if score.within_size and len(sizes) > 1 else [None])
    ]
    return [each for each in found if each is not None]


def _select(
    score: Score, rows: pd.DataFrame, accuracy: str, size: int | None = None
) -> Selection | None:
    among = rows if size is None else rows[rows["image_size"] == size]
    # Chains of one model share its loss, whose mean may differ in the last digit.
    values = pd.Series(among.eval(score.formula)).dropna().round(12)
    if len(values) < 3:
        return None
    known = rows.loc[values.index]
    selected = known[values == values.max()]
    return Selection(
        score.name,
        rank_correlation(values, known[accuracy], known["model"]),
        tuple(key_of(row) for _, row in selected.iterrows()),
        float(rows[accuracy].max() - selected[accuracy].mean()),
        len(values),
        tuple(selected["verdict"].dropna().astype(str)),
        size,
    )


def rank_correlation(scores: pd.Series, accuracies: pd.Series, encoders: pd.Series) -> Interval:
    """Return Spearman's rank correlation over pipelines, with its 95% interval over encoders.

    Pipelines of one encoder share its codes, and where the score is a loss even their score. They
    are no independent sample, and an interval that takes them for one is too narrow. In a
    simulation of 3, 5 or 8 encoders with 4 chains each, and most of the variance between encoders,
    75 to 84 of 100 intervals of Bonett and Wright (2000) held the true correlation. So the encoders
    are the sample: each is left out in turn (the jackknife), on the scale of Fisher's z, with
    Student's quantile for their number. Of these intervals 94 to 98 of 100 held it, and of
    percentiles of a bootstrap over encoders 60 to 90. What other seeds and images would change is
    not covered.

    Parameters
    ----------
    scores, accuracies : Series, shape (n,), float
    encoders : Series, shape (n,)
        The name of each pipeline's encoder.

    Returns
    -------
    Interval
        NaN where all scores or all accuracies are equal, which has no order. Limits are NaN for
        fewer than three encoders, if there is no order without one of them, or if no encoder makes
        a difference, as where the correlation is perfect.

    References
    ----------
    Spearman (1904), The proof and measurement of association between two things. Fisher (1921), On
    the probable error of a coefficient of correlation. Efron and Tibshirani (1993), An introduction
    to the bootstrap, chapter 11: the jackknife.
    """
    from scipy.stats import t

    found = _spearman(scores, accuracies)
    names = encoders.unique()
    rest = [_fisher(scores[encoders != n], accuracies[encoders != n]) for n in names]
    count, varied = len(names), np.array(rest)
    if count < 3 or math.isnan(found) or np.isnan(varied).any():
        return Interval(found, math.nan, math.nan)
    error = math.sqrt((count - 1) / count * np.square(varied - varied.mean()).sum())
    if error < 1e-9:
        return Interval(found, math.nan, math.nan)
    center, half = _fisher(scores, accuracies), float(t.ppf(1 - LEVEL / 2, count - 1)) * error
    low, high = math.tanh(center - half), math.tanh(center + half)
    return Interval(found, min(low, found), max(high, found))


def _spearman(scores: pd.Series, accuracies: pd.Series) -> float:
    if min(scores.nunique(), accuracies.nunique()) < 2:
        return math.nan
    return float(scores.corr(accuracies, method="spearman"))


def _fisher(scores: pd.Series, accuracies: pd.Series) -> float:
    """Return Fisher's z; that of a perfect correlation, which has none, half a step before."""
    count = len(scores)
    found = _spearman(scores, accuracies)
    if math.isnan(found):
        return math.nan
    # Of n ranks without ties, the next correlation below 1 is 1 - 12 / (n³ - n).
    most = 1 - 6 / (count**3 - count)
    return math.atanh(min(most, max(-most, found)))


@dataclass(frozen=True)
class LeftOut:
    """The regret on one data set of the score chosen on all others."""

    dataset: str
    # The candidate with the least mean regret on the others; of equals the one with the higher
    # rank correlation.
    chosen: str
    regret: float
    correlation: Interval


def leave_one_out(by_set: dict[str, list[Selection]]) -> list[LeftOut]:
    """Choose a score on all data sets but one, and return its regret on that one, for each.

    Given is what `select` returns, by data set, of at least two. Only scores that all of them have
    take part.
    """
    shared = set.intersection(*({each.score for each in found} for found in by_set.values()))
    candidates = [s.name for s in SCORES.values() if s.candidate and s.name in shared]
    left_out = []
    for dataset, found in by_set.items():
        others = [each for name, f in by_set.items() if name != dataset for each in f]
        chosen = min(
            candidates, key=lambda name: _cost([each for each in others if each.score == name])
        )
        (own,) = (each for each in found if each.score == chosen)
        left_out.append(LeftOut(dataset, chosen, own.regret, own.correlation))
    return left_out


def _cost(found: list[Selection]) -> tuple[float, float]:
    """Return the mean regret, rounded as it is shown, and against ties the correlation."""
    count = len(found)
    regret = round(sum(each.regret for each in found) / count, 3)
    return regret, -sum(each.correlation.mean for each in found) / count


def select_in(paths: list[Path]) -> dict[str, list[Selection]]:
    """Read files of results, and compare scores with accuracy on each data set.

    Raises
    ------
    UsageError
        If a data set is there twice, or none is labeled and has three complete pipelines.
    """
    by_set: dict[str, list[Selection]] = {}
    for path in paths:
        for dataset, results in Results(read(path, ("null_silhouette",))).by_dataset().items():
            if dataset in by_set:
                raise UsageError(f"{dataset} is in these results twice: name each data set once")
            if found := select(results):
                by_set[dataset] = found
    if not by_set:
        raise UsageError(
            "no accuracy to compare scores with: none of these data sets is labeled and has three "
            "complete pipelines"
        )
    return by_set
