"""What a page is made from and takes long to make, kept in the store for the next page."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bench.base import keys
from bench.base.errors import UsageError
from bench.store import DamagedError, Store, StoreError

Arrays = dict[str, NDArray[Any]]


def kept(
    store: Store, stage: str, key: str, code: Sequence[Any], make: Callable[[], Arrays], **more: Any
) -> Arrays:
    """Return arrays that the store keeps, or make them and keep them.

    Parameters
    ----------
    store : Store
        One that cannot be written, as somebody else's, keeps nothing. What it has and cannot be
        read is made again.
    stage, key : str
        Where they are: the key is that of the artifact that they are made from, so that both are
        pruned together.
    code : sequence
        Functions, classes and modules that make them; see `bench.base.keys.source`.
    make : callable
    **more
        What else they depend on; JSON.
    """
    inputs = more | {"code": keys.source(*code)}
    if (stage, key) in store:
        with suppress(DamagedError, StoreError):
            found = store.load(stage, key)
            if found.inputs == inputs:
                return found.arrays()
    arrays = make()
    with suppress(StoreError, UsageError), store.lock(key):
        store.save(stage, key, arrays, {}, inputs, replace=True)
    return arrays


def joined(parts: Sequence[bytes]) -> Arrays:
    """Return files as arrays, which `apart` takes apart again."""
    ends = np.cumsum([len(part) for part in parts], dtype=np.int64)
    return {"bytes": np.frombuffer(b"".join(parts), np.uint8), "ends": ends}


def apart(arrays: Arrays) -> list[bytes]:
    """Return the files that `joined` was given."""
    return [part.tobytes() for part in np.split(arrays["bytes"], arrays["ends"][:-1])]
