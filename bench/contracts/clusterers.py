"""What every registered clusterer promises."""

from __future__ import annotations

import inspect
from typing import Any

import numpy as np

from bench.base.extras import how_to_install, missing
from bench.clusterers import clusterers
from bench.clusterers.clusterer import Array, Clusterer, Integers
from bench.clusterers.named import Named
from bench.contracts import Check, Spared, require
from bench.stages.metrics import clustering

COUNT, GROUPS = 90, 3
CENTERS = np.array([[0, 0, 0], [20, 0, 0], [0, 20, 0]])


# All that checks know of how a name becomes a clusterer.


def item_of(name: str) -> type[Clusterer]:
    """Return a clusterer's class."""
    return clusterers[name]


def build(name: str, seed: int = 0) -> Clusterer:
    """Build a clusterer that seeks three clusters."""
    lacking = missing(item_of(name))
    if lacking:
        raise Spared(f"it needs {', '.join(lacking)}: {how_to_install(item_of(name))}")
    return Named.parse(name).build(GROUPS, random_state=seed)


def groups(count: int = COUNT, seed: int = 0) -> tuple[Array, Integers]:
    """Return points in three groups that are plain to see, (count, 3) float32, and the groups."""
    random = np.random.default_rng(seed)
    found = np.arange(count) % GROUPS
    points = CENTERS[found] + random.normal(size=(count, 3))
    return points.astype(np.float32), found


# The promises.


def check_is_a_clusterer(name: str) -> str:
    """It is a class derived from Clusterer."""
    item: Any = item_of(name)
    kept = inspect.isclass(item) and issubclass(item, Clusterer)
    require(kept, f"{item!r} is no class derived from bench.clusterers.clusterer.Clusterer")
    return item.__name__


def check_says_what_it_is(name: str) -> str:
    """It has a docstring of its own."""
    require(item_of(name).__doc__, f"class {item_of(name).__name__} has no docstring")
    return clusterers.entry(name).summary


def check_parameters_are_scikit_learns(name: str) -> str:
    """Its constructor keeps its arguments as they are, so that scikit-learn can clone it."""
    from sklearn.base import clone

    clusterer = build(name, 3)
    try:
        again = clone(clusterer).get_params()
    except (RuntimeError, AttributeError) as error:
        raise AssertionError(f"scikit-learn cannot clone it: {error}") from error
    require(again == clusterer.get_params(), f"its clone has {again}")
    return ", ".join(again) or "none"


def check_gives_a_number_an_image(name: str) -> str:
    """Its clusters are int64, one an image, -1 for none."""
    points, _ = groups()
    found: Any = build(name).fit_predict(points)
    shape = getattr(found, "shape", None)
    require(shape == (COUNT,), f"its clusters have shape {shape}, needed {(COUNT,)}")
    require(found.dtype == np.int64, f"its clusters are {found.dtype}, needed int64")
    require(found.min() >= -1, f"a cluster has the number {found.min()}, needed -1 or more")
    return f"{len(np.unique(found))} numbers"


def check_accepts_what_it_can_work_on(name: str) -> str:
    """Its own check lets data pass that it works on."""
    try:
        build(name).check(COUNT, 3)
    except ValueError as error:
        raise AssertionError(f"it refuses {COUNT} images of 3 dimensions: {error}") from error
    return f"{COUNT} images of 3 dimensions"


def check_finds_groups_that_are_plain_to_see(name: str) -> str:
    """It finds three groups that lie far apart, and leaves few images out."""
    points, labels = groups()
    found = build(name).fit_predict(points)
    placed = found >= 0
    share = float(placed.mean())
    require(share > 0.9, f"it leaves {1 - share:.0%} of the images in no cluster, needed under 10%")
    index = clustering.adjusted_rand(found[placed], labels[placed])
    require(index == 1, f"its adjusted Rand index is {index:.3f}, needed 1")
    return f"an adjusted Rand index of {index:g}"


def check_leaves_its_input_alone(name: str) -> str:
    """It does not write into what it is given."""
    points, _ = groups()
    before = points.copy()
    points.setflags(write=False)
    try:
        build(name).fit_predict(points)
    except ValueError as error:
        require("read-only" not in str(error), f"it writes into what it is given: {error}")
        raise
    require(np.array_equal(points, before), "it changed what it was given")
    return "unchanged"


def check_repeats_with_the_same_seed(name: str) -> str:
    """The same seed gives the same clusters."""
    points = np.random.default_rng(0).normal(size=(80, 4)).astype(np.float32)
    first, again = (build(name, 1).fit_predict(points) for _ in range(2))
    differ = int((first != again).sum())
    require(not differ, f"{differ} of 80 images change their cluster with the same seed")
    return "80 of 80 images"


def check_says_truly_whether_it_is_deterministic(name: str) -> str:
    """If it says that it is deterministic, seeds change nothing."""
    if not item_of(name).deterministic:
        raise Spared("it says that it depends on the seed")
    points = np.random.default_rng(0).normal(size=(80, 4)).astype(np.float32)
    first, other = (build(name, seed).fit_predict(points) for seed in (1, 2))
    differ = int((first != other).sum())
    require(not differ, f"{differ} of 80 images change their cluster with another seed")
    return "80 of 80 images"


def check_places_unseen_points_in_their_group(name: str) -> str:
    """Unseen points join the cluster of their group."""
    clusterer = build(name)
    if not hasattr(clusterer, "predict"):
        raise Spared("it cannot place unseen points")
    points, labels = groups()
    assignment = clustering.assign(clusterer.fit_predict(points), labels)
    unseen, unseen_labels = groups(30, seed=5)
    right = clustering.accuracy(clusterer.predict(unseen), unseen_labels, assignment)
    require(right == 1, f"{right:.0%} of unseen points join their group, needed all")
    return "30 of 30 points"


def check_restored_it_places_points_as_before(name: str) -> str:
    """Restored from what was kept of its fit, it places points as before (if it places any)."""
    clusterer: Any = build(name)
    if not hasattr(clusterer, "predict"):
        raise Spared("it cannot place unseen points")
    if not hasattr(clusterer, "restore"):
        raise Spared("it has no restore: bundles place unseen images by those nearest to them")
    points, unseen = groups()[0], np.random.default_rng(5).uniform(-5, 25, (200, 3))
    found = clusterer.fit_predict(points)
    kept = {key: np.array(array, copy=True) for key, array in clusterer.fitted().items()}
    again: Any = build(name)
    again.restore(kept, points, found)
    differ = int((again.predict(unseen) != clusterer.predict(unseen)).sum())
    require(not differ, f"restored, it puts {differ} of 200 unseen points into other clusters")
    return "200 of 200 points"


def check_bears_points_that_are_all_one(name: str) -> str:
    """Points that are all the same do not break it."""
    found = build(name).fit_predict(np.ones((30, 2), np.float32))
    require(found.shape == (30,), f"its clusters have shape {found.shape}, needed (30,)")
    return f"{len(np.unique(found))} clusters"


def check_estimates_are_seconds(name: str) -> str:
    """Its estimates are seconds, more for more images."""
    small, large = (build(name).seconds(count, 100) for count in (100, 10_000))
    require(
        0 <= small <= large < 1e5,
        f"it estimates {small:g} s for 100 images and {large:g} s for 10,000",
    )
    return f"{small:.2g} s for 100 images, {large:.2g} s for 10,000"


CHECKS: tuple[Check, ...] = (
    check_is_a_clusterer,
    check_says_what_it_is,
    check_parameters_are_scikit_learns,
    check_gives_a_number_an_image,
    check_accepts_what_it_can_work_on,
    check_finds_groups_that_are_plain_to_see,
    check_leaves_its_input_alone,
    check_repeats_with_the_same_seed,
    check_says_truly_whether_it_is_deterministic,
    check_places_unseen_points_in_their_group,
    check_restored_it_places_points_as_before,
    check_bears_points_that_are_all_one,
    check_estimates_are_seconds,
)
