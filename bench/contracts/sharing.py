"""One fit of an item for all checks that only read it."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any, TypeVar, cast

Call = TypeVar("Call", bound=Callable[..., Any])

_SHARED: list[Any] = []


def shared(make: Call) -> Call:
    """Have a function's results shared by all checks in this process, until `forget`.

    Its first argument is the item itself, so that another item under the same name shares nothing.
    What it returns is for reading: a check that changes an item makes its own.
    """
    cached: Any = functools.lru_cache(maxsize=4)(make)  # items come one after the other
    _SHARED.append(cached)
    return cast("Call", cached)


def forget() -> None:
    """Let go of all that is shared."""
    for cached in _SHARED:
        cached.cache_clear()
