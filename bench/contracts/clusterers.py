"""What every registered clusterer promises."""

from __future__ import annotations

from typing import Any

import numpy as np

from bench.clusterers import clusterers
from bench.clusterers.clusterer import Array, Clusterer, Integers
from bench.clusterers.named import Named
from bench.contracts import require, shared, spare_unless
from bench.contracts.material import (
    are_seconds,
    fit_reading,
    is_accepted,
    is_cloned,
    is_derived,
    is_documented,
    need_installed,
    restored,
)
from bench.stages.metrics import clustering

COUNT, GROUPS = 90, 3
CENTERS = np.array([[0, 0, 0], [20, 0, 0], [0, 20, 0]])


def build(name: str, seed: int = 0) -> Clusterer:
    """Build a clusterer that seeks three clusters."""
    need_installed(clusterers[name])
    return Named.parse(name).build(GROUPS, random_state=seed)


def groups(count: int = COUNT, seed: int = 0) -> tuple[Array, Integers]:
    """Return points in three groups that are plain to see, (count, 3) float32, and the groups."""
    random = np.random.default_rng(seed)
    found = np.arange(count) % GROUPS
    points = CENTERS[found] + random.normal(size=(count, 3))
    return points.astype(np.float32), found


@shared(clusterers.__getitem__)
def fitted(name: str) -> tuple[Any, Any, str]:
    """Return a clusterer fitted to the three groups, their clusters, and how it wrote in them."""
    return fit_reading(lambda: build(name), "fit_predict", groups()[0])


def noise(name: str, seed: int) -> Integers:
    """Return the clusters of 80 points without groups."""
    points = np.random.default_rng(0).normal(size=(80, 4)).astype(np.float32)
    return build(name, seed).fit_predict(points)


@shared(clusterers.__getitem__)
def noise_of_one(name: str) -> Integers:
    """Return `noise` with the seed 1."""
    return noise(name, 1)


def stay(name: str, seed: int, which: str) -> str:
    """Require that noise has the same clusters with a seed as with the seed 1."""
    differ = int((noise_of_one(name) != noise(name, seed)).sum())
    require(not differ, f"{differ} of 80 images change their cluster with {which} seed")
    return "80 of 80 images"


def predicting(name: str) -> Any:
    """Return the fitted clusterer, or have the check spared if it places no unseen points."""
    spare_unless(hasattr(build(name), "predict"), "it cannot predict unseen points")
    return fitted(name)[0]


# The promises.


def check_is_a_clusterer(name: str) -> str:
    """It is a class derived from Clusterer."""
    return is_derived(clusterers[name], Clusterer)


def check_says_what_it_is(name: str) -> str:
    """It has a docstring of its own."""
    return is_documented(clusterers, name)


def check_parameters_are_scikit_learns(name: str) -> str:
    """Its constructor keeps its arguments as they are, so that scikit-learn can clone it."""
    return is_cloned(build(name, 3))


def check_gives_a_number_an_image(name: str) -> str:
    """Its clusters are int64, one for each image, -1 for none."""
    _, found, _ = fitted(name)
    shape = getattr(found, "shape", None)
    require(shape == (COUNT,), f"its clusters have shape {shape}, needed {(COUNT,)}")
    require(found.dtype == np.int64, f"its clusters are {found.dtype}, needed int64")
    require(found.min() >= -1, f"a cluster has the number {found.min()}, needed -1 or more")
    return f"{len(np.unique(found))} numbers"


def check_accepts_what_it_can_work_on(name: str) -> str:
    """Its `check` accepts data that it can cluster."""
    return is_accepted(build(name), COUNT, 3, f"{COUNT} images of 3 dimensions")


def check_finds_groups_that_are_plain_to_see(name: str) -> str:
    """It finds three groups that lie far apart, and leaves few images out."""
    found, labels = fitted(name)[1], groups()[1]
    placed = found >= 0
    share = float(placed.mean())
    require(share > 0.9, f"it leaves {1 - share:.0%} of the images in no cluster, needed under 10%")
    index = clustering.adjusted_rand(found[placed], labels[placed])
    require(index == 1, f"its adjusted Rand index is {index:.3f}, needed 1")
    return f"an adjusted Rand index of {index:g}"


def check_leaves_its_input_alone(name: str) -> str:
    """It does not change its input."""
    wrote = fitted(name)[2]
    require(not wrote, wrote)
    return "unchanged"


def check_repeats_with_the_same_seed(name: str) -> str:
    """The same seed gives the same clusters."""
    return stay(name, 1, "the same")


def check_says_truly_whether_it_is_deterministic(name: str) -> str:
    """If it is declared deterministic, its clusters do not depend on the seed."""
    spare_unless(clusterers[name].deterministic, "it is declared to depend on the seed")
    return stay(name, 2, "another")


def check_places_unseen_points_in_their_group(name: str) -> str:
    """If it can predict unseen points, they join the cluster of their group."""
    clusterer = predicting(name)
    assignment = clustering.assign(fitted(name)[1], groups()[1])
    unseen, unseen_labels = groups(30, seed=5)
    right = clustering.accuracy(clusterer.predict(unseen), unseen_labels, assignment)
    require(right == 1, f"{right:.0%} of unseen points join their group, needed all")
    return "30 of 30 points"


def check_restored_it_places_points_as_before(name: str) -> str:
    """If it can predict unseen points, it does so in the same way after it was restored."""
    clusterer = predicting(name)
    unseen = np.random.default_rng(5).uniform(-5, 25, (200, 3))
    again = restored(clusterer, build(name), groups()[0], fitted(name)[1])
    differ = int((again.predict(unseen) != clusterer.predict(unseen)).sum())
    require(not differ, f"restored, it puts {differ} of 200 unseen points into other clusters")
    return "200 of 200 points"


def check_bears_points_that_are_all_one(name: str) -> str:
    """It accepts points that are all the same."""
    found = build(name).fit_predict(np.ones((30, 2), np.float32))
    require(found.shape == (30,), f"its clusters have shape {found.shape}, needed (30,)")
    return f"{len(np.unique(found))} clusters"


def check_estimates_are_seconds(name: str) -> str:
    """Its estimate of time is in seconds, and not less for more images."""
    return are_seconds(build(name).seconds, "images")
