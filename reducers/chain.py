"""Reads chains of reducers: ``pca128+tsne2(perplexity=50)``.

::

    chain     = link ("+" link)*
    link      = name [number] [ "(" parameter ("," parameter)* ")" ]
    parameter = key "=" value
    value     = integer | decimal | "true" | "false" | word

The number is the number of dimensions that come out. Parameters are those of the reducer's
constructor. Spaces between the parts do not matter. `Chain` is canonical: parameters at their
default are dropped and the rest is sorted, so that two ways to write one thing are one cell.
"""

from __future__ import annotations

import inspect
import math
import re
import typing
from dataclasses import dataclass
from typing import Any

from reducers import reducers
from reducers.reducer import Reducer
from registry import did_you_mean

Value = int | float | bool | str

# Set by the harness, or written as the number behind the name.
RESERVED = ("self", "n_components", "random_state", "n_jobs")

_LINK = re.compile(
    r"\s*(?P<name>[a-z]+(?:-[a-z]+)*)\s*(?P<number>[0-9]{1,9})?\s*"
    r"(?:\((?P<parameters>[^()]*)\))?\s*"
)
_PARAMETER = re.compile(r"\s*(?P<key>[A-Za-z_]\w*)\s*=\s*(?P<value>[\w.+-]+)\s*", re.ASCII)


class ChainError(ValueError):
    """A chain that does not follow the grammar or names what a reducer does not have."""


@dataclass(frozen=True)
class Link:
    """One reducer of a chain with its settings.

    Attributes
    ----------
    name : str
        As registered.
    n_components : int or None
        Dimensions that come out; None for reducers without such a number.
    parameters : tuple of (str, value)
        Those that differ from the reducer's defaults, sorted by name.
    """

    name: str
    n_components: int | None
    parameters: tuple[tuple[str, Value], ...] = ()

    def __str__(self) -> str:
        """Return the canonical text."""
        number = "" if self.n_components is None else str(self.n_components)
        inner = ",".join(f"{key}={_format(value)}" for key, value in self.parameters)
        return f"{self.name}{number}" + (f"({inner})" if inner else "")

    def build(self, random_state: int | None = None, n_jobs: int = 1) -> Reducer:
        """Return the reducer, unfitted; seed and threads go to those that take them."""
        cls = reducers[self.name]
        offered = {
            "n_components": self.n_components,
            "random_state": random_state,
            "n_jobs": n_jobs,
        }
        taken = inspect.signature(cls).parameters
        return cls(
            **{key: value for key, value in offered.items() if key in taken},
            **dict(self.parameters),
        )


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

        Raises
        ------
        ChainError
            If the text does not follow the grammar; the message quotes it.
        UnknownNameError
            If a reducer is not registered.
        """
        parts = _split(text, "+")
        try:
            links = tuple(_parse_link(part) for part in parts)
        except ChainError as error:
            raise ChainError(f"reducer chain {text!r}: {error}") from None
        if len(links) > 1 and any(link.name == "none" for link in links):
            raise ChainError(f"reducer chain {text!r}: none stands alone")
        return cls(links)


def split_chains(text: str) -> list[str]:
    """Split a list of chains at its commas, leaving those within parentheses alone."""
    return [part.strip() for part in _split(text, ",")]


def _split(text: str, separator: str) -> list[str]:
    """Split at separators outside of parentheses."""
    parts, depth = [""], 0
    for character in text:
        depth += (character == "(") - (character == ")")
        if character == separator and depth <= 0:
            parts.append("")
        else:
            parts[-1] += character
    return parts


def _parse_link(text: str) -> Link:
    match = _LINK.fullmatch(text)
    if match is None:
        raise ChainError(
            f"cannot read {text.strip()!r}; a link looks like pca128 or tsne2(perplexity=50)"
        )
    name = match["name"]
    signature = inspect.signature(reducers[name])
    return Link(
        name,
        _dimensions(name, match["number"], signature),
        _parameters(name, match["parameters"], signature),
    )


def _dimensions(name: str, number: str | None, signature: inspect.Signature) -> int | None:
    parameter = signature.parameters.get("n_components")
    if parameter is None:
        if number is not None:
            raise ChainError(f"{name} takes no number of dimensions, found {name}{number}")
        return None
    if number is not None:
        return int(number)
    if parameter.default is inspect.Parameter.empty:
        raise ChainError(f"{name} needs a number of dimensions, such as {name}64")
    return int(parameter.default)


def _parameters(
    name: str, text: str | None, signature: inspect.Signature
) -> tuple[tuple[str, Value], ...]:
    allowed = [key for key in signature.parameters if key not in RESERVED]
    types = typing.get_type_hints(reducers[name].__init__)
    found: dict[str, Value] = {}
    for part in [] if text is None or not text.strip() else text.split(","):
        match = _PARAMETER.fullmatch(part)
        if match is None:
            raise ChainError(f"cannot read {part.strip()!r}; a parameter looks like key=value")
        key = match["key"]
        if key not in allowed:
            has = f"it has {', '.join(allowed)}" if allowed else "it has none"
            raise ChainError(f"{name} has no parameter {key!r}: {did_you_mean(key, allowed)}{has}")
        if key in found:
            raise ChainError(f"{key} is given twice")
        found[key] = _convert(key, match["value"], types.get(key))
    differing = {k: v for k, v in found.items() if v != signature.parameters[k].default}
    return tuple(sorted(differing.items()))


def _convert(key: str, text: str, wanted: Any) -> Value:
    """Read a value as the type that the reducer's constructor asks for."""
    if wanted not in (bool, int, float, str):
        raise ChainError(f"{key} is not annotated with bool, int, float or str and cannot be set")
    try:
        if wanted is bool:
            return {"true": True, "false": False}[text.lower()]
        value: Value = wanted(text)
    except (KeyError, ValueError):
        expected = {bool: "true or false", int: "a whole number", float: "a number"}
        raise ChainError(
            f"{key} must be {expected.get(wanted, wanted.__name__)}, found {text!r}"
        ) from None
    if isinstance(value, float) and not math.isfinite(value):
        raise ChainError(f"{key} must be finite, found {text!r}")
    return value


def _format(value: Value) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, float) and value.is_integer() and abs(value) < 1e15:
        return str(int(value))
    return str(value)
