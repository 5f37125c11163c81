"""What ``--engine`` may say."""

from __future__ import annotations

import importlib.util
import re

LOCAL, DASK = "local", "dask"
_SCHEDULER = re.compile(r"dask:((?:tcp|tls|ws|wss|ucx)://[^\s/]+:([0-9]{1,5}))")


def check(engine: str) -> str:
    """Return the name of an engine.

    Raises
    ------
    ValueError
        If there is none of that name, or what it needs is not installed.
    """
    if engine not in (LOCAL, DASK) and scheduler_of(engine) is None:
        raise ValueError(
            f"must be local, dask or dask:tcp://HOST:PORT (a running scheduler), found {engine!r}"
        )
    if engine != LOCAL and importlib.util.find_spec("distributed") is None:
        raise ValueError(
            f"{engine} needs Dask, which is not installed: pip install 'dask[distributed]' "
            "(latentgrid's extra [cluster])"
        )
    return engine


def scheduler_of(engine: str) -> str | None:
    """Return the address of the running scheduler that an engine's name holds, None without."""
    match = _SCHEDULER.fullmatch(engine)
    return match[1] if match and 0 < int(match[2]) < 2**16 else None
