"""Which of several runs of one pipeline to use where no label tells: the most central one."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray


class Central(NamedTuple):
    """The seed whose clusters agree best with those of the other seeds.

    ``agreement`` is the mean adjusted Rand index of all pairs of seeds, 1 where all have the same
    clusters; None for one seed.
    """

    seed: int
    agreement: float | None


def central(clusters: Mapping[int, NDArray[np.integer[Any]]]) -> Central:
    """Find the most central seed; the first of those that are equally so.

    A seed with which two groups were put together by chance agrees less with the others than those
    do with each other. This is the medoid of the clusterings (a simple consensus: Strehl, Ghosh
    2002, Cluster ensembles).

    Parameters
    ----------
    clusters : dict
        The clusters of the same images by seed, each (n,).
    """
    from sklearn.metrics import adjusted_rand_score

    seeds = sorted(clusters)
    if len(seeds) == 1:
        return Central(seeds[0], None)
    pairs = np.eye(len(seeds))
    for i, one in enumerate(seeds):
        for j, other in enumerate(seeds[:i]):
            pairs[i, j] = pairs[j, i] = adjusted_rand_score(clusters[one], clusters[other])
    means = (pairs.sum(axis=1) - 1) / (len(seeds) - 1)
    return Central(seeds[int(means.argmax())], float(means.mean()))
