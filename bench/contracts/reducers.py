"""What every registered reducer promises."""

from __future__ import annotations

import inspect
from typing import Any

import numpy as np

from bench.base.extras import how_to_install, missing
from bench.contracts import Check, Spared, require
from bench.contracts.material import two_groups
from reducers import reducers
from reducers.chain import Chain, Link
from reducers.reducer import Array, Reducer, State

COUNT, FEATURES = 120, 20
# What is slow without a GPU takes fewer steps here.
FAST = {"torchdr-tsne": "(iterations=50)", "torchdr-umap": "(iterations=100)"}


# All that checks know of how a name becomes a reducer.


def item_of(name: str) -> type[Reducer]:
    """Return a reducer's class."""
    return reducers[name]


def link_of(name: str) -> Link:
    """Return a link with two dimensions, or without a number where the reducer has none."""
    item = item_of(name)
    lacking = missing(item)
    if lacking:
        raise Spared(f"it needs {', '.join(lacking)}: {how_to_install(item)}")
    numbered = "n_components" in inspect.signature(item).parameters
    (link,) = Chain.parse((f"{name}2" if numbered else name) + FAST.get(name, "")).links
    return link


def build(name: str, seed: int = 0) -> Reducer:
    """Build a reducer with a seed."""
    return link_of(name).build(random_state=seed)


def reduced(name: str, seed: int = 0) -> Array:
    """Return what a reducer makes of two groups of points."""
    return build(name, seed).fit_transform(two_groups(COUNT)[0])


# The promises.


def check_is_a_reducer(name: str) -> str:
    """It is a class derived from Reducer."""
    item: Any = item_of(name)
    kept = inspect.isclass(item) and issubclass(item, Reducer)
    require(kept, f"{item!r} is no class derived from reducers.reducer.Reducer")
    return item.__name__


def check_says_what_it_is(name: str) -> str:
    """It has a docstring of its own."""
    require(item_of(name).__doc__, f"class {item_of(name).__name__} has no docstring")
    return reducers.entry(name).summary


def check_names_its_libraries(name: str) -> str:
    """It names the libraries that shape its result, as a tuple."""
    found: Any = item_of(name).libraries
    require(isinstance(found, tuple), f"libraries is {found!r}, needed a tuple of names")
    return ", ".join(found) or "none"


def check_parameters_are_scikit_learns(name: str) -> str:
    """Its constructor keeps its arguments as they are, so that scikit-learn can clone it."""
    from sklearn.base import clone

    reducer = link_of(name).build(random_state=3, n_jobs=1)
    try:
        again = clone(reducer).get_params()
    except (RuntimeError, AttributeError) as error:
        raise AssertionError(f"scikit-learn cannot clone it: {error}") from error
    require(again == reducer.get_params(), f"its clone has {again}, needed {reducer.get_params()}")
    return ", ".join(again) or "none"


def check_takes_what_it_can_reduce(name: str) -> str:
    """Its `check` lets 120 points of 20 dimensions pass."""
    try:
        build(name).check(COUNT, FEATURES)
    except ValueError as error:
        raise AssertionError(f"it refuses {COUNT} points of {FEATURES}: {error}") from error
    return f"{COUNT} points of {FEATURES}"


def check_has_the_size_it_says(name: str) -> str:
    """It returns a row a point, with as many columns as its `output_size` says."""
    found = reduced(name).shape
    needed = (COUNT, build(name).output_size(FEATURES))
    require(found == needed, f"it returned an array of shape {found}, needed {needed}")
    return f"{FEATURES} to {needed[1]}"


def check_returns_finite_float32(name: str) -> str:
    """It returns finite numbers, as float32."""
    found = reduced(name)
    require(found.dtype == np.float32, f"it returned {found.dtype}, needed float32")
    bad = int((~np.isfinite(found)).sum())
    require(not bad, f"{bad} of {found.size} numbers are not finite")
    return str(found.dtype)


def check_keeps_groups_apart(name: str) -> str:
    """Two groups far apart stay apart: a silhouette above 0.5."""
    from sklearn.metrics import silhouette_score

    found = float(silhouette_score(reduced(name), two_groups(COUNT)[1]))
    require(found > 0.5, f"two groups far apart have a silhouette of {found:.2f}, needed above 0.5")
    return f"{found:.2f}"


def check_leaves_its_input_alone(name: str) -> str:
    """It does not write into what it is given."""
    points = two_groups(COUNT)[0]
    before = points.copy()
    points.setflags(write=False)
    try:
        build(name).fit_transform(points)
    except ValueError as error:
        require("read-only" not in str(error), f"it writes into its input: {error}")
        raise
    changed = int((points != before).sum())
    require(not changed, f"it changed {changed} of {before.size} numbers of its input")
    return "as it was"


def check_same_seed_same_numbers(name: str) -> str:
    """With the same seed it returns the same numbers, to the bit."""
    far = _apart(reduced(name, 1), reduced(name, 1))
    require(not far, f"run again with the same seed, it returned {far}; needed the same to the bit")
    return "the same to the bit"


def check_says_truly_whether_it_is_deterministic(name: str) -> str:
    """If it says that it is deterministic, seeds make no difference."""
    if not item_of(name).deterministic:
        raise Spared("it says that it depends on the seed")
    far = _apart(reduced(name, 1), reduced(name, 2))
    require(not far, f"deterministic is True, and with another seed it returned {far}")
    return "the same to the bit"


def check_unseen_points_land_beside_their_group(name: str) -> str:
    """Unseen points land beside their own group, in the same form (if it places any)."""
    fitted, groups, reducer = _fitted(name)
    unseen, unseen_groups = two_groups(30, seed=9)
    placed = reducer.transform(unseen)
    needed = (30, fitted.shape[1])
    require(placed.shape == needed, f"transform returned shape {placed.shape}, needed {needed}")
    require(placed.dtype == np.float32, f"transform returned {placed.dtype}, needed float32")
    centers = _centers(fitted, groups)
    nearest = np.linalg.norm(placed[:, None] - centers, axis=2).argmin(1)
    lost = int((nearest != unseen_groups).sum())
    require(not lost, f"{lost} of 30 unseen points are nearer to the other group's center")
    return "30 of 30"


def check_placing_points_moves_no_others(name: str) -> str:
    """Points placed again stay where they were, nearly (if it places any)."""
    fitted, groups, reducer = _fitted(name)
    reducer.transform(two_groups(30, seed=9)[0])
    # The embedding handed out before must not have moved meanwhile.
    moved = np.linalg.norm(reducer.transform(two_groups(COUNT)[0][:10]) - fitted[:10], axis=1)
    centers = _centers(fitted, groups)
    share = float(np.median(moved) / np.linalg.norm(centers[0] - centers[1]))
    require(
        share < 0.15,
        f"points placed again moved by {share:.2f} of the distance between the groups, needed "
        "less than 0.15",
    )
    return f"by {share:.2g} of the distance between the groups"


def check_restored_it_places_points_as_before(name: str) -> str:
    """Restored from what was kept of its fit, it places points as before (if it places any)."""
    fitted, _, reducer = _fitted(name)
    if not hasattr(reducer, "restore"):
        raise Spared("it has no restore: bundles place unseen images by those nearest to them")
    points = two_groups(COUNT)[0]
    unseen = two_groups(30, seed=9)[0]
    needs = reducer.needs_points
    again = build(name).restore(
        _kept(reducer), *((points, fitted.copy()) if needs else (None,) * 2)
    )
    before, after = reducer.transform(unseen), again.transform(unseen)
    require(
        before.shape == after.shape and np.allclose(before, after, atol=1e-4 * np.ptp(fitted)),
        f"restored, it placed unseen points with {_apart(before, after)}; needed the same",
    )
    return "by its points" if needs else "without its points"


def check_estimates_are_seconds(name: str) -> str:
    """Its estimate of time is in seconds, and no less for more points."""
    link = link_of(name)
    small, large = (link.build().seconds(n, 100) for n in (100, 10_000))
    require(
        0 <= small <= large < 1e5,
        f"it estimates {small:.3g} s for 100 points and {large:.3g} s for 10,000; needed 0 or "
        "more, no less for more points, and less than a day",
    )
    return f"{large:.2g} s for 10,000 points of 100"


CHECKS: tuple[Check, ...] = (
    check_is_a_reducer,
    check_says_what_it_is,
    check_names_its_libraries,
    check_parameters_are_scikit_learns,
    check_takes_what_it_can_reduce,
    check_has_the_size_it_says,
    check_returns_finite_float32,
    check_keeps_groups_apart,
    check_leaves_its_input_alone,
    check_same_seed_same_numbers,
    check_says_truly_whether_it_is_deterministic,
    check_unseen_points_land_beside_their_group,
    check_placing_points_moves_no_others,
    check_restored_it_places_points_as_before,
    check_estimates_are_seconds,
)


def _fitted(name: str) -> tuple[Array, Array, Any]:
    """Return the two groups reduced, the groups, and the reducer; spare it if it places none."""
    reducer = build(name)
    if not hasattr(reducer, "transform"):
        raise Spared("it places no unseen points")
    points, groups = two_groups(COUNT)
    # The array itself and no copy: `transform` must leave it where it is.
    return reducer.fit_transform(points), groups, reducer


def _kept(reducer: Reducer) -> State:
    """Return what is kept of a fit, as a file brings it back."""
    return {name: np.array(array, copy=True) for name, array in reducer.fitted().items()}


def _centers(fitted: Array, groups: Array) -> Array:
    return np.stack([fitted[groups == group].mean(0) for group in (0, 1)])


def _apart(one: Array, other: Array) -> str:
    """Say how far two arrays are apart; nothing where they are the same."""
    if one.shape != other.shape:
        return f"shapes {one.shape} and {other.shape}"
    if np.array_equal(one, other):
        return ""
    return f"numbers up to {np.abs(one - other).max():.3g} apart"
