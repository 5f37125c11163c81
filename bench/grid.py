"""The main job: ``python -m bench.grid``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

from bench.base.command import command, confirm, option
from bench.base.stopping import Stopped
from bench.list import print_items
from bench.planning.options import takes_settings
from bench.planning.settings import COMPARE

EPILOG = (
    "Examples:\n\n"
    "latentgrid grid   (the preset quick, on photos)\n\n"
    "latentgrid grid --preset homework --dataset npy:DIR\n\n"
    "latentgrid grid --dataset folder:DIR --clusters 5 --models pixels,dnn\n\n"
    "latentgrid grid --dataset digits,photos   (a report for each, and a table of ranks)\n\n"
    "latentgrid grid --reducers 'pca64,pca128+tsne2(perplexity=50)' --seeds 5 --dry-run"
)
CONFIG = "TOML file of settings, with the names of these options. Options override it."
DRY_RUN = "Print the runs, which of them are stored, and an estimate of time and disk space."
LIST = "Print all data sets, models, reducers, clusterers and presets."
TRUST = "Run the plugins that the --config file names, without asking."

CACHE, INSTEAD = "Stored results and failures", "Instead of running"


def _flag(name: str, panel: str, text: str) -> Any:
    return option(text, name=name, rich_help_panel=panel)


@command("python -m bench.grid", EPILOG)
@takes_settings()
def main(
    settings: dict[str, Any],
    config: Annotated[Path | None, option(CONFIG, "FILE", rich_help_panel=COMPARE)] = None,
    trust_plugins: Annotated[bool, _flag("--trust-plugins", COMPARE, TRUST)] = False,
    force: Annotated[bool, _flag("--force", CACHE, "Compute everything again.")] = False,
    only_cached: Annotated[
        bool, _flag("--only-cached", CACHE, "Compute nothing: report the stored results.")
    ] = False,
    fail_fast: Annotated[
        bool, _flag("--fail-fast", CACHE, "Stop at the first run that fails.")
    ] = False,
    dry_run: Annotated[bool, _flag("--dry-run", INSTEAD, DRY_RUN)] = False,
    list_items: Annotated[bool, _flag("--list", INSTEAD, LIST)] = False,
) -> int:
    """Combine autoencoders with reducer chains, and see which pipeline groups your images best.

    Each run of the grid trains, encodes, reduces, clusters and scores. The report, results.md and
    index.html in the folder results, shows reconstruction loss and accuracy of each pipeline, with
    their spread over seeds, and figures.
    """
    if list_items:
        return print_items(settings.get("plugins", []))
    try:
        from bench.planning.mode import Mode
        from bench.planning.settings import resolve
        from bench.session import terminal
        from bench.session.session import Session

        mode = Mode.of(force, only_cached, fail_fast)
        found = resolve(settings, config, lambda question: trust_plugins or confirm(question))
        session = Session(found, mode, decode=not dry_run)
        if dry_run:
            return terminal.dry_run(session)
    except Stopped as stop:
        return stop.say("while loading; no task was done yet")
    try:
        return terminal.summarize(session, session.execute())
    except Stopped as stop:
        state = f"{session.done()} of {len(session.tasks())} tasks are in {session.settings.store}"
        return stop.say(f"{state}; the same command continues")


if __name__ == "__main__":
    main()
