"""How users write an item with its settings: ``dnn(code=32)``, ``tsne2(perplexity=50)``.

::

    item       = name [parameters]
    parameters = "(" parameter ("," parameter)* ")"
    parameter  = key "=" value
    value      = integer | decimal | "true" | "false" | text | '"' text '"'

Text is a word, a path or another item with its settings (``on(model=dnn(code=32))``); one with a
comma, or with a parenthesis that has no partner, stands in double quotes. Parameters are those of
the item's constructor; one without a default must be given. Spaces between the parts do not
matter. What is read is canonical: parameters at their default are dropped and the rest is sorted,
so that two ways to write one thing are one pipeline. Like `registry`, this module stands beside
all rooms.
"""

from __future__ import annotations

import functools
import inspect
import math
import re
import typing
from collections.abc import Callable, Collection
from dataclasses import dataclass
from typing import Any

from bench.base.errors import show_value
from bench.base.registry import Registry, did_you_mean

Value = int | float | bool | str
Parameters = tuple[tuple[str, Value], ...]

DIGITS = 20  # of a whole number that is read
_PARAMETER = re.compile(r"\s*(?P<key>[A-Za-z_]\w*)\s*=\s*(?P<value>\S|\S.*\S)\s*", re.ASCII)
_ANY_NUMBER = (inspect.Parameter.VAR_POSITIONAL, inspect.Parameter.VAR_KEYWORD)
_PLAIN = re.compile(r"[\w.+-]+", re.ASCII)  # a number or truth value
_ITEM = re.compile(r"\s*(?P<name>[^\s()]*)\s*(?:\((?P<parameters>.*)\))?\s*", re.DOTALL)


class GrammarError(ValueError):
    """A text that does not follow the grammar, or names a parameter that an item has not."""


@dataclass(frozen=True)
class Written:
    """An item with its settings; ``str(written)`` is its canonical text.

    ``parameters`` are those that differ from the item's defaults, sorted by name.
    """

    name: str
    parameters: Parameters = ()

    def __str__(self) -> str:
        """Return the canonical text."""
        return f"{self.name}{write_parameters(self.parameters)}"


def split(text: str, separator: str) -> list[str]:
    """Split at separators outside of parentheses and double quotes."""
    parts, depth, quoted = [""], 0, False
    for character in text:
        quoted ^= character == '"'
        if not quoted:
            depth += (character == "(") - (character == ")")
        if character == separator and depth <= 0 and not quoted:
            parts.append("")
        else:
            parts[-1] += character
    return parts


def split_list(text: str) -> list[str]:
    """Split a list at its commas, leaving those within parentheses alone."""
    return [part.strip() for part in split(text, ",")]


def read_item(
    registry: Registry[Any], text: str, reserved: Callable[[Any], Collection[str]]
) -> tuple[str, Parameters]:
    """Read the name of a registered item and its parameters, such as ``dnn(code=32)``.

    ``reserved`` returns the parameters of an item that the harness sets. `GrammarError` quotes a
    text that does not follow the grammar; `UnknownNameError` names an item that is not there.
    """
    if (reserved, text) in registry.read:
        known: tuple[str, Parameters] = registry.read[reserved, text]
        return known
    match = _ITEM.fullmatch(text)
    if match is None or not _is_balanced(match["parameters"] or ""):
        raise GrammarError(
            f"{registry.kind} {show_value(text)}: cannot be read; one looks like name or "
            "name(key=value)"
        )
    entry = registry.entry(match["name"])
    try:
        found = read_parameters(entry.name, match["parameters"], entry.item, reserved(entry.item))
    except GrammarError as error:
        raise GrammarError(f"{registry.kind} {show_value(text)}: {error}") from None
    if entry.name == match["name"]:  # of a former name there is a warning, each time
        registry.read[reserved, text] = entry.name, found
    return entry.name, found


# What an item's constructor takes; found once, since a plan asks for it for every run.
signature_of: Callable[[Any], inspect.Signature] = functools.cache(inspect.signature)


@functools.cache
def _types_of(item: Any) -> dict[str, Any]:
    return typing.get_type_hints(item.__init__)


def read_parameters(
    name: str, text: str | None, item: Callable[..., Any], reserved: Collection[str]
) -> Parameters:
    """Read what stands between the parentheses behind a name; see `Written` for what is returned.

    The item's constructor says which there are, and of which type; ``reserved`` are not users' to
    set.
    """
    return _read_once(name, text, item, tuple(reserved))


def _read(
    name: str, text: str | None, item: Callable[..., Any], reserved: Collection[str]
) -> Parameters:
    signature = signature_of(item)
    # What stands for any number of arguments (*args, **more) is none that can be written.
    allowed = [
        key
        for key, parameter in signature.parameters.items()
        if key not in reserved and parameter.kind not in _ANY_NUMBER
    ]
    types = _types_of(item)
    found: dict[str, Value] = {}
    for part in [] if text is None or not text.strip() else split(text, ","):
        match = _PARAMETER.fullmatch(part)
        if match is None or not (
            types.get(match["key"]) is str or _PLAIN.fullmatch(match["value"])
        ):
            raise GrammarError(
                f"cannot read {show_value(part.strip())}; a parameter looks like key=value"
            )
        key = match["key"]
        if key not in allowed:
            has = f"it has {', '.join(allowed)}" if allowed else "it has none"
            raise GrammarError(
                f"{name} has no parameter {key!r}: {did_you_mean(key, allowed)}{has}"
            )
        if key in found:
            raise GrammarError(f"{key} is given twice")
        found[key] = _convert(key, match["value"], types.get(key))
    defaults = {key: signature.parameters[key].default for key in allowed}
    for key in allowed:
        if defaults[key] is inspect.Parameter.empty and key not in found:
            raise GrammarError(f"{name} needs {key}: write {name}({key}=...)")
    differing = {key: value for key, value in found.items() if value != defaults[key]}
    return tuple(sorted(differing.items()))


# A plan asks for the same few for every run.
_read_once: Callable[..., Parameters] = functools.lru_cache(maxsize=4096)(_read)


def build(item: Callable[..., Any], parameters: Parameters, **offered: Any) -> Any:
    """Call an item with its parameters, and with those on offer that its constructor takes."""
    taken = signature_of(item).parameters
    return item(**{k: v for k, v in offered.items() if k in taken}, **dict(parameters))


def write_parameters(parameters: Parameters) -> str:
    """Return parameters as they are read, parentheses included; nothing where there are none."""
    inner = ",".join(f"{key}={_format(value)}" for key, value in parameters)
    return f"({inner})" if inner else ""


def _convert(key: str, text: str, wanted: Any) -> Value:
    """Read a value as the type that the constructor asks for."""
    if wanted not in (bool, int, float, str):
        raise GrammarError(f"{key} is not annotated with bool, int, float or str and cannot be set")
    if wanted is str:
        return _read_text(key, text)
    if wanted is int and len(text) > DIGITS:
        raise GrammarError(f"{key} must have up to {DIGITS} digits, found {show_value(text)}")
    try:
        if wanted is bool:
            return {"true": True, "false": False}[text.lower()]
        value: Value = wanted(text)
    except (KeyError, ValueError):
        expected = {
            bool: "true or false",
            int: "a whole number",
            float: "a number",
        }
        raise GrammarError(
            f"{key} must be {expected.get(wanted, wanted.__name__)}, found {show_value(text)}"
        ) from None
    if isinstance(value, float) and not math.isfinite(value):
        raise GrammarError(f"{key} must be finite, found {show_value(text)}")
    return value


def _read_text(key: str, text: str) -> str:
    inner = text[1:-1] if len(text) > 1 and text[0] == text[-1] == '"' else text
    if '"' in inner:
        raise GrammarError(
            f"{key}: a double quote cannot be part of a value, found {show_value(text)}"
        )
    return inner


def _is_balanced(text: str) -> bool:
    """Tell whether each parenthesis outside of quotes has its partner."""
    depth = 0
    for character in "".join(text.split('"')[::2]):
        depth += (character == "(") - (character == ")")
        if depth < 0:
            return False
    return depth == 0 and text.count('"') % 2 == 0


def _format(value: Value) -> str:
    if isinstance(value, str):
        bare = value.strip() == value != "" and _is_balanced(value) and len(split(value, ",")) == 1
        return value if bare else f'"{value}"'
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, float) and value.is_integer() and abs(value) < 1e15:
        return str(int(value))
    return str(value)
