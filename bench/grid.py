"""The main job: ``python -m bench.grid``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

from bench.base.command import Stopped, command, option, stopped
from bench.list import print_items
from bench.planning.options import takes_settings
from bench.planning.settings import COMPARE

EPILOG = (
    "Examples:\n\n"
    "latentgrid grid   (the preset quick, on digits)\n\n"
    "latentgrid grid --preset homework --dataset npy:DIR\n\n"
    "latentgrid grid --dataset folder:DIR --clusters 5 --models pixels,dnn\n\n"
    "latentgrid grid --dataset digits,photos   (a report each, and a table of ranks)\n\n"
    "latentgrid grid --reducers 'pca64,pca128+tsne2(perplexity=50)' --seeds 5 --dry-run"
)
CONFIG = "TOML file with the same names as these options, which win over it."
DRY_RUN = "Print the runs, what of them is in the store, and an estimate of time and disk."
LIST = "Print all data sets, models, reducers, clusterers and presets."


CACHE, INSTEAD = "What was computed before", "Instead of running"


def _flag(name: str, panel: str, text: str) -> Any:
    return option(text, name=name, rich_help_panel=panel)


@command("python -m bench.grid", EPILOG)
@takes_settings()
def main(
    settings: dict[str, Any],
    config: Annotated[Path | None, option(CONFIG, "FILE", rich_help_panel=COMPARE)] = None,
    force: Annotated[bool, _flag("--force", CACHE, "Compute everything again.")] = False,
    only_cached: Annotated[
        bool, _flag("--only-cached", CACHE, "Compute nothing: report what is in the store.")
    ] = False,
    fail_fast: Annotated[
        bool, _flag("--fail-fast", CACHE, "Stop at the first run that fails.")
    ] = False,
    dry_run: Annotated[bool, _flag("--dry-run", INSTEAD, DRY_RUN)] = False,
    list_items: Annotated[bool, _flag("--list", INSTEAD, LIST)] = False,
) -> int:
    """Cross autoencoders with reducer chains, and see which groups your images best.

    Each run of the grid trains, encodes, reduces, clusters and scores. Its report, results.md and
    index.html in the folder results, has a table of reconstruction loss and accuracy with their
    spread over seeds, and figures.
    """
    if list_items:
        return print_items(settings.get("plugins", []))
    try:
        from bench.planning.mode import Mode
        from bench.planning.settings import resolve
        from bench.session import terminal
        from bench.session.session import Session

        session = Session(resolve(settings, config), Mode.of(force, only_cached, fail_fast))
        if dry_run:
            return terminal.dry_run(session)
    except Stopped as stop:
        return stopped(stop, "while loading; nothing was computed yet")
    try:
        return terminal.summarize(session, session.execute())
    except Stopped as stop:
        state = f"{session.done()} of {len(session.tasks())} tasks are in {session.settings.store}"
        return stopped(stop, f"{state}; the same command goes on from there")


if __name__ == "__main__":
    main()
