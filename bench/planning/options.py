"""The options of a command that are settings of a grid, made from their declarations."""

from __future__ import annotations

import functools
import inspect
import types
import typing
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Annotated, Any

import typer
from pydantic.fields import FieldInfo

from bench.planning.settings import PANELS, GridSettings

Command = Callable[..., int]


def takes_settings(
    names: Iterable[str] | None = None, texts: Mapping[str, str] | None = None
) -> Callable[[Command], Command]:
    """Return a decorator that gives a command options for settings of a grid, by default for all.

    The command is called with its own options, and with the settings that were given as the
    dictionary ``settings``. Their values are text if pydantic can read them, since its messages
    name the setting. ``texts`` replace help texts by name.
    """
    fields, texts = GridSettings.model_fields, texts or {}
    chosen, panels = list(names or fields), names is None

    def decorate(command: Command) -> Command:
        own = dict(inspect.signature(command, eval_str=True).parameters)
        del own["settings"]
        made = [_option(name, fields[name], panels, texts.get(name)) for name in chosen]

        @functools.wraps(command)
        def call(**given: Any) -> int:
            settings = {name: given.pop(name) for name in chosen}
            found = {name: value for name, value in settings.items() if value not in (None, [])}
            return command(**given, settings=found)

        parameters = sorted([*own.values(), *made], key=_panel)
        call.__dict__["__signature__"] = inspect.Signature(
            [p.replace(kind=inspect.Parameter.KEYWORD_ONLY) for p in parameters]
        )
        call.__annotations__ = {each.name: each.annotation for each in parameters}
        return call

    return decorate


def flag_of(name: str) -> str:
    """Return the option of a setting, such as ``--batch-size``."""
    extra: Any = GridSettings.model_fields[name].json_schema_extra
    return extra["flag"] or f"--{name.replace('_', '-')}"


def _option(name: str, field: FieldInfo, panels: bool, text: str | None) -> inspect.Parameter:
    extra: Any = field.json_schema_extra
    flag, kind = flag_of(name), _kind(field.annotation)
    option = typer.Option(
        f"{flag}/--no-{flag[2:]}" if kind is bool else flag,
        help=text or field.description,
        rich_help_panel=extra["panel"] if panels else None,
        metavar=extra["metavar"] or None,
        show_default=False,
    )
    made: Any = Annotated[kind | None, option]
    return inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY, default=None, annotation=made)


def _kind(annotation: Any) -> Any:
    """Return the type that the command line reads; pydantic reads what is text to it."""
    if isinstance(annotation, types.UnionType):
        annotation = annotation.__args__[0]
    if annotation in (bool, Path):
        return annotation
    return list[Path] if typing.get_args(annotation)[:1] == (Path,) else str


def _panel(parameter: inspect.Parameter) -> int:
    """Return where a parameter stands in the help: arguments first, panels in their order."""
    (info,) = [each for each in parameter.annotation.__metadata__ if hasattr(each, "help")]
    panel = info.rich_help_panel
    if isinstance(info, typer.models.ArgumentInfo):
        return -1
    return PANELS.index(panel) if panel in PANELS else len(PANELS)
