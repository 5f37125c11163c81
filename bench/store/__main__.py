"""Looks after a store: ``python -m bench.store``."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from bench.base.command import main_of, new_app

if TYPE_CHECKING:
    from bench.store.store import Store

app = new_app(help="Show, verify or prune the folder of stored results; by default show its sizes.")

Where = Annotated[
    Path | None,
    typer.Option(
        help="The folder; by default $LATENTGRID_STORE, or .store here.",
        metavar="DIR",
        show_default=False,
    ),
]


def _open(context: typer.Context, where: Path | None) -> Store:
    from bench.base.errors import UsageError
    from bench.planning.settings import default_store
    from bench.store.store import Store

    root = where or context.obj or default_store()
    if not root.is_dir():
        raise UsageError(f"no store at {root}: --store DIR names another folder")
    return Store(root)


@app.callback(invoke_without_command=True)
def default(context: typer.Context, store: Where = None) -> int:
    """Show the sizes if no command is given."""
    context.obj = store
    return size(context) if context.invoked_subcommand is None else 0


@app.command()
def size(context: typer.Context, store: Where = None) -> int:
    """Show how much space each stage takes."""
    from tabulate import tabulate

    from bench.store.upkeep import sizes

    opened = _open(context, store)
    found = sizes(opened)
    found.append(("all", sum(each[1] for each in found), sum(each[2] for each in found)))
    rows = [[name, f"{artifacts:,}", f"{megabytes:,.1f}"] for name, artifacts, megabytes in found]
    header, align = ["stage", "artifacts", "MB"], ("left", "right", "right")
    print(f"store {opened.root}")
    print(tabulate(rows, header, disable_numparse=True, colalign=align))
    return 0


@app.command()
def verify(context: typer.Context, store: Where = None) -> int:
    """Compare every artifact with its checksums; exit code 1 if one was damaged.

    Damaged artifacts are set aside. The next grid that needs them computes them again.
    """
    from bench.base.console import LoadBar
    from bench.store import upkeep

    opened = _open(context, store)
    with LoadBar() as progress:
        found = upkeep.verify(opened, progress)
    for damage, aside in found:
        print(f"damaged: {damage.stage} {damage.key}: {damage.reason}; now in {aside}")
    whole = len(list(upkeep.places(opened)))
    print(f"{whole:,} artifacts are intact, {len(found):,} were damaged and set aside")
    return 1 if found else 0


@app.command()
def prune(
    context: typer.Context,
    store: Where = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Print how much would be removed; remove nothing.")
    ] = False,
) -> int:
    """Remove artifacts that no recorded grid uses.

    The latest grid of every results folder is recorded, as long as that folder exists.
    """
    from bench.base.console import LoadBar
    from bench.store import upkeep

    opened = _open(context, store)
    with LoadBar() as progress:
        count, megabytes = upkeep.prune(opened, dry_run, progress)
    word = "would be removed" if dry_run else "removed"
    print(f"{count:,} artifacts {word}, {megabytes:,.1f} MB in all")
    return 0


main = main_of(app, "python -m bench.store")

if __name__ == "__main__":
    main()
