"""The command line that runs a grid again."""

from __future__ import annotations

import shlex
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from bench.planning.baselines import NO_MODEL, NO_REDUCTION
from bench.planning.options import flag_of
from bench.planning.presets import PRESETS
from bench.planning.settings import GridSettings

COMMAND = ("python", "-m", "bench.grid")


def command(given: Mapping[str, Any]) -> str:
    """Return the command line with the settings that differ from their defaults.

    ``given`` are settings as grid.toml has them; unknown ones are left out, since results may come
    from anybody. What a shell would read otherwise is quoted.
    """
    asked, usual = _plain_all(given), _plain_all(_defaults(given))
    if asked.get("baselines", True):
        asked, usual = _without_baselines(asked), _without_baselines(usual)
    words = [*COMMAND]
    for name, value in asked.items():
        if name in GridSettings.model_fields and value is not None and value != usual.get(name):
            words += _option(name, value)
    return shlex.join(words)


def _defaults(given: Mapping[str, Any]) -> dict[str, Any]:
    """Return the settings of a command line that names a preset and a data set."""
    usual = {
        name: field.get_default(call_default_factory=True)
        for name, field in GridSettings.model_fields.items()
        if not field.is_required()
    }
    preset = PRESETS.get(str(given.get("preset", usual["preset"])))
    if preset is not None:
        usual |= preset.settings
        if given.get("dataset") != usual["dataset"]:  # as `bench.planning.settings.resolve` does
            usual["limit"] = "all"
    return usual


def _without_baselines(settings: dict[str, Any]) -> dict[str, Any]:
    """Return settings without the baselines that are added anyway.

    By their names alone: models of plugins need not be known here.
    """
    found = dict(settings)
    for name, fewer in (("models", _models), ("reducers", _chains)):
        if isinstance(found.get(name), list):
            found[name] = fewer(found[name]) or found[name]
    return found


def _models(names: list[Any]) -> list[Any]:
    following = [*names[1:], None]
    fewer = [n for n, after in zip(names, following, strict=True) if n != f"untrained-{after}"]
    return fewer[fewer[:1] == [NO_MODEL] :]


def _chains(names: list[Any]) -> list[Any]:
    return names[names[:1] == [NO_REDUCTION] :]


def _option(name: str, value: Any) -> list[str]:
    flag = flag_of(name)
    if isinstance(value, bool):
        return [flag if value else f"--no-{flag[2:]}"]
    if name == "plugins":
        return [word for each in value for word in (flag, str(each))]
    if isinstance(value, list):
        return [flag, ",".join(map(str, value))]
    return [flag, str(value)]


def _plain_all(settings: Mapping[str, Any]) -> dict[str, Any]:
    return {name: _plain(value) for name, value in settings.items()}


def _plain(value: Any) -> Any:
    """Return a setting as grid.toml has it."""
    if isinstance(value, Path):
        return value.as_posix()
    return list(value) if isinstance(value, tuple) else value
