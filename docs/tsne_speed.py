"""Measures what docs/speed_of_embeddings.md says of t-SNE.

``python docs/tsne_speed.py 8500 --threads 1 --rounds 3`` times t-SNE of 8,500 digits by
scikit-learn, by openTSNE and by latentgrid, in random order in every round, and judges the last
results by the KL divergence and by trustworthiness, computed in the same way for all. Seconds of
processor time say more than those of the clock where other programs run meanwhile.
"""

from __future__ import annotations

import argparse
import functools
import os
import random
import statistics
import sys
import time
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

parser = argparse.ArgumentParser(description=__doc__)
parser.add_argument("points", type=int, help="number of images")
parser.add_argument("--threads", type=int, default=1)
parser.add_argument("--rounds", type=int, default=1)
parser.add_argument("--data", type=Path, help="a .npy file of points, (n, d), in place of digits")
parser.add_argument("--only", default="", help="names of rivals, separated by ;")
options = parser.parse_args()
# Libraries read these when they are imported.
for variable in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "NUMBA_NUM_THREADS"):
    os.environ[variable] = str(options.threads)

import numpy as np  # noqa: E402
import openTSNE  # noqa: E402
from openTSNE.affinity import PerplexityBasedNN  # noqa: E402
from sklearn.datasets import load_digits  # noqa: E402
from sklearn.manifold import TSNE, trustworthiness  # noqa: E402

from reducers.chain import Chain  # noqa: E402

LINKS = ("tsne2", "tsne2(iterations=750)", *(f"tsne2(method={m})" for m in ("exact", "fft", "bh")))
# Of which trustworthiness is computed, with so many neighbors: it takes the square of the number.
JUDGED, NEIGHBORS = 3000, 15


def points(count: int) -> np.ndarray:
    """Digits, repeated with noise where there are not enough of them, (count, 64) float32."""
    digits = load_digits().data
    rows = digits[np.arange(count) % len(digits)]
    noise = np.random.default_rng(0).normal(size=rows.shape)
    return np.asarray((rows + noise).astype(np.float32))


def built(link: str) -> Any:
    """Build a reducer as the grid does."""
    (parsed,) = Chain.parse(link).links
    return parsed.build(0, options.threads)


def ours(link: str, X: np.ndarray) -> np.ndarray:
    """Embed by a reducer of the grid, compiled before."""
    return np.asarray(built(link).fit_transform(X))


def divergence(affinities: Any, embedding: np.ndarray) -> float:
    """Return the KL divergence of all pairs' similarities from the affinities."""
    places = embedding.astype(np.float64)
    pairs = affinities.tocoo()
    q = 1 / (1 + ((places[pairs.row] - places[pairs.col]) ** 2).sum(axis=1))
    x, y = np.ascontiguousarray(embedding.T, dtype=np.float32)
    total = -float(len(x))  # without each point's pair with itself
    for i in range(0, len(x), 256):
        dx, dy = x[i : i + 256, None] - x, y[i : i + 256, None] - y
        total += (1 / (1 + dx * dx + dy * dy)).sum(dtype=np.float64)
    return float((pairs.data * np.log(pairs.data * total / q)).sum())


def main() -> None:
    """Time the rivals and judge their results."""
    X = np.load(options.data)[: options.points] if options.data else points(options.points)
    n_jobs = options.threads
    rivals: dict[str, Callable[[], Any]] = {
        "scikit-learn": lambda: TSNE(2, random_state=0, n_jobs=n_jobs).fit_transform(X),
        "openTSNE": lambda: openTSNE.TSNE(random_state=0, n_jobs=n_jobs).fit(X),
        **{link: functools.partial(ours, link, X) for link in LINKS},
    }
    chosen = options.only.split(";") if options.only else list(rivals)
    for link in LINKS:
        built(link).warm_up(*X.shape)
    seconds: dict[str, list[float]] = {name: [] for name in chosen}
    processor: dict[str, list[float]] = {name: [] for name in chosen}
    results: dict[str, np.ndarray] = {}
    order = random.Random(0)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for _ in range(options.rounds):
            for name in order.sample(chosen, len(chosen)):
                began, busy = time.perf_counter(), time.process_time()
                results[name] = np.asarray(rivals[name]())
                seconds[name].append(time.perf_counter() - began)
                processor[name].append(time.process_time() - busy)
                print(f"{name}: {seconds[name][-1]:.2f} s", file=sys.stderr)
    affinities = PerplexityBasedNN(X, 30, method="exact", n_jobs=n_jobs).P
    some = np.random.default_rng(0).permutation(len(X))[:JUDGED]
    print(f"{len(X):,} points of {X.shape[1]} dimensions, threads: {n_jobs}")
    print("| t-SNE | seconds | of processor | KL divergence | trustworthiness |")
    print("|---|---|---|---|---|")
    for name in chosen:
        found = results[name]
        took, busy = statistics.median(seconds[name]), statistics.median(processor[name])
        trust = trustworthiness(X[some], found[some], n_neighbors=NEIGHBORS)
        print(
            f"| {name} | {took:.2f} | {busy:.2f} | {divergence(affinities, found):.3f} "
            f"| {trust:.4f} |"
        )


if __name__ == "__main__":
    main()
