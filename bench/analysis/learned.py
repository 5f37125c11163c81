"""Whether models learned anything: against their untrained variants, the mean image and PCA."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bench.analysis.correctness import Correctness
from bench.analysis.inference import Interval, score_interval
from bench.analysis.results import Key, Results
from bench.base.naming import chain_name
from bench.store import Store
from models.untrained import untrained_name

NOTHING = 0.05  # a model whose R² is lower explains next to nothing of the images


@dataclass(frozen=True)
class Gain:
    """What training added to the score of a model, over the pipelines that both variants have."""

    model: str
    by_chain: dict[str, Interval]  # trained less untrained, by chain and clusterer
    mean: Interval  # over these


def gains(found: dict[Key, Correctness], independent: bool = True) -> list[Gain]:
    """Compare trained models with their untrained variants, by the same seeds and images."""
    made = []
    for model in dict.fromkeys(name[0] for name in found):
        pairs = {}
        for (of, *after), each in found.items():
            other = found.get((untrained_name(model), after[0], after[1]))
            if of == model and other is not None and each.shared(other):
                pairs[chain_name(*after)] = (each, other)
        if pairs:
            made.append(_gain(model, pairs, independent))
    return made


def _gain(model: str, pairs: dict[str, tuple[Correctness, Correctness]], independent: bool) -> Gain:
    by_chain = {}
    for chain, (one, other) in pairs.items():
        seeds = one.shared(other)
        difference = one.values(seeds) - other.values(seeds)
        by_chain[chain] = score_interval(difference, one.repeated or other.repeated, independent)
    # The mean is of the seeds that all pipelines have; without one, there is none.
    seeds = sorted(set.intersection(*(set(one.shared(other)) for one, other in pairs.values())))
    mean = Interval(math.nan, math.nan, math.nan)
    if seeds:
        differences = [one.values(seeds) - other.values(seeds) for one, other in pairs.values()]
        repeated = any(each.repeated for both in pairs.values() for each in both)
        mean = score_interval(np.mean(differences, axis=0), repeated, independent)
    return Gain(model, by_chain, mean)


@dataclass(frozen=True)
class Reconstruction:
    """How much of images a model's reconstructions explain, beside PCA."""

    model: str
    trained: bool
    components: int  # numbers of the code, and of the components of PCA
    image_size: float  # side in pixels; NaN where it is not known
    r2: Interval  # over seeds and images
    pca_r2: float
    pca_exact: bool

    @property
    def learned_nothing(self) -> bool:
        """Whether it was trained, and explains next to nothing."""
        return self.trained and self.r2.mean < NOTHING

    @property
    def unclear(self) -> bool:
        """Whether it was trained, and it is not clear that it explains more than that."""
        return self.trained and self.r2.low < NOTHING <= self.r2.mean


def reconstructions(results: Results, store: Store) -> list[Reconstruction]:
    """Return the R² of each model that decodes images, in the order of the records."""
    records = results.records
    known = records[records["reconstruction_r2"].notna()]
    # With validation labels alone, verdicts cover images that reconstructions say nothing of.
    independent = bool(records["independent_images"].iloc[0]) and not results.subsampled
    found = []
    for model, rows in known.groupby("model", sort=False):
        once = rows.drop_duplicates("encode_artifacts")
        first = once.iloc[0]
        errors, by_mean = (
            np.array(
                [store.load(stage, key).require("errors") for key in once[f"{stage}_artifacts"]]
            )
            for stage in ("encode", "linear")
        )
        repeated = len(once) > 1 or rows["seed_index"].nunique() == 1
        training = store.load("train", str(first["train_artifacts"]))
        found.append(
            Reconstruction(
                str(model),
                bool(training.values["history"]),
                int(first["code_size"]),
                float(first["image_size"]),
                r2_interval(errors, by_mean, repeated, independent),
                1 - float((once["pca_loss"] / once["mean_image_loss"]).mean()),
                bool(first["pca_exact"]),
            )
        )
    return found


def r2_interval(
    errors: NDArray[Any], by_mean: NDArray[Any], repeated: bool = True, independent: bool = True
) -> Interval:
    """Return R² with its 95% interval over seeds and images.

    R² is 1 less a ratio of two means over images. To the first order, it varies with the images
    as the mean of 1 - (e - q (m - M)) / M does, where q is the ratio and M the mean of m.

    Parameters
    ----------
    errors : ndarray, shape (S, n)
        Each image's squared error e, by seed.
    by_mean : ndarray, shape (n,) or (S, n)
        The same of the mean image, m; by seed where seeds have their own images.
    """
    errors, by_mean = np.asarray(errors, np.float64), np.asarray(by_mean, np.float64)
    whole = by_mean.mean(axis=-1, keepdims=True)
    ratio = errors.mean(axis=-1, keepdims=True) / whole
    return score_interval(1 - (errors - ratio * (by_mean - whole)) / whole, repeated, independent)
