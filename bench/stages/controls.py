"""Stages beside a cell: what its chain makes of data without clusters, and of fewer images.

As those of `bench.stages.stages`, each is a plain function from arrays and settings to arrays and
numbers.
"""

from __future__ import annotations

import math

import numpy as np

from bench.clusterers.kmeans import KMeans
from bench.stages import stages
from bench.stages.metrics import clustering, neighbors, reference_space
from bench.stages.metrics.clustering import Integers
from bench.stages.stages import Array, Result

ROWS = 1000  # of the null drawn at a time
SHARE = 0.8  # of the images in a resample
LEAST, MOST = 2, 15  # clusters, where their number is to be suggested
SCAN_STARTS = 3  # of k-means there


def null(train: Array, seed: int) -> Result:
    """Draw data without clusters: one Gaussian with the mean and covariance of codes.

    What a chain finds in it is what the chain makes up.

    Parameters
    ----------
    train : ndarray, shape (n, d), float32
    seed : int

    Returns
    -------
    Result
        Arrays: ``train`` (n, d), float32.

    References
    ----------
    Tibshirani, Walther, Hastie (2001), Estimating the number of clusters via the gap statistic:
    the same thought with a uniform null.
    """
    random = np.random.default_rng(seed)
    mean = train.mean(axis=0, dtype=np.float64).astype(np.float32)
    centered = train - mean
    drawn = np.empty_like(centered)
    # A mixture of all codes with normal weights has exactly their covariance, whatever its rank.
    for start in range(0, len(train), ROWS):
        rows = slice(start, start + ROWS)
        weights = random.standard_normal((len(drawn[rows]), len(train)), dtype=np.float32)
        drawn[rows] = weights @ centered
    return Result({"train": drawn / np.float32(math.sqrt(len(train) - 1)) + mean})


def resample(count: int, seed: int) -> Result:
    """Draw four fifths of the images without replacement; the same for every model and chain.

    Parameters
    ----------
    count : int
        Images there are.
    seed : int

    Returns
    -------
    Result
        Arrays: ``chosen``, int64 positions in order.
    """
    random = np.random.default_rng(seed)
    return Result({"chosen": np.sort(random.choice(count, resampled(count), replace=False))})


def resampled(count: int) -> int:
    """Return how many of so many images a resample has."""
    return max(1, round(SHARE * count))


def counts(images: int) -> tuple[int, ...]:
    """Return the numbers of clusters that are tried: 2 to 15, fewer than there are images."""
    return tuple(range(LEAST, min(MOST, max(LEAST, images - 1)) + 1))


def scan(train: Array, near: Integers, counts: tuple[int, ...], seed: int, starts: int) -> Result:
    """Say how coherent k-means groups an embedding, for several numbers of clusters.

    Parameters
    ----------
    train : ndarray, shape (n, k), float32
        An embedding; of more than 2,000 images a sample is clustered.
    near : ndarray, shape (m, k)
        Neighbors in the reference space, as `bench.stages.stages.place` leaves them; the 10 nearest count.
        Wider neighborhoods would not see small groups: of 80 images of a digit, 30 reach into the
        next.
    counts : tuple of int
    seed : int
    starts : int
        Of k-means.

    Returns
    -------
    Result
        Values: ``counts``, and ``knn_modularity`` for each.
    """
    chosen = train[neighbors.sample(len(train))]
    near = near[:, : neighbors.NEIGHBORS]
    found = []
    for count in counts:
        kmeans = KMeans(count, starts=starts, random_state=seed)
        clusters = stages.cluster(kmeans, chosen, None).arrays["train"]
        found.append(float(reference_space.knn_modularity(near, clusters).mean()))
    return Result({}, {"counts": list(counts), "knn_modularity": found})


def agree(clusters: Integers, again: list[tuple[Integers, Integers]]) -> Result:
    """Say how far clusters stay the same when the chain and clusterer see fewer images.

    Parameters
    ----------
    clusters : ndarray, shape (n,)
        Of all images.
    again : list of (chosen, clusters)
        Images of each resample and their clusters there.

    Returns
    -------
    Result
        Values: ``stability``, the mean adjusted Rand index on the images that both have.

    References
    ----------
    Ben-Hur, Elisseeff, Guyon (2002), A stability based method for discovering structure in
    clustered data; von Luxburg (2010), Clustering stability: an overview.
    """
    found = [clustering.adjusted_rand(clusters[chosen], other) for chosen, other in again]
    return Result({}, {"stability": float(np.mean(found))})
