"""What is written about the settings elsewhere, made from their declarations."""

from __future__ import annotations

import textwrap
import types
from typing import Annotated, Any, Literal, get_args, get_origin

from bench.planning.options import flag_of
from bench.planning.presets import PRESETS
from bench.planning.settings import PANELS, GridSettings

INTRODUCTION = """\
# Settings

*Made by `python docs/settings.py` from the declarations in bench/planning/settings.py.*

A grid has these settings. Each is an option of `latentgrid grid`, a line of a TOML file
(`--config FILE`; each grid writes its settings as grid.toml), and an argument of `bench.run_grid`.
Options override the file, and both override the preset. On the command line, the items of a list
are separated by commas. In a file and in Python, a list can also be written as a list.

Plugins are Python files that run with all your rights, and a configuration file may come from
somebody else. If the file names plugins, `latentgrid grid` shows their names and asks before it
runs them; without a terminal it stops. `--trust-plugins` (in Python `trust_plugins=True`) runs them
without asking. If you give `--plugin`, the plugins of the file do not count. The commands that open
a results folder, such as `report` and `export`, never run the plugins that it names.
"""


def docstring() -> str:
    """Return the settings as parameters of a NumPy docstring."""
    return "\n".join(
        f"    {name} : {_kind(field.annotation)}\n"
        + textwrap.indent(textwrap.fill(str(field.description), 91), " " * 8)
        for name, field in GridSettings.model_fields.items()
    )


def page() -> str:
    """Return docs/settings.md."""
    parts = [INTRODUCTION]
    for panel in PANELS:
        parts += [f"\n## {panel}\n\n", "| name | option | value | default | meaning |\n"]
        parts.append("|---|---|---|---|---|\n")
        for name, field in GridSettings.model_fields.items():
            extra: Any = field.json_schema_extra
            if extra["panel"] == panel:
                cells = [name, _option(name), _kind(field.annotation), _default(name)]
                row = " | ".join([*(f"`{cell}`" if cell else "" for cell in cells)])
                parts.append(f"| {row} | {field.description} |\n")
    parts.append("\n## Presets\n\n| name | purpose | settings |\n|---|---|---|\n")
    for name, preset in PRESETS.items():
        given = ", ".join(f"{key} = {_text(value)}" for key, value in preset.settings.items())
        parts.append(f"| `{name}` | {preset.summary} | `{given}` |\n")
    return "".join(parts)


def _option(name: str) -> str:
    flag = flag_of(name)
    field = GridSettings.model_fields[name]
    extra: Any = field.json_schema_extra
    return f"{flag} {extra['metavar']}" if extra["metavar"] else f"{flag}, --no-{flag[2:]}"


def _default(name: str) -> str:
    """Return a default; empty for None and what depends on the machine."""
    field, quick = GridSettings.model_fields[name], PRESETS["quick"].settings
    if name in quick:
        return f"{_text(quick[name])} (quick)"
    return "" if field.default_factory or field.default is None else _text(field.default)


def _text(value: Any) -> str:
    if isinstance(value, (list, tuple)):
        return ",".join(map(_text, value))
    return str(value).lower() if isinstance(value, bool) else f"{value}"


def _kind(annotation: Any) -> str:
    """Return the values of a setting in words."""
    origin, args = get_origin(annotation), get_args(annotation)
    if origin is Annotated:
        return _kind(args[0])
    if origin is tuple:
        return f"list of {_kind(args[0])}"
    if origin is Literal:
        return " or ".join(args)
    if args:
        return " or ".join(_kind(each) for each in args if each is not types.NoneType)
    return str(annotation.__name__).lower()
