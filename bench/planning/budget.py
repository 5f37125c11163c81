"""A grid within a time: fewer epochs, and if that was estimated wrongly fewer repetitions.

As many epochs are taken as all repetitions have room for, by an estimate that is made beforehand
and kept in the store, so that the same command goes on from where it was. Then it is measured: a
repetition that would not end in time is not begun, for no cell. So all cells have the same recipe
and the same seeds, whatever the budget.
"""

from __future__ import annotations

from collections.abc import Callable

from bench.store import DamagedError, Store

STAGE = "budget"
# Epochs that are tried: estimates are good to a factor of two, and finer steps would say more.
EPOCHS = (1, 2, 3, 5, 8, 12, 20, 30, 50, 80, 120, 200, 300, 500)
SHARE = 0.8  # of the budget that is planned for


def epochs(budget: float, most: int, estimate: Callable[[int], float]) -> int:
    """Return the epochs that a grid has room for in a time; at least one.

    Parameters
    ----------
    budget : float
        Seconds.
    most : int
        Epochs of the recipe, which a budget only lowers.
    estimate : callable
        Seconds that the whole grid takes with so many epochs.
    """
    # As estimates are a multiple of epochs and the rest, two of them tell all.
    one, two = estimate(1), estimate(2)
    tried = [count for count in EPOCHS if count < most] + [most]
    room = [count for count in tried if one + (count - 1) * (two - one) <= SHARE * budget]
    return room[-1] if room else 1


def decided(store: Store, key: str) -> int | None:
    """Return the epochs that were decided on before; None the first time."""
    if (STAGE, key) not in store:
        return None
    try:
        return int(store.load(STAGE, key).values["epochs"])
    except DamagedError:
        store.set_aside(STAGE, key)
        return None


def decide(store: Store, key: str, found: int) -> None:
    """Keep how many epochs there are, in a store that is ready to be written to."""
    with store.lock(key):
        if (STAGE, key) not in store:
            store.save(STAGE, key, {}, {"epochs": found}, {})
