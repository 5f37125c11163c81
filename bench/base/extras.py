"""Items that need what an installation may lack: listed, and refused in one line.

An item says so by two attributes, `requires` (modules, by the names they are imported by) and
`extra` (the extra of latentgrid that installs them); one without them needs nothing more. Classes
declare them, functions are given them by `needs`.
"""

from __future__ import annotations

import importlib.util
from collections.abc import Callable
from typing import Any, TypeVar

from bench.base.registry import Registry

T = TypeVar("T", bound=Callable[..., Any])


def needs(*requires: str, extra: str) -> Callable[[T], T]:
    """Return a decorator that gives a function `requires` and `extra`."""

    def give(function: T) -> T:
        function.__dict__.update(requires=requires, extra=extra)
        return function

    return give


def missing(item: Any) -> list[str]:
    """Return the modules that an item requires and that are not there; nothing is imported."""
    required = getattr(item, "requires", ())
    return [name for name in required if not _is_installed(name)]


def _is_installed(module: str) -> bool:
    # A folder of that name beside the user's files is found as well, but has no origin.
    spec = importlib.util.find_spec(module)
    return spec is not None and spec.origin is not None


def how_to_install(item: Any) -> str:
    """Return the command that installs what an item lacks; empty where it lacks nothing."""
    lacking = missing(item)
    extra = getattr(item, "extra", "")
    of = f" (latentgrid's extra [{extra}])" if extra else ""
    return f"pip install {' '.join(lacking)}{of}" if lacking else ""


def require(registry: Registry[Any], name: str) -> None:
    """Refuse an item that lacks what it requires.

    Raises
    ------
    ValueError
        In one line, with the command that installs it.
    """
    item = registry[name]
    lacking = missing(item)
    if lacking:
        packages = "the package" if len(lacking) == 1 else "the packages"
        are = "which is" if len(lacking) == 1 else "which are"
        raise ValueError(
            f"{registry.kind} {name} needs {packages} {' and '.join(lacking)}, {are} not "
            f"installed: {how_to_install(item)}"
        )
