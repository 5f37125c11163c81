"""All commands as one: ``latentgrid COMMAND`` is ``python -m bench.COMMAND``."""

from __future__ import annotations

import importlib
import os
import sys
from collections.abc import Sequence
from typing import Any, NoReturn

import typer
from typer.core import TyperCommand, TyperGroup

from bench.base.command import main_of, new_app, warn
from bench.base.errors import UsageError
from bench.base.registry import did_you_mean

# Nothing is imported before it is called: --help is there at once.
COMMANDS = {
    "grid": ("bench.grid", "Combine autoencoders with reducer chains, and report the results."),
    "sort": ("bench.sort", "Sort a folder of images into groups of similar ones."),
    "list": ("bench.list", "List data sets, models, reducers, clusterers and presets."),
    "report": ("bench.report.__main__", "Write the report of a finished grid again."),
    "check": ("bench.check", "Check results against thresholds, in CI for instance."),
    "compare": ("bench.compare", "Compare two results of a grid on the same images."),
    "select": ("bench.select", "Measure how well scores without labels select a pipeline."),
    "try": ("bench.try", "Check a new model, reducer, clusterer or data set, and compare it."),
    "export": ("bench.export", "Save a finished pipeline as one file."),
    "assign": ("bench.assign", "Assign new images to the clusters of a saved pipeline."),
    "apply": ("bench.apply", "Sort a run's images by clusters that were corrected on its page."),
    "speed": ("bench.speed", "Show a run of the benchmarks, or compare two."),
    "worked": ("bench.worked.__main__", "Verify the two worked problems of the HW5 report."),
    "store": ("bench.store.__main__", "Show, verify or prune the folder of stored results."),
}


class _Commands(TyperGroup):
    """The commands of the table, each imported when it is called."""

    def list_commands(self, ctx: Any) -> list[str]:
        """Return the names."""
        return list(COMMANDS)

    def get_command(self, ctx: Any, cmd_name: str) -> Any:
        """Return a command as far as a list of commands needs it: its name and summary."""
        if cmd_name not in COMMANDS:
            return None
        return TyperCommand(cmd_name, help=COMMANDS[cmd_name][1])

    def resolve_command(self, ctx: Any, args: list[str]) -> Any:
        """Return the command that is called, imported."""
        name, *rest = args
        if name not in COMMANDS:
            hint = did_you_mean(name, COMMANDS)
            raise UsageError(f"unknown command {name!r}: {hint}known are {', '.join(COMMANDS)}")
        command = typer.main.get_command(importlib.import_module(COMMANDS[name][0]).main.app)
        command.name = name
        return name, command, rest


app = new_app(cls=_Commands, add_completion=True, no_args_is_help=False)


@app.callback()
def latentgrid() -> None:
    """Find the autoencoder and dimensionality reduction that group your images best.

    latentgrid COMMAND --help describes a command. Start with: latentgrid grid
    """


_run = main_of(app, "latentgrid")


def main(arguments: Sequence[str] | None = None) -> NoReturn:
    """Run a command. For one release, options without a command mean the command ``grid``."""
    words = list(sys.argv[1:] if arguments is None else arguments)
    own = ("--help", "--install-completion", "--show-completion")
    if "_LATENTGRID_COMPLETE" not in os.environ and (
        not words or (words[0].startswith("-") and words[0] not in own)
    ):
        warn("latentgrid without a command means latentgrid grid, in this release only")
        words.insert(0, "grid")
    _run(words)


if __name__ == "__main__":
    main()
