"""The contract: what every registered model, reducer, clusterer and data set promises.

A promise is a function of an item's name whose first line of documentation says what is promised.
It returns what was found, in a few words; raises `AssertionError`, with what was found and what is
needed, where the promise is broken; and raises `Spared` where it is not asked of the item. The
modules of this folder hold them, as functions named ``check_...``. The tests hold every registered
item to them, and ``python -m bench.try FILE.py`` the items of one file.

Checks that only read what an item made share one fit of it; see `shared`.
"""

from __future__ import annotations

import functools
import importlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, TypeVar

from bench.base.errors import format_error, one_line

Check = Callable[[str], str]
T = TypeVar("T")

KEPT, BROKEN, SPARED = "✓", "✗", "–"

_SHARED: list[Any] = []


class Spared(Exception):  # noqa: N818 - nothing is wrong: it says why nothing was asked
    """A promise that is not asked of this item, and why."""


@dataclass(frozen=True)
class Finding:
    """What came of holding an item to one promise; ``mark`` is `KEPT`, `BROKEN` or `SPARED`."""

    promise: str
    mark: str
    found: str


def spare_unless(asked: object, why: str) -> None:
    """Raise `Spared` with a reason unless a promise is asked of an item."""
    if not asked:
        raise Spared(why)


def require(kept: object, message: str) -> None:
    """Raise `AssertionError` with a message unless a promise is kept; under ``python -O`` too."""
    if not kept:
        raise AssertionError(message)


def shared(item_of: Callable[[str], Any]) -> Callable[[Callable[[str], T]], Callable[[str], T]]:
    """Return a decorator that has all checks share a function's results, until `forget`.

    The function is given an item's name. Another item under the same name, as ``item_of`` returns
    it, shares nothing. What is returned is for reading: a check that changes an item makes its own.
    """

    def decorate(make: Callable[[str], T]) -> Callable[[str], T]:
        @functools.lru_cache(maxsize=4)  # items come one after the other
        def cached(item: Any, name: str) -> T:
            return make(name)

        _SHARED.append(cached)
        return functools.wraps(make)(lambda name: cached(item_of(name), name))

    return decorate


def forget() -> None:
    """Let go of all that is shared."""
    for cached in _SHARED:
        cached.cache_clear()


def promise_of(check: Check) -> str:
    """Return what a check holds an item to: the first line of its documentation."""
    return (check.__doc__ or check.__name__).strip().splitlines()[0].rstrip(".")


def checks_of(kind: str) -> tuple[Check, ...]:
    """Return the checks for items of a registry, by its kind (``model``, ``reducer`` …)."""
    # Only when asked for: a list of names must not import torch.
    module = importlib.import_module(f"bench.contracts.{kind.replace(' ', '')}s")
    return tuple(f for name, f in vars(module).items() if name.startswith("check_"))


def hold(kind: str, name: str) -> Iterator[Finding]:
    """Hold an item to every promise of its kind, one after the other.

    ``name`` is the item's name, or the spec string of a data set.
    """
    for check in checks_of(kind):
        promise = promise_of(check)
        try:
            yield Finding(promise, KEPT, one_line(check(name)))
        except Spared as why:
            yield Finding(promise, SPARED, one_line(str(why)))
        except AssertionError as error:
            yield Finding(promise, BROKEN, one_line(str(error)) or format_error(error))
        except Exception as error:  # whatever an item by somebody else raises
            yield Finding(promise, BROKEN, format_error(error))
    forget()
