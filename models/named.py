"""Reads models as users write them: ``dnn``, ``dnn(code=32)``.

::

    model = name [parameters]

The parameters are those of `grammar`; which there are, the model's constructor says. What they
make is a class again, whose constructor takes the image shape alone.
"""

from __future__ import annotations

import functools
import inspect
import re
from dataclasses import dataclass
from typing import Any

from grammar import GrammarError, Parameters, read_parameters, write_parameters
from models import autoencoders
from models.autoencoder import Autoencoder
from models.untrained import untrained_name

# What a constructor names so is the number of clusters that the grid seeks; not users' to write.
CLUSTERS = "clusters"

_MODEL = re.compile(r"\s*(?P<name>[^\s()]*)\s*(?:\((?P<parameters>[^()]*)\))?\s*")


class ModelError(GrammarError):
    """A model that does not follow the grammar, or names a parameter that it has not."""


@dataclass(frozen=True)
class Named:
    """A model with its settings; ``str(named)`` is its canonical text.

    Attributes
    ----------
    name : str
        As registered.
    parameters : tuple of (str, value)
        Those that differ from the model's defaults, sorted by name.
    """

    name: str
    parameters: Parameters = ()

    def __str__(self) -> str:
        """Return the canonical text."""
        return f"{self.name}{write_parameters(self.parameters)}"

    @classmethod
    def parse(cls, text: str) -> Named:
        """Read a model.

        Raises
        ------
        ModelError
            If the text does not follow the grammar; the message quotes it.
        UnknownNameError
            If the model is not registered.
        """
        match = _MODEL.fullmatch(text)
        if match is None:
            raise ModelError(f"model {text!r}: cannot be read; one looks like dnn or dnn(code=32)")
        item = autoencoders[match["name"]]
        try:
            found = read_parameters(match["name"], match["parameters"], item, _reserved(item))
        except GrammarError as error:
            raise ModelError(f"model {text!r}: {error}") from None
        return cls(match["name"], found)

    @property
    def needs_clusters(self) -> bool:
        """Whether the model is told how many clusters are sought."""
        return CLUSTERS in inspect.signature(autoencoders[self.name]).parameters

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
        """Return the class, its settings made.

        Parameters
        ----------
        clusters : int or None
            How many are sought, for a model that `needs_clusters`; None: its own default.
        """
        settings = dict(self.parameters)
        if clusters is not None and self.needs_clusters:
            settings[CLUSTERS] = clusters
        item: Any = autoencoders[self.name]
        made: type[Autoencoder] = _with(item, tuple(sorted(settings.items())))
        return made if settings else item


def find(text: str, clusters: int | None = None) -> type[Autoencoder]:
    """Return the class that a text such as ``dnn(code=32)`` stands for; see `Named`."""
    return Named.parse(text).item(clusters)


def _reserved(item: Any) -> tuple[str, ...]:
    return (*list(inspect.signature(item).parameters)[:1], CLUSTERS)


@functools.cache
def _with(item: Any, settings: Parameters) -> Any:
    """Derive a class whose constructor has these settings made; one class for the same ones."""

    def build(self: Any, image_shape: Any) -> None:
        item.__init__(self, image_shape, **dict(settings))

    made = {"__init__": build, "__doc__": item.__doc__, "__module__": item.__module__}
    # Of its text there is none: it is kept by its original's, and by the settings in its name.
    return type(item.__name__, (item,), made | {"original": item})
