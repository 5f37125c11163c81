"""Names of engines: what ``--engine`` takes."""

from __future__ import annotations

import importlib.util
import re

from bench.base.errors import UsageError

LOCAL, INLINE, DASK = "local", "inline", "dask"
_SCHEDULER = re.compile(r"dask:((?:tcp|tls|ws|wss|ucx)://[^\s/]+:([0-9]{1,5}))")


def check(engine: str) -> str:
    """Return the name of an engine, installed or not.

    Raises
    ------
    ValueError
        If there is none of that name.
    """
    if engine not in (LOCAL, INLINE, DASK) and scheduler_of(engine) is None:
        raise ValueError(
            "must be local, inline, dask or dask:tcp://HOST:PORT (a running scheduler), found "
            f"{engine!r}"
        )
    return engine


def require(engine: str) -> None:
    """Refuse an engine whose requirements are not installed, once there is work for it.

    Results of a cluster can be exported and used where there is no Dask.

    Raises
    ------
    UsageError
    """
    if engine not in (LOCAL, INLINE) and importlib.util.find_spec("distributed") is None:
        raise UsageError(
            f"engine: {engine} needs Dask, which is not installed: pip install "
            "'dask[distributed]' (latentgrid's extra [cluster])"
        )


def scheduler_of(engine: str) -> str | None:
    """Return the address of the running scheduler that an engine's name holds, None without."""
    match = _SCHEDULER.fullmatch(engine)
    return match[1] if match and 0 < int(match[2]) < 2**16 else None
