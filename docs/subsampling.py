"""Do random halves of the images let a verdict speak of images like these?  A simulation study.

    python docs/subsampling.py draw --to DIR/digits.npz --minutes 12
    python docs/subsampling.py draw --to DIR/other.npz --minutes 12 --data npy:PATH --images 600
    python docs/subsampling.py judge --from DIR --to docs/subsampling.csv

`draw` takes fresh samples of images from a larger labeled set again and again. On each, cheap
pipelines are run with ten seeds: on all images of the sample, and each seed on its own random half,
the same for all pipelines, as `--subsample-images` does. `judge` has the rule decide which
pipelines are significantly worse than the best, and counts how often it is wrong, and how often it
finds a gap. The truth is a pipeline's mean accuracy over all samples. One thread; it can be stopped
at any time, and `judge` uses the samples that are there.
"""

from __future__ import annotations

import argparse
import time
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from threadpoolctl import threadpool_limits

from bench.analysis.confidence_set import Scores, confidence_set
from bench.base.sampling import stratified
from bench.datasets.dataset import Dataset, load
from bench.stages.metrics.clustering import assign, correct

Floats = NDArray[np.float64]
SEEDS = 10
SEED_COUNTS = (3, 5, 10)
GAPS = (0.05, 0.1)
POOL = 4000  # images of a larger set that samples are drawn from
# True gaps to the best of the populations that are made from the one that was measured.
STAIRS = (*(0.0,) * 5, *(0.02, 0.04, 0.06, 0.07, 0.08, 0.1, 0.12, 0.15, 0.18, 0.2, 0.25, 0.3, 0.4))


# ------------------------------------------------------------------------------------ the rule
def significantly_worse(
    accuracy: Floats, covariance: Floats, fixed: NDArray[np.bool_]
) -> tuple[NDArray[np.bool_], int]:
    """Return which pipelines the rule calls significantly worse, and which it takes for the best.

    Parameters
    ----------
    accuracy : ndarray, shape (pipelines, seeds)
    covariance : ndarray, shape (pipelines, pipelines)
        Of the pipelines' means, from the drawing of images; 0 where seeds alone decide.
    fixed : ndarray, shape (pipelines,)
        Those that do not depend on the seed.
    """
    own = np.diag(covariance)
    images = np.maximum(own[:, None] + own - 2 * covariance, 0)
    seeds = np.full(len(accuracy), accuracy.shape[1])
    spread = np.where(fixed, 0, accuracy.var(1, ddof=1))
    scores = Scores(accuracy.mean(1), spread, seeds, fixed, images, np.arange(len(accuracy)))
    found = confidence_set(scores)
    return found.rival >= 0, found.best


# --------------------------------------------------------------------------- drawing and clustering
def features(data: Dataset) -> dict[str, Floats]:
    """Return features of all images by name, (n, d): coarse pixels and gradients."""
    from skimage.feature import hog

    images, size = np.asarray(data.images), data.form.size
    blocks = images.reshape(len(data), 8, size // 8, 8, size // 8, 3).mean((2, 4)) / 255
    if (images[..., 0] == images[..., 2]).all():
        blocks = blocks[..., :1]
    gradients = [hog(gray, 9, (size // 4, size // 4), (2, 2)) for gray in images.mean(axis=3) / 255]
    return {"pixels": blocks.reshape(len(data), -1), "hog": np.array(gradients)}


def encode(features: dict[str, Floats], name: str, seed: int) -> Floats:
    """Return the codes of some images: features, or an untrained layer's on pixels."""
    if name != "untrained":
        return features[name]
    X = features["pixels"] - features["pixels"].mean(axis=0)
    weights = np.random.default_rng([3, seed]).standard_normal((X.shape[1], 128))
    return np.maximum(X @ weights, 0)


def chains() -> dict[str, Callable[[NDArray[Any], int], NDArray[Any]]]:
    """Return the reducers; those of Gaussian noise and of random starts depend on the seed."""
    from sklearn.decomposition import NMF, PCA
    from sklearn.random_projection import GaussianRandomProjection

    return {
        "none": lambda X, seed: X,
        "pca16": lambda X, seed: PCA(16, svd_solver="covariance_eigh").fit_transform(X),
        "nmf10": lambda X, seed: NMF(
            10, init="random", max_iter=60, tol=1e-3, random_state=seed
        ).fit_transform(X),
        "random16": lambda X, seed: GaussianRandomProjection(16, random_state=seed).fit_transform(
            X
        ),
    }


FEATURES = {
    "pixels": ("none", "pca16", "nmf10", "random16"),
    "hog": ("pca16", "nmf10", "random16"),
    "untrained": ("pca16", "random16"),
}
CLUSTERERS = ("kmeans", "ward")
PIPELINES = [(f, chain, by) for f, some in FEATURES.items() for chain in some for by in CLUSTERERS]
FIXED = np.array(
    [f != "untrained" and c in ("none", "pca16") and by == "ward" for f, c, by in PIPELINES]
)


def hits(
    features: dict[str, Floats], labels: NDArray[np.int64], clusters: int, seed: int
) -> NDArray[np.bool_]:
    """Run all pipelines on images with a seed; return which are right, (pipelines, n)."""
    from sklearn.cluster import AgglomerativeClustering, KMeans

    by = {
        "kmeans": KMeans(clusters, n_init=4, random_state=seed),
        "ward": AgglomerativeClustering(clusters),
    }
    reducers, found = chains(), []
    for name, some in FEATURES.items():
        X = encode(features, name, seed)
        for chain in some:
            Z = reducers[chain](X, seed)
            for clusterer in CLUSTERERS:
                groups = by[clusterer].fit_predict(Z).astype(np.int64)
                found.append(correct(groups, labels, assign(groups, labels)))
    return np.array(found)


def some(features: dict[str, Floats], chosen: NDArray[np.int64]) -> dict[str, Floats]:
    """Return the features of some images."""
    return {name: found[chosen] for name, found in features.items()}


def covariance_of_means(by_image: Floats) -> Floats:
    """Return the covariance of the pipelines' means, from each image's mean over seeds, (K, n)."""
    return np.asarray(np.cov(by_image, ddof=1) / by_image.shape[1])


def draw(spec: str, images: int, minutes: float, to: Path) -> None:
    """Draw samples until the time is over, and keep the accuracies of all pipelines and seeds.

    ``to`` is the file, whose name is that of the set in the tables.
    """
    warnings.filterwarnings("ignore")
    data = load(spec, limit=POOL)
    assert data.labels is not None
    labels, given, clusters = data.labels, features(data), data.clusters
    to.parent.mkdir(parents=True, exist_ok=True)
    whole, halves, spread = [], [], []
    until = time.monotonic() + 60 * minutes
    while time.monotonic() < until:
        b = len(whole)
        random = [np.random.default_rng([1, b, s]) for s in range(SEEDS + 1)]
        chosen = random[SEEDS].choice(len(data), images, replace=False)
        X, y = some(given, chosen), labels[chosen]
        right = np.array([hits(X, y, clusters, 1000 * b + s) for s in range(SEEDS)], np.float64)
        whole.append(right.mean(axis=2).T)
        spread.append([covariance_of_means(right[:S].mean(axis=0)) for S in SEED_COUNTS])
        of_halves = []
        for s in range(SEEDS):
            half = stratified(y, (images + 1) // 2, random[s])
            of_halves.append(hits(some(X, half), y[half], clusters, 1000 * b + s).mean(axis=1))
        halves.append(np.array(of_halves).T)
        if b % 5 == 4:
            _save(to, images, len(data), whole, halves, spread)
            print(f"{to.stem}: {b + 1} samples", flush=True)
    _save(to, images, len(data), whole, halves, spread)


def _save(to: Path, images: int, pool: int, whole: Any, halves: Any, spread: Any) -> None:
    np.savez_compressed(
        to,
        whole=np.array(whole, np.float32),  # (samples, pipelines, seeds)
        halves=np.array(halves, np.float32),
        spread=np.array(spread, np.float32),  # (samples, seed counts, pipelines, pipelines)
        images=images,
        pool=pool,
    )


# ------------------------------------------------------------------------------------- judging
# What is judged: the accuracies, whether images have a part of their own, and by how much the
# seeds' variance is counted, as a function of the number of seeds.
WAYS: dict[str, tuple[str, Callable[[int], float]]] = {
    "all images": ("whole", lambda seeds: 1.0),
    "halves, s²/S": ("halves", lambda seeds: 1.0),
    # The halves are of one sample, whose own chance does not become less with more seeds: by a
    # tenth of s², as measured here, or at most by all of it.
    "halves, s²(1/S + 1/10)": ("halves", lambda seeds: 1.0 + seeds / 10),
    "halves, s²(1/S + 1)": ("halves", lambda seeds: 1.0 + seeds),
}
REPEATS = 10  # of each sample: other seeds of its ten, other places of the pipelines


def populations(truth: Floats, random: np.random.Generator) -> dict[str, Floats]:
    """Return the true accuracies of pipelines in each population, given those that were measured.

    In the made ones the accuracies of a pipeline are shifted, and keep their spread.
    """
    stairs = 0.8 - np.array(STAIRS)[: len(truth)]
    return {
        "as measured": truth,
        "all tied": np.full(len(truth), 0.8),
        "five tied best": random.permutation(stairs),
    }


def judge(folder: Path, to: Path) -> None:
    """Count false statements and statements found, and write a table."""
    rows = []
    for path in sorted(folder.glob("*.npz")):
        held = dict(np.load(path))
        describe(path.stem, held)
        for way, (name, factor) in WAYS.items():
            accuracy = held[name].astype(float)
            truth = accuracy.mean(axis=(0, 2))
            for place, seeds in enumerate(SEED_COUNTS):
                found = [
                    each
                    for b in range(len(accuracy))
                    for each in _statements(
                        accuracy[b],
                        held["spread"][b, place].astype(float) * (name == "whole"),
                        FIXED & (name == "whole"),
                        truth,
                        seeds,
                        factor(seeds),
                        np.random.default_rng([4, b, seeds]),
                    )
                ]
                table = pd.DataFrame(found).groupby("population", sort=False).mean()
                facts = {"data": path.stem, "way": way, "seeds": seeds, "samples": len(accuracy)}
                rows += [facts | {"population": n} | dict(row) for n, row in table.iterrows()]
    frame = pd.DataFrame(rows).round(4)
    frame.to_csv(to, index=False)
    print(frame.to_string(index=False))


def _statements(
    accuracy: Floats,
    covariance: Floats,
    fixed: NDArray[np.bool_],
    truth: Floats,
    seeds: int,
    factor: float,
    random: np.random.Generator,
) -> list[dict[str, Any]]:
    """Judge a sample several times in each population."""
    found = []
    for _ in range(REPEATS):
        chosen = random.permutation(SEEDS)[:seeds]
        for name, true in populations(truth, random).items():
            X = accuracy[:, chosen] + (true - truth)[:, None]
            mean = X.mean(axis=1, keepdims=True)
            worse, best = significantly_worse(mean + (X - mean) * factor**0.5, covariance, fixed)
            behind = true.max() - true
            facts = {
                f"found, gap > {gap}": worse[behind > gap].mean()
                for gap in GAPS
                if (behind > gap).any()
            }
            false = (worse & (true >= true[best] - 1e-9)).any()
            found.append({"population": name, "false": false, "worse": worse.sum()} | facts)
    return found


def describe(name: str, held: dict[str, Any]) -> None:
    """Print what makes up the spread."""
    whole, halves, images = held["whole"], held["halves"], int(held["images"])
    still = whole[:, FIXED].mean(axis=2)
    formula = np.sqrt(still.mean(axis=0) * (1 - still.mean(axis=0)) / images)
    across = np.array([np.corrcoef(each) for each in halves])
    upper = np.triu_indices(across.shape[1], 1)
    print(f"{name}: {len(whole)} samples of {images} images of {held['pool']}")
    print(f"  do not depend on the seed: sd over samples {np.round(still.std(axis=0, ddof=1), 3)}")
    print(f"    by the formula of images {np.round(formula, 3)}")
    print(f"  sd over seeds, all images: median {np.median(whole.std(axis=2, ddof=1)):.3f}")
    print(f"  sd over seeds, halves: median {np.median(halves.std(axis=2, ddof=1)):.3f}")
    print(f"  sd over samples of the mean of ten halves: {_over_samples(halves):.3f}")
    print(f"  correlation of pipelines over halves: median {np.median(across[:, *upper]):.2f}")
    lower = whole.mean(axis=(0, 2)) - halves.mean(axis=(0, 2))
    print(f"  accuracy of all images less that of halves: {np.round(np.sort(lower), 3)}")


def _over_samples(halves: Floats) -> float:
    return float(np.median(halves.mean(axis=2).std(axis=0, ddof=1)))


def main() -> None:
    """Draw samples, or judge those that were drawn."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    sub = parser.add_subparsers(dest="what", required=True)
    one = sub.add_parser("draw")
    one.add_argument("--to", type=Path, required=True)
    one.add_argument("--minutes", type=float, required=True)
    one.add_argument("--data", default="digits")
    one.add_argument("--images", type=int, default=400)
    one = sub.add_parser("judge")
    one.add_argument("--from", dest="folder", type=Path, required=True)
    one.add_argument("--to", type=Path, required=True)
    asked = parser.parse_args()
    if asked.what == "judge":
        judge(asked.folder, asked.to)
        return
    with threadpool_limits(1):
        draw(asked.data, asked.images, asked.minutes, asked.to)


if __name__ == "__main__":
    main()
