"""What items are tried on, and what checks of several kinds of items share."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bench.base.extras import how_to_install, missing
from bench.base.registry import Registry
from bench.contracts import require, spare_unless
from bench.datasets.image_form import Form

Array = NDArray[Any]


def make_images(count: int, seed: int = 0) -> tuple[NDArray[np.uint8], NDArray[np.int64]]:
    """Make images of two kinds that differ in brightness and texture, and their labels.

    Images are (count, H, W, 3) uint8, labels (count,) int64.
    """
    random = np.random.default_rng(seed)
    labels = np.arange(count) % 2
    base = np.where(labels == 0, 60, 170)[:, None, None, None]
    images = base + random.integers(-40, 40, (count, *Form().shape))
    images[labels == 1, ::2] -= 30
    return images.astype(np.uint8), labels


def two_groups(count: int = 120, seed: int = 0) -> tuple[NDArray[np.float32], NDArray[Any]]:
    """Make points in two groups far apart, (count, 20) float32, and the groups, (count,)."""
    random = np.random.default_rng(seed)
    groups = np.arange(count) % 2
    points = random.normal(size=(count, 20)) + 12 * groups[:, None] - 6
    return points.astype(np.float32), groups


def need_installed(item: Any) -> None:
    """Have a check spared where a library that the item requires is not installed."""
    lacking = missing(item)
    spare_unless(not lacking, f"it needs {', '.join(lacking)}: {how_to_install(item)}")


def is_derived(item: Any, base: type) -> str:
    """Require that an item is a class derived from a base class; return its name."""
    kept = inspect.isclass(item) and issubclass(item, base)
    require(kept, f"{item!r} is no class derived from {base.__module__}.{base.__name__}")
    return str(item.__name__)


def is_documented(registry: Registry[Any], name: str) -> str:
    """Require that an item's class has a docstring; return the item's summary."""
    item = registry[name]
    require(item.__doc__, f"class {item.__name__} has no docstring")
    return registry.entry(name).summary


def is_cloned(estimator: Any) -> str:
    """Require that scikit-learn can clone an estimator; return the names of its parameters."""
    from sklearn.base import clone

    try:
        again = clone(estimator).get_params()
    except (RuntimeError, AttributeError) as error:
        raise AssertionError(f"scikit-learn cannot clone it: {error}") from error
    wanted = estimator.get_params()
    require(again == wanted, f"its clone has {again}, needed {wanted}")
    return ", ".join(again) or "none"


def is_accepted(estimator: Any, count: int, features: int, what: str) -> str:
    """Require that an estimator's own check lets data pass; return what they are, in words."""
    try:
        estimator.check(count, features)
    except ValueError as error:
        raise AssertionError(f"it refuses {what}: {error}") from error
    return what


def restored(fitted: Any, again: Any, *given: Any) -> Any:
    """Restore an estimator from what was kept of a fit; have a check spared if it has no restore.

    ``again`` is one that is not fitted; ``given`` is what it is restored with beside its state.
    """
    why = "it has no restore: bundles assign unseen images by the nearest training images"
    spare_unless(hasattr(fitted, "restore"), why)
    kept = {key: np.array(array, copy=True) for key, array in fitted.fitted().items()}
    return again.restore(kept, *given)


def are_seconds(estimate: Callable[[int, int], float], what: str) -> str:
    """Require estimates for 100 and for 10,000 points that can be seconds."""
    small, large = estimate(100, 100), estimate(10_000, 100)
    require(
        0 <= small <= large < 1e5,
        f"it estimates {small:.3g} s for 100 {what} and {large:.3g} s for 10,000; needed 0 or "
        "more, no less for more, and less than a day",
    )
    return f"{small:.2g} s for 100 {what}, {large:.2g} s for 10,000"


def fit_reading(build: Callable[[], Any], fit: str, points: Array) -> tuple[Any, Array, str]:
    """Fit an estimator to points that must not be written.

    ``fit`` is the name of the method. Return the fitted estimator, what its method returned, and
    how it wrote into its input: empty if it did not. The points themselves are left as they are.
    """
    given, estimator = points.copy(), build()
    given.setflags(write=False)
    try:
        found = getattr(estimator, fit)(given)
    except ValueError as error:
        if "read-only" not in str(error):
            raise
        estimator = build()
        found = getattr(estimator, fit)(points.copy())
        return estimator, found, f"it writes into its input: {error}"
    changed = int((given != points).sum())
    wrote = f"it changed {changed} of {points.size} numbers of its input" if changed else ""
    return estimator, found, wrote
