"""Reads models as users write them: ``dnn``, ``dnn(code=32)``.

Which parameters there are, the model's constructor says. What they make is a class again, whose
constructor takes the image shape alone.
"""

from __future__ import annotations

import functools
import hashlib
from pathlib import Path
from typing import Any

from bench.base.files import regular
from bench.base.grammar import Parameters, Written, read_item, signature_of
from models import autoencoders
from models.autoencoder import Autoencoder
from models.untrained import untrained_name

# What a constructor names so is the number of clusters that the grid seeks; not users' to write.
CLUSTERS = "clusters"


class Named(Written):
    """A model with its settings."""

    @classmethod
    def parse(cls, text: str) -> Named:
        """Read a model; raises what `bench.base.grammar.read_item` raises."""
        return cls(*read_item(autoencoders, text, _reserved))

    @property
    def needs_clusters(self) -> bool:
        """Whether the model is given the number of clusters that are sought."""
        return CLUSTERS in signature_of(autoencoders[self.name]).parameters

    @property
    def untrained(self) -> str | None:
        """The same model untrained, as users write it; None where there is no such variant."""
        name = untrained_name(self.name)
        trains = getattr(autoencoders[self.name], "trains", False)
        return str(Named(name, self.parameters)) if trains and name in autoencoders else None

    @property
    def family(self) -> str:
        """What the model's initial weights are drawn for."""
        return getattr(autoencoders[self.name], "family", None) or self.name

    def item(self, clusters: int | None = None) -> type[Autoencoder]:
        """Return the class with its settings; a model that `needs_clusters` is given ``clusters``.

        None stands for its own default. Raise `ValueError` for settings that cannot work.
        """
        settings = dict(self.parameters)
        item: Any = autoencoders[self.name]
        attributes = getattr(item, "attributes", dict)(**settings)
        if clusters is not None and self.needs_clusters:
            settings[CLUSTERS] = clusters
        if not settings and not attributes:
            return item
        made: type[Autoencoder] = _with(
            item, tuple(sorted(settings.items())), tuple(sorted(attributes.items()))
        )
        return made


def find(text: str, clusters: int | None = None) -> type[Autoencoder]:
    """Return the class that a text such as ``dnn(code=32)`` stands for; see `Named`."""
    return Named.parse(text).item(clusters)


def needed_settings(name: str) -> list[str]:
    """Return the settings that a registered model must be given, since they have no default."""
    item = autoencoders[name]
    return [
        parameter.name
        for parameter in signature_of(item).parameters.values()
        if parameter.name not in _reserved(item)
        and parameter.default is parameter.empty
        and parameter.kind not in (parameter.VAR_POSITIONAL, parameter.VAR_KEYWORD)
    ]


def fingerprint(item: type[Autoencoder]) -> str | None:
    """Return a hash of the files that a model reads; None where it reads none.

    Raises
    ------
    ValueError
        If one cannot be read.
    """
    files = getattr(item, "files", ())
    try:
        stamps = [(path, path.stat().st_size, path.stat().st_mtime_ns) for path in files]
        return _hash(tuple(stamps)) if stamps else None
    except OSError as error:
        raise ValueError(f"cannot read {error.filename}: {error.strerror}") from None


@functools.cache
def _hash(stamps: tuple[tuple[Path, int, int], ...]) -> str:
    """Hash the names and contents of files; size and time tell one that has changed."""
    digest = hashlib.sha256()
    for path, _, _ in stamps:
        with open(regular(path), "rb") as file:
            content = hashlib.file_digest(file, "sha256").hexdigest()
        digest.update(f"{path.name} {content}\n".encode())
    return digest.hexdigest()


def _reserved(item: Any) -> tuple[str, ...]:
    return (*list(signature_of(item).parameters)[:1], CLUSTERS)


@functools.cache
def _with(item: Any, settings: Parameters, attributes: tuple[tuple[str, Any], ...]) -> Any:
    """Derive a class whose constructor has these settings made; one class for the same ones."""

    def build(self: Any, image_shape: Any) -> None:
        item.__init__(self, image_shape, **dict(settings))

    made = {"__init__": build, "__doc__": item.__doc__, "__module__": item.__module__}
    # Of its text there is none: it is kept by its original's, and by the settings in its name.
    return type(item.__name__, (item,), made | dict(attributes) | {"original": item})
