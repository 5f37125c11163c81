"""The stages of a pipeline, from arrays to arrays, one a file.

A stage is a file with a plain function from arrays to arrays, and a subclass of
`bench.stages.stage.Stage` that says what it reads, what shapes its key and what it costs.
"""

from __future__ import annotations

import functools
import importlib
import pkgutil
from collections.abc import Iterator
from typing import Any

from bench.stages.stage import Stage, Task


@functools.cache
def stages() -> dict[str, type[Stage]]:
    """Return all stages by name, each after those that it reads."""
    for module in pkgutil.iter_modules(__path__):
        importlib.import_module(f"{__name__}.{module.name}")
    found = {stage.name: stage for stage in _derived(Stage) if hasattr(stage, "name")}

    def depth(name: str) -> int:
        return 1 + max((depth(read) for read in found[name].reads if read in found), default=0)

    return {name: found[name] for name in sorted(found, key=lambda name: (depth(name), name))}


def _derived(base: Any) -> Iterator[type[Stage]]:
    for stage in base.__subclasses__():
        yield stage
        yield from _derived(stage)


def stages_of_runs() -> tuple[str, ...]:
    """Return the names of the stages that every run has, each after those that it reads."""
    return tuple(name for name, stage in stages().items() if stage.path == "run")


def stage_of(task: Task) -> Stage:
    """Return a task's stage with its settings."""
    return stages()[task.stage](**task.settings)
