"""Looks after a store: ``python -m bench.store``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from bench.base.command import main_of, new_app
from bench.base.errors import UsageError
from bench.store.store import Store

app = new_app(
    help="Look after the folder that keeps what grids computed. Without a command: its sizes."
)

Where = Annotated[
    str | None,
    typer.Option(
        "--store",
        help="The folder; by default $LATENTGRID_STORE, or .store here.",
        metavar="DIR",
        show_default=False,
    ),
]
DryRun = Annotated[bool, typer.Option("--dry-run", help="Say what would go, and remove nothing.")]


def _open(where: str | None) -> Store:
    from bench.planning.settings import default_store

    root = default_store() if where is None else Path(where)
    if not root.is_dir():
        raise UsageError(f"no store at {root}: --store DIR names another place")
    return Store(root)


@app.callback(invoke_without_command=True)
def default(context: typer.Context, store: Where = None) -> int:
    """Show the sizes where no command is given."""
    context.obj = store
    return size(context) if context.invoked_subcommand is None else 0


@app.command()
def size(context: typer.Context, store: Where = None) -> int:
    """Show how much each stage takes."""
    from tabulate import tabulate

    from bench.store.upkeep import sizes

    opened = _open(store or context.obj)
    rooms = sizes(opened)
    rows = [[room.name, f"{room.artifacts:,}", f"{room.megabytes:,.1f}"] for room in rooms]
    total = [
        "all", f"{sum(r.artifacts for r in rooms):,}", f"{sum(r.megabytes for r in rooms):,.1f}"
    ]  # fmt: skip
    header = ["stage", "artifacts", "MB"]
    align = ("left", "right", "right")
    print(f"store {opened.root}")
    print(tabulate([*rows, total], header, disable_numparse=True, colalign=align))
    return 0


@app.command()
def verify(context: typer.Context, store: Where = None) -> int:
    """Compare every artifact with its checksums; exit code 1 if one was damaged.

    Damaged ones are set aside, and made again by the next grid that needs them.
    """
    from bench.base.console import LoadBar
    from bench.store.upkeep import places
    from bench.store.upkeep import verify as verify_all

    opened = _open(store or context.obj)
    with LoadBar() as progress:
        found = verify_all(opened, progress)
    for damage, aside in found:
        print(f"damaged: {damage.stage} {damage.key}: {damage.reason}; now in {aside}")
    whole = len(list(places(opened)))
    print(f"{whole:,} artifacts are whole, {len(found):,} were damaged and set aside")
    return 1 if found else 0


@app.command()
def prune(context: typer.Context, store: Where = None, dry_run: DryRun = False) -> int:
    """Remove what no recorded grid uses.

    The latest grid of every results folder is recorded, as long as that folder is there.
    """
    from bench.base.console import LoadBar
    from bench.store.upkeep import prune as prune_unused

    opened = _open(store or context.obj)
    with LoadBar() as progress:
        count, megabytes = prune_unused(opened, dry_run, progress)
    word = "would go" if dry_run else "removed"
    print(f"{count:,} artifacts {word}, {megabytes:,.1f} MB in all")
    return 0


main = main_of(app, "python -m bench.store")


if __name__ == "__main__":
    main()
