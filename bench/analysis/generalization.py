"""Generalization: how well each pipeline's clusters can be told from pretrained codes.

Clusters that mean something can be learned from some of the images and recognized in others. A
linear classifier on the codes of a pretrained network is trained on the clusters of one half of the
images, and predicts those of the other half. The codes only tell how plausible clusters are: those
of any encoder can be ranked first. The *selection score* is a weighted mean of this and of
stability, see `combined`. docs/unlabeled.md says how well it selects.
"""

from __future__ import annotations

import functools
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from bench.base.seeds import derive
from bench.stages.metrics import neighbors
from bench.stages.metrics.clustering import Integers
from bench.stages.metrics.reference_space import FEWEST
from bench.store import Store

NAME, SCORE = "generalization", "selection_score"
COMPONENTS = 64
Floats = NDArray[np.float64]
Run = tuple[str, str, str, int]  # model, chain, clusterer, seed


class Classifier:
    """A linear classifier on codes, which is trained on half of the images and predicts the other.

    It is a ridge regression on 64 principal components, scaled to unit variance together.

    Parameters
    ----------
    codes : ndarray, shape (n, d), float32
    """

    def __init__(self, codes: NDArray[np.float32]) -> None:
        self.count = len(codes)
        centered = (codes - codes.mean(axis=0)).astype(np.float64)
        u, s, _ = np.linalg.svd(centered, full_matrices=False)
        X = u[:, :COMPONENTS] * s[:COMPONENTS]
        X = np.hstack([X / max(float(X.std()), 1e-12), np.ones((len(X), 1))])
        order = np.random.default_rng(derive(0, 0, "halves of generalization")).permutation(len(X))
        halves = order[: len(X) // 2], order[len(X) // 2 :]
        self.halves = halves, halves[::-1]
        # What is predicted of one half is linear in the targets of the other.
        self.heads = [
            X[test] @ np.linalg.solve(X[fit].T @ X[fit] + np.eye(X.shape[1]), X[fit].T)
            for fit, test in self.halves
        ]

    def by_image(self, clusters: Integers) -> Floats:
        """Return each image's part in the score of clusters, (n,); the mean is the score.

        In each half that is Cohen's kappa: the share of right predictions beyond chance, so that
        clusters of unequal sizes gain nothing. 0 for a single cluster; images in none, -1, count as
        predicted wrongly.

        References
        ----------
        Gadetsky, Jiang, Brbić (2024), Let go of your labels with unsupervised transfer; Cohen
        (1960), A coefficient of agreement for nominal scales.
        """
        numbers = np.unique(clusters[clusters >= 0])
        parts = np.zeros(len(clusters))
        if not len(numbers):
            return parts
        targets = (clusters[:, None] == numbers).astype(float)
        for head, (fit, test) in zip(self.heads, self.halves, strict=True):
            told = (head @ targets[fit]).argmax(axis=1)
            shares = np.bincount(told, minlength=len(numbers)) / len(test)
            chance = float(shares @ targets[test].mean(axis=0))
            if chance < 1:
                parts[test] = ((numbers[told] == clusters[test]) - chance) / (1 - chance)
        return parts


def collect(done: pd.DataFrame, store: Store) -> dict[Run, Floats]:
    """Return each image's part in the score of finished runs, by run; empty without codes.

    The codes are those of all pretrained networks among the runs of the same seed, but not of what
    was trained on top of them; the mean over networks. Of more than 2,000 images, those of
    `bench.stages.metrics.neighbors.sample` are used.
    """
    found: dict[Run, Floats] = {}
    for seed, rows in done.groupby("seed_index", sort=False):
        columns = rows.reindex(columns=["pretrained", "base_artifacts", "encode_artifacts"])
        columns = columns.fillna("").astype(str)
        frozen = columns[columns["pretrained"].ne("") & columns["base_artifacts"].eq("")]
        networks = [
            _classifier(store, key) for key in dict.fromkeys(frozen["encode_artifacts"]) if key
        ]
        if not networks or networks[0].count < FEWEST:
            continue
        names = ["model", "chain", "clusterer", "cluster_artifacts"]
        for model, chain, clusterer, key in rows[names].itertuples(index=False, name=None):
            clusters = store.load("cluster", key).require("train")
            clusters = clusters[neighbors.sample(len(clusters))]
            parts = [network.by_image(clusters) for network in networks]
            found[model, chain, clusterer, int(str(seed))] = np.mean(parts, axis=0)
    return found


@functools.lru_cache(maxsize=4)  # the records, their verdicts and the report ask for the same
def _classifier(store: Store, key: str) -> Classifier:
    codes = store.load("encode", key).require("train")
    return Classifier(codes[neighbors.sample(len(codes))])


def scores_by_image(done: pd.DataFrame, store: Store) -> dict[Run, Floats]:
    """Return each image's part in the selection score of finished runs, by run.

    Stability is the same for all images; it counts as 0 where it was not measured.
    """
    found, stability = collect(done, store), _stability(done)
    keys = zip(_runs(done), stability, strict=True)
    return {run: combined(found[run], value) for run, value in keys if run in found}


def combined(generalization: Any, stability: Any) -> Any:
    """Return the selection score; stability decides between near ties."""
    return (10 * generalization + stability) / 11


def add_generalization(records: pd.DataFrame, store: Store) -> pd.DataFrame:
    """Return records with the columns ``generalization`` and ``selection_score``.

    They are means over images of finished runs, missing where no codes are pretrained. The
    selection score is missing everywhere unless all finished runs have one.
    """
    found = collect(records[records["status"] == "ok"], store)
    means = [float(found[run].mean()) if run in found else None for run in _runs(records)]
    plain = pd.Series(means, index=records.index, dtype=float)
    known = plain[records["status"] == "ok"].notna().all()
    score = combined(plain, _stability(records)) if known else None
    return records.assign(**{NAME: plain, SCORE: score})


def _runs(records: pd.DataFrame) -> list[Run]:
    columns = records[["model", "chain", "clusterer", "seed_index"]]
    return [(m, c, by, int(s)) for m, c, by, s in columns.itertuples(index=False, name=None)]


def _stability(records: pd.DataFrame) -> pd.Series:
    found = records.reindex(columns=["stability"])["stability"]
    return pd.to_numeric(found).astype(float).fillna(0.0)
