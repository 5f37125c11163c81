"""The contract: what every registered model, reducer, clusterer and data set promises.

A promise is a function of an item's name whose first line of documentation says what is promised.
It returns what was found, in a few words; raises `AssertionError`, with what was found and what is
needed, where the promise is broken; and raises `Spared` where it is not asked of the item. The
lists are `CHECKS` of `bench.contracts.models`, `bench.contracts.reducers`,
`bench.contracts.clusterers` and `bench.contracts.datasets`. The tests hold every registered item
to them, and ``python -m bench.try FILE.py`` the items of one file.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable

Check = Callable[[str], str]

# By a registry's kind: the module that holds its items to their promises.
_MODULES = {
    "model": "models",
    "reducer": "reducers",
    "clusterer": "clusterers",
    "data set": "datasets",
}


class Spared(Exception):  # noqa: N818 - nothing is wrong: it says why nothing was asked
    """A promise that is not asked of this item, and why."""


def require(kept: object, message: str) -> None:
    """Raise `AssertionError` with a message unless a promise is kept; under ``python -O`` too."""
    if not kept:
        raise AssertionError(message)


def promise_of(check: Check) -> str:
    """Return what a check holds an item to: the first line of its documentation."""
    return (check.__doc__ or check.__name__).strip().splitlines()[0].rstrip(".")


def checks_of(kind: str) -> tuple[Check, ...]:
    """Return the checks for items of a registry, by its kind (``model``, ``reducer`` …)."""
    # Only when asked for: a list of names must not import torch.
    module = importlib.import_module(f"bench.contracts.{_MODULES[kind]}")
    checks: tuple[Check, ...] = module.CHECKS
    return checks
