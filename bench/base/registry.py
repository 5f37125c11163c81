"""The one way things get a name.

Autoencoders, reducers, clusterers and data sets are each kept in a `Registry`. An item is
registered by a decorator in a file of its own; the files of the registry's package are imported
the first time somebody asks for a name, and so are the entry points of other packages.
"""

from __future__ import annotations

import difflib
import importlib
import importlib.util
import pkgutil
import re
import sys
import warnings
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from importlib.metadata import entry_points
from pathlib import Path
from typing import Any, Generic, TypeVar

from bench.base.errors import UsageError, show_value
from bench.base.files import is_file

T = TypeVar("T", bound=Callable[..., Any])


class UnknownNameError(ValueError):
    """A name that nothing was registered under; the message suggests the nearest."""


class PluginError(UsageError, ValueError):
    """A plugin file that is missing or fails."""


class DuplicateNameError(ValueError):
    """A second item under a name that is taken."""


def did_you_mean(wrong: str, allowed: Iterable[str]) -> str:
    """Return a hint such as ``did you mean 'pca'? `` for a near miss, else an empty string."""
    near = difflib.get_close_matches(wrong, list(allowed), n=1, cutoff=0.5)
    return f"did you mean {near[0]!r}? " if near else ""


@dataclass(frozen=True)
class Entry(Generic[T]):
    """A registered item."""

    name: str
    summary: str
    item: T
    origin: str | None = None


# Makes an item's variant, or None where there is none.
Variant = Callable[[Entry[T]], Entry[T] | None]


class Registry(Generic[T]):
    """Names and the items behind them.

    Parameters
    ----------
    kind : str
        What one item is called in messages: ``"model"``, ``"reducer"``, ``"data set"``.
    package : str
        The package whose modules register the built-in items; other packages may register theirs
        under the entry point group ``latentgrid.<last part of package>``.
    variant : callable or None
        Given the entry of a registered item, makes that of a second one, which is then there
        under its own name as well; variants have no variants.
    """

    def __init__(
        self,
        kind: str,
        package: str,
        pattern: str = r"[a-z][a-z0-9]*(-[a-z0-9]+)*",
        variant: Variant[T] | None = None,
    ) -> None:
        self.kind = kind
        self.package = package
        self.entry_point_group = f"latentgrid.{package.rpartition('.')[2]}"
        self._pattern = re.compile(pattern)
        self._variant = variant
        self._entries: dict[str, Entry[T]] = {}
        self._variants: dict[str, Entry[T]] = {}
        self._former: dict[str, str] = {}  # names of the release before, and those of today
        self._loaded = False
        # What texts that name entries were read as; emptied when there are others.
        self.read: dict[Any, Any] = {}

    def register(self, name: str, summary: str, formerly: str | None = None) -> Callable[[T], T]:
        """Return a decorator that registers an item, and its variant where it has one.

        A variant that is registered in the file of the item itself replaces the one that would be
        made. A name that another item has raises `DuplicateNameError`; a name or a summary that
        does not have the form asked for raises `ValueError`.

        ``name`` is in lower case, words joined by hyphens; ``summary`` is one line for ``--list``;
        ``formerly`` is the name in the release before, which is still read, with a warning.
        """
        if not self._pattern.fullmatch(name):
            raise ValueError(f"{self.kind} name {name!r} does not match {self._pattern.pattern}")
        if not summary.strip() or "\n" in summary:
            raise ValueError(f"{self.kind} {name!r} needs a summary of one line")

        def add(item: T) -> T:
            taken = self._find(name)
            if taken and not (taken.origin and taken.item.__module__ == item.__module__):
                raise DuplicateNameError(
                    f"{self.kind} {name!r} is registered twice: by "
                    f"{taken.item.__module__} and by {item.__module__}"
                )
            entry = Entry(name, summary, item)
            variant = self._variant(entry) if self._variant else None
            self.read.clear()
            self._entries[name] = entry
            if variant:
                self._variants[variant.name] = variant
            if formerly:
                self._former[formerly] = name
                old = self._variant(replace(entry, name=formerly)) if self._variant else None
                if variant and old:
                    self._former[old.name] = variant.name
            return item

        return add

    def unregister(self, name: str) -> None:
        """Forget an item and its variant (for tests and notebooks that define one again)."""
        self.read.clear()
        del self._entries[name]
        self._variants = {key: v for key, v in self._variants.items() if v.origin != name}

    def __getitem__(self, name: str) -> T:
        """Return the item, or raise `UnknownNameError` with the nearest name."""
        return self.entry(name).item

    def entry(self, name: str) -> Entry[T]:
        """Return name, summary and item, or raise `UnknownNameError` with the nearest name."""
        self._load()
        if name in self._former:
            now = self._former[name]
            warnings.warn(
                f"{self.kind} {name} is now called {now}; the next release drops the old name",
                FutureWarning,
                stacklevel=2,
            )
            name = now
        found = self._find(name)
        if found is None:
            known = self.names()
            raise UnknownNameError(
                f"unknown {self.kind} {show_value(name)}: {did_you_mean(name, known)}"
                f"known are {', '.join(known)}"
            )
        return found

    def __iter__(self) -> Iterator[Entry[T]]:
        """Iterate over entries by name, variants among them."""
        self._load()
        entries = self._variants | self._entries
        return iter(sorted(entries.values(), key=lambda entry: entry.name))

    def __contains__(self, name: str) -> bool:
        """Tell whether there is an item of this name."""
        self._load()
        return self._find(name) is not None or name in self._former

    def names(self) -> list[str]:
        """Return all names, sorted."""
        return [entry.name for entry in self]

    def _find(self, name: str) -> Entry[T] | None:
        return self._entries.get(name) or self._variants.get(name)

    def _load(self) -> None:
        if self._loaded:
            return
        self._loaded = True
        package = importlib.import_module(self.package)
        for module in pkgutil.iter_modules(package.__path__):
            importlib.import_module(f"{self.package}.{module.name}")
        for point in entry_points(group=self.entry_point_group):
            try:
                point.load()
            except Exception as error:  # somebody else's package: said, and gone on without
                warnings.warn(
                    f"{self.kind} entry point {point.name} = {point.value} was skipped: "
                    f"{type(error).__name__}: {error}",
                    stacklevel=2,
                )


def load_plugin(path: Path) -> None:
    """Run a Python file that registers items; a file that was loaded already is left alone.

    Its code runs with all rights of the caller: name only files that you trust.
    """
    if not is_file(path):
        raise PluginError(f"no such plugin file: {path}")
    name = f"latentgrid_plugin_{re.sub(r'[^0-9A-Za-z]', '_', str(path.resolve()))}"
    if name in sys.modules:
        return
    spec = importlib.util.spec_from_file_location(name, path)
    if spec is None or spec.loader is None:
        raise PluginError(f"plugin {path} is not a Python file (its name must end in .py)")
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    try:
        spec.loader.exec_module(module)
    except BaseException as error:
        del sys.modules[name]
        if isinstance(error, KeyboardInterrupt):
            raise
        raise PluginError(f"plugin {path} failed with {type(error).__name__}: {error}") from error
