"""Reads chains of reducers: ``pca128+tsne2(perplexity=50)``.

::

    chain = link ("+" link)*
    link  = name [number] [parameters]

The number is the number of dimensions that come out; parameters are those of `grammar`.
"""

from __future__ import annotations

import inspect
import re
from dataclasses import dataclass

from bench.base.checks import MOST_SETTING
from bench.base.errors import show_value
from bench.base.grammar import (
    GrammarError,
    Parameters,
    build,
    read_parameters,
    signature_of,
    split,
    write_parameters,
)
from bench.base.registry import UnknownNameError
from reducers import reducers
from reducers.reducer import Reducer

# Set by the harness, or written as the number behind the name.
RESERVED = ("self", "n_components", "random_state", "n_jobs", "device")

_LINK = re.compile(
    r"\s*(?P<name>[a-z]+(?:-[a-z]+)*)\s*(?P<number>[0-9]{1,9})?\s*"
    r"(?:\((?P<parameters>[^()]*)\))?\s*"
)


class ChainError(GrammarError):
    """A chain that does not follow the grammar or names what a reducer does not have."""


@dataclass(frozen=True)
class Link:
    """One reducer of a chain with its settings."""

    name: str  # as registered
    n_components: int | None  # dimensions that come out; None for reducers without such a number
    parameters: Parameters = ()  # those that differ from the reducer's defaults, sorted by name

    def __str__(self) -> str:
        """Return the canonical text."""
        number = "" if self.n_components is None else str(self.n_components)
        return f"{self.name}{number}{write_parameters(self.parameters)}"

    @property
    def on_device(self) -> bool:
        """Whether the reducer works where models train."""
        return "device" in signature_of(reducers[self.name]).parameters

    @property
    def in_words(self) -> str:
        """What people call it: ``PCA 128``, and ``t-SNE`` where two dimensions come out."""
        title = getattr(reducers[self.name], "title", "") or self.name
        many = self.n_components is not None and self.n_components > 2
        return f"{title} {self.n_components}" if many else title

    def build(
        self, random_state: int | None = None, n_jobs: int = 1, device: str = "cpu"
    ) -> Reducer:
        """Return the reducer, unfitted; seed, threads and device go to those that take them."""
        given = {"random_state": random_state, "n_jobs": n_jobs, "device": device}
        made: Reducer = build(
            reducers[self.name], self.parameters, n_components=self.n_components, **given
        )
        return made


@dataclass(frozen=True)
class Chain:
    """A chain of reducers; ``str(chain)`` is its canonical text."""

    links: tuple[Link, ...]

    def __str__(self) -> str:
        """Return the canonical text."""
        return "+".join(str(link) for link in self.links)

    @classmethod
    def parse(cls, text: str) -> Chain:
        """Read a chain.

        Raises `ChainError`, which quotes the text, if it does not follow the grammar, and
        `UnknownNameError` if a reducer is not registered.
        """
        if text in reducers.read:
            kept: Chain = reducers.read[text]
            return kept
        try:
            links = tuple(_parse_link(part) for part in split(text, "+"))
        except GrammarError as error:
            raise ChainError(f"reducer chain {show_value(text)}: {error}") from None
        if len(links) > 1 and any(link.name == "none" for link in links):
            raise ChainError(
                f"reducer chain {show_value(text)}: none cannot be combined with others"
            )
        found = cls(links)
        if str(found) == text:  # of a former name there is a warning, each time
            reducers.read[text] = found
        return found


def chain_in_words(text: str) -> str:
    """Return a chain as people say it: ``pca128+tsne2`` is ``PCA 128 and t-SNE``.

    A chain that cannot be read, such as one of a plugin that is not loaded, stays as it is.
    """
    try:
        words = [link.in_words for link in Chain.parse(text).links]
    except (ChainError, UnknownNameError):
        return text
    *before, last = words
    return f"{', '.join(before)} and {last}" if before else last


def _parse_link(text: str) -> Link:
    match = _LINK.fullmatch(text)
    if match is None:
        raise ChainError(
            f"cannot read {show_value(text.strip())}; a link looks like pca128 or "
            "tsne2(perplexity=50)"
        )
    name = reducers.entry(match["name"]).name
    signature = signature_of(reducers[name])
    return Link(
        name,
        _dimensions(name, match["number"], signature),
        read_parameters(name, match["parameters"], reducers[name], RESERVED),
    )


def _dimensions(name: str, number: str | None, signature: inspect.Signature) -> int | None:
    parameter = signature.parameters.get("n_components")
    if parameter is None:
        if number is not None:
            raise ChainError(f"{name} takes no number of dimensions, found {name}{number}")
        return None
    if number is not None:
        if int(number) > MOST_SETTING:
            raise ChainError(f"{name} takes up to {MOST_SETTING} dimensions, found {number}")
        return int(number)
    if parameter.default is inspect.Parameter.empty:
        raise ChainError(f"{name} needs a number of dimensions, such as {name}64")
    return int(parameter.default)
