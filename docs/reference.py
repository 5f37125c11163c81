"""Writes the pages of the site that are made from the code: docs/reference/, which git ignores.

``make docs`` does it: the commands from their ``--help``, everything else from docstrings.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import typer

import bench
from bench.base.registry import Registry
from bench.cli import COMMANDS
from bench.clusterers import clusterers
from bench.datasets import datasets
from models import autoencoders
from reducers import reducers

FUNCTIONS = [f"bench.{name}" for name in bench.__all__]
RETURNED = ["bench.bundle.bundle.Bundle", "bench.session.sorting.Sorted"]
ERRORS = ["bench.base.errors.UsageError", "bench.base.errors.RunError"]


def write(folder: Path) -> None:
    """Write all pages into a folder."""
    folder.mkdir(exist_ok=True)
    for name, page in PAGES.items():
        (folder / name).write_text(page(), encoding="utf-8")


def commands() -> str:
    """Return what each command's ``--help`` says."""
    parts = [
        "# Commands\n",
        "`latentgrid NAME` and `python -m bench.NAME` are the same command. "
        "This page has what `--help` says of each.\n",
    ]
    for name, (module, _) in COMMANDS.items():
        parts += _command(f"latentgrid {name}", _click(importlib.import_module(module)))
    return "\n".join(parts).replace("\n```\n```text\n", "\n")  # examples in one block


def _click(module: Any) -> Any:
    return typer.main.get_command(module.main.app)


def _command(name: str, command: Any) -> list[str]:
    """Return the section of a command, and those of its sub-commands."""
    with command.make_context(name, [], resilient_parsing=True) as context:
        usage = " ".join([name, *command.collect_usage_pieces(context)])
        rows = [parameter.get_help_record(context) for parameter in command.get_params(context)]
    table = [f"| `{_cell(left)}` | {_cell(right, '<*')} |" for left, right in filter(None, rows)]
    parts = [f"\n## {name}\n", f"```text\n{usage}\n```\n", f"{command.help or ''}\n"]
    parts += ["| argument or option | meaning |", "|:--|:--|", *table, ""]
    for paragraph in (command.epilog or "").split("\n\n"):
        example = paragraph.startswith(("latentgrid", "pytest"))
        parts.append(f"```text\n{paragraph}\n```" if example else paragraph)
    for sub, made in getattr(command, "commands", {}).items():
        parts += _command(f"{name} {sub}", made)
    return parts


def _cell(text: str, special_too: str = "") -> str:
    """Return text that a table takes as it is."""
    for special in f"|{special_too}":
        text = text.replace(special, f"\\{special}")
    return text.strip()


def python() -> str:
    """Return the functions that Python users call, what these return, and errors."""
    return "\n".join(
        [
            *_title("Functions and classes", "="),
            "What :doc:`/python` shows at work.\n",
            *(_directive("autofunction", name) for name in FUNCTIONS),
            *_title("What they return", "-"),
            *(_directive("autoclass", name, members=True) for name in RETURNED),
            *_title("Errors", "-"),
            *(_directive("autoclass", name) for name in ERRORS),
        ]
    )


def models() -> str:
    """Return all models."""
    return _items(autoencoders, "Models", ["models.autoencoder.Autoencoder"])


def reductions() -> str:
    """Return all reducers."""
    bases = ["reducers.reducer.Reducer", "bench.base.estimator.Estimator"]
    return _items(reducers, "Reducers", bases)


def clusterings() -> str:
    """Return all clusterers."""
    return _items(clusterers, "Clusterers", ["bench.clusterers.clusterer.Clusterer"])


def data() -> str:
    """Return all data sets."""
    return _items(datasets, "Data sets", ["bench.datasets.source.Source"])


def _items(registry: Registry[Any], title: str, bases: list[str]) -> str:
    """Return the registered items of the project, and the classes that new ones derive from."""
    parts = _title(title, "=")
    for entry in registry:
        item = entry.item
        if entry.origin or not item.__module__.startswith(registry.package):
            continue  # a variant, or an item of another package
        parts += [*_title(entry.name, "-"), f"{entry.summary}\n"]
        kind = "autoclass" if isinstance(item, type) else "autofunction"
        parts.append(_directive(kind, f"{item.__module__}.{item.__qualname__}"))
    parts += _title("To write one", "-")
    parts += ["See :doc:`/growing`.\n"]
    return "\n".join([*parts, *(_directive("autoclass", name, members=True) for name in bases)])


def _title(text: str, line: str) -> list[str]:
    return ["", text, line * len(text), ""]


def _directive(kind: str, name: str, members: bool = False) -> str:
    return f".. {kind}:: {name}\n" + ("   :members:\n" if members else "")


PAGES: dict[str, Callable[[], str]] = {
    "commands.md": commands,
    "python.rst": python,
    "datasets.rst": data,
    "models.rst": models,
    "reducers.rst": reductions,
    "clusterers.rst": clusterings,
}
