"""What every registered reducer promises."""

from __future__ import annotations

import inspect
from typing import Any

import numpy as np

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
    two_groups,
)
from reducers import reducers
from reducers.chain import Chain, Link
from reducers.reducer import Array, Reducer

COUNT, FEATURES = 120, 20
# What is slow without a GPU takes fewer steps here.
FAST = {"torchdr-tsne": "(iterations=50)", "torchdr-umap": "(iterations=100)"}


def link_of(name: str) -> Link:
    """Return a link with two dimensions, or without a number where the reducer has none."""
    item = reducers[name]
    need_installed(item)
    numbered = "n_components" in inspect.signature(item).parameters
    (link,) = Chain.parse((f"{name}2" if numbered else name) + FAST.get(name, "")).links
    return link


def build(name: str, seed: int = 0) -> Reducer:
    """Build a reducer with a seed."""
    return link_of(name).build(random_state=seed)


def reduced(name: str, seed: int = 0) -> Array:
    """Reduce the two groups by a reducer of its own."""
    return build(name, seed).fit_transform(two_groups(COUNT)[0])


@shared(reducers.__getitem__)
def fitted(name: str) -> tuple[Any, Array, str]:
    """Return a reducer fitted to two groups, what it returned, and how it wrote into them."""
    # The array itself and no copy of it: `transform` must leave it where it is.
    return fit_reading(lambda: build(name), "fit_transform", two_groups(COUNT)[0])


def transforming(name: str) -> tuple[Any, Array]:
    """Return the fitted reducer and its embedding; spare one that cannot transform new points."""
    spare_unless(hasattr(build(name), "transform"), "it cannot transform unseen points")
    return fitted(name)[:2]


# The promises.


def check_is_a_reducer(name: str) -> str:
    """It is a class derived from Reducer."""
    return is_derived(reducers[name], Reducer)


def check_says_what_it_is(name: str) -> str:
    """It has a docstring of its own."""
    return is_documented(reducers, name)


def check_names_its_libraries(name: str) -> str:
    """It names the libraries that affect its result, as a tuple."""
    found: Any = reducers[name].libraries
    require(isinstance(found, tuple), f"libraries is {found!r}, needed a tuple of names")
    return ", ".join(found) or "none"


def check_parameters_are_scikit_learns(name: str) -> str:
    """Its constructor keeps its arguments as they are, so that scikit-learn can clone it."""
    return is_cloned(link_of(name).build(random_state=3, n_jobs=1))


def check_takes_what_it_can_reduce(name: str) -> str:
    """Its `check` accepts 120 points of 20 dimensions."""
    return is_accepted(build(name), COUNT, FEATURES, f"{COUNT} points of {FEATURES}")


def check_has_the_size_it_says(name: str) -> str:
    """It returns one row for each point, with as many columns as its `output_size` says."""
    found = fitted(name)[1].shape
    needed = (COUNT, build(name).output_size(FEATURES))
    require(found == needed, f"it returned an array of shape {found}, needed {needed}")
    return f"{FEATURES} to {needed[1]}"


def check_returns_finite_float32(name: str) -> str:
    """It returns finite numbers, as float32."""
    found = fitted(name)[1]
    require(found.dtype == np.float32, f"it returned {found.dtype}, needed float32")
    bad = int((~np.isfinite(found)).sum())
    require(not bad, f"{bad} of {found.size} numbers are not finite")
    return str(found.dtype)


def check_keeps_groups_apart(name: str) -> str:
    """Two groups far apart stay apart: a silhouette above 0.5."""
    from sklearn.metrics import silhouette_score

    found = float(silhouette_score(fitted(name)[1], two_groups(COUNT)[1]))
    require(found > 0.5, f"two groups far apart have a silhouette of {found:.2f}, needed above 0.5")
    return f"{found:.2f}"


def check_leaves_its_input_alone(name: str) -> str:
    """It does not change its input."""
    wrote = fitted(name)[2]
    require(not wrote, wrote)
    return "as it was"


def check_same_seed_same_numbers(name: str) -> str:
    """With the same seed it returns identical numbers."""
    far = _apart(fitted(name)[1], reduced(name))
    require(not far, f"run again with the same seed, it returned {far}; needed the same to the bit")
    return "the same to the bit"


def check_says_truly_whether_it_is_deterministic(name: str) -> str:
    """If it is declared deterministic, its result does not depend on the seed."""
    spare_unless(reducers[name].deterministic, "it is declared to depend on the seed")
    far = _apart(fitted(name)[1], reduced(name, 1))
    require(not far, f"deterministic is True, and with another seed it returned {far}")
    return "the same to the bit"


def check_unseen_points_land_beside_their_group(name: str) -> str:
    """If it can transform unseen points, they are near their own group, in the same form."""
    reducer, embedding = transforming(name)
    unseen, unseen_groups = two_groups(30, seed=9)
    placed = reducer.transform(unseen)
    needed = (30, embedding.shape[1])
    require(placed.shape == needed, f"transform returned shape {placed.shape}, needed {needed}")
    require(placed.dtype == np.float32, f"transform returned {placed.dtype}, needed float32")
    nearest = np.linalg.norm(placed[:, None] - _centers(embedding), axis=2).argmin(1)
    lost = int((nearest != unseen_groups).sum())
    require(not lost, f"{lost} of 30 unseen points are nearer to the other group's center")
    return "30 of 30"


def check_placing_points_moves_no_others(name: str) -> str:
    """If it can transform points, training points hardly move when they are transformed."""
    reducer, embedding = transforming(name)
    reducer.transform(two_groups(30, seed=9)[0])
    # The embedding handed out before must not have moved meanwhile.
    again = reducer.transform(two_groups(COUNT)[0][:10])
    moved = np.linalg.norm(again - embedding[:10], axis=1)
    one, other = _centers(embedding)
    share = float(np.median(moved) / np.linalg.norm(one - other))
    require(
        share < 0.15,
        f"training points moved by {share:.2f} of the distance between the groups, needed "
        "less than 0.15",
    )
    return f"by {share:.2g} of the distance between the groups"


def check_restored_it_places_points_as_before(name: str) -> str:
    """If it can transform unseen points, it does so in the same way after it was restored."""
    reducer, embedding = transforming(name)
    unseen = two_groups(30, seed=9)[0]
    needs = reducer.needs_points
    points = (two_groups(COUNT)[0], embedding.copy()) if needs else (None, None)
    again = restored(reducer, build(name), *points)
    before, after = reducer.transform(unseen), again.transform(unseen)
    require(
        before.shape == after.shape and np.allclose(before, after, atol=1e-4 * np.ptp(embedding)),
        f"restored, it transforms unseen points with {_apart(before, after)}; needed the same",
    )
    return "by its points" if needs else "without its points"


def check_estimates_are_seconds(name: str) -> str:
    """Its estimate of time is in seconds, and no less for more points."""
    return are_seconds(build(name).seconds, "points")


def _centers(embedding: Array) -> Array:
    groups = two_groups(COUNT)[1]
    return np.stack([embedding[groups == group].mean(0) for group in (0, 1)])


def _apart(one: Array, other: Array) -> str:
    """Say how far two arrays are apart; nothing where they are the same."""
    if one.shape != other.shape:
        return f"shapes {one.shape} and {other.shape}"
    if np.array_equal(one, other):
        return ""
    return f"numbers up to {np.abs(one - other).max():.3g} apart"
