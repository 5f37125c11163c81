"""New items on trial: tested against their contract, then compared with baselines in a grid."""

from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import pandas as pd
from rich.console import Console
from rich.text import Text

from bench.analysis.results import PIPELINE, Results, key_of
from bench.analysis.verdicts import NOT_TESTED, STRUCK_OUT
from bench.base.errors import UsageError, one_line
from bench.base.naming import chain_name
from bench.base.progress import silent
from bench.clusterers import clusterers
from bench.clusterers.named import DEFAULT
from bench.contracts import BROKEN, KEPT, SPARED, Finding, hold
from bench.datasets import datasets
from bench.planning.plugins import REGISTRIES, Item, is_built_in, items_in
from bench.planning.presets import PRESETS
from bench.planning.settings import GridSettings, resolve
from bench.report import headline, tables
from bench.report.columns import to_terminal, words
from bench.report.tables import mean_and_spread
from bench.session import terminal
from bench.session.session import Session
from models import autoencoders
from models.untrained import untrained_name
from reducers import reducers
from reducers.chain import Chain, ChainError

MODEL, REDUCER, CLUSTERER, DATA_SET = (
    registry.kind for registry in (autoencoders, reducers, clusterers, datasets)
)
STYLES = {KEPT: "green", BROKEN: "bold red", SPARED: "dim"}
MARK = "→"

RIVAL = "dnn"  # a model that trains in seconds
CHAIN = "pca32+tsne2"
DIMENSIONS = 32  # of a reducer that needs a number

# A minute or so on two cores; with this rate and batch a few epochs on few images do train.
DEFAULTS: dict[str, Any] = {
    "dataset": "digits",
    "limit": 300,
    "seeds": 3,
    "epochs": 8,
    "lr": 5e-4,
    "batch_size": 32,
    "schedule": "constant",
    "null": False,
    "out": Path("results/try"),
}
# The cnn is among the models of a data set's grid, and takes the longest by far.
EPOCHS_OF_DATA_SET = 3

AHEAD, BEHIND = "is significantly better than", "is significantly worse than"
ALIKE, UNTESTED = "is not significantly different from", "is not tested against"


def run(file: Path, given: dict[str, Any]) -> int:
    """Try every item of a file; return 1 if a promise was broken or a run failed, else 0.

    ``given`` are settings of `bench.planning.settings.GridSettings` that replace `DEFAULTS`.

    Raises
    ------
    UsageError
        If there is no such file, it fails or registers nothing, or the settings cannot be used.
    """
    items = items_in(file)
    if not items:
        raise UsageError(
            f"{file} registers nothing: a model is registered by @autoencoders.register(NAME, "
            "SUMMARY), a reducer by @reducers.register, a clusterer by @clusterers.register, "
            "a data set by @datasets.register"
        )
    given = given | {"plugins": () if is_built_in(file) else (file,)}
    _refuse_settings(items, given)
    console = Console(highlight=False, soft_wrap=True)
    broken, failed = [], []
    for number, item in enumerate(items):
        if number:
            print()
        findings = _print_findings(item, _spec_string(item, given), console)
        if any(finding.mark == BROKEN for finding in findings):
            broken.append(str(item))
            print(f"the {item} runs in no grid until it keeps its contract")
        elif all(finding.mark == SPARED for finding in findings):
            print(f"the {item} runs in no grid here: nothing could be asked of it as it is")
        elif not _is_in_its_originals_grid(item) and _run_grid(item, plan(item, given)):
            failed.append(str(item))
    for names, what in ((broken, "contract broken:"), (failed, "failed: runs in the grid of")):
        if names:
            print(what, ", ".join(names), file=sys.stderr)
    return 1 if broken or failed else 0


def plan(item: Item, given: dict[str, Any]) -> GridSettings:
    """Return the settings of the grid in which an item is compared with baselines.

    A model is compared with `pixels`, itself untrained and the `dnn`. A reducer is compared with no
    reduction, as many principal components and t-SNE, on `pixels` and the `dnn`; a clusterer with
    k-means on the same. A data set is tried with the models of the preset quick.
    """
    settings = DEFAULTS | {"models": [RIVAL], "reducers": [CHAIN]}
    if item.kind == MODEL:
        settings["models"] = [item.name, RIVAL]
    elif item.kind == REDUCER:
        chain = _shortest_chain(item.name)
        plain = f"pca{chain.links[0].n_components or DIMENSIONS}"
        settings["reducers"] = list(dict.fromkeys([plain, CHAIN, str(chain)]))
    elif item.kind == CLUSTERER:
        settings["clusterers"] = list(dict.fromkeys([DEFAULT, item.name]))
        settings["reducers"] = [f"pca{DIMENSIONS}", CHAIN]
    else:
        settings["models"] = PRESETS["quick"].settings["models"]
        settings["epochs"] = EPOCHS_OF_DATA_SET
    settings |= given
    if item.kind == DATA_SET:
        settings["dataset"] = _spec_string(item, given)
    folder = f"{item.kind.replace(' ', '-')}-{item.name}"
    return resolve(settings | {"out": Path(settings["out"]) / folder})


def is_its(item: Item, model: str, chain: str, clusterer: str) -> bool:
    """Return whether a pipeline is an item's own, and no baseline."""
    if item.kind == MODEL:
        return model == item.name
    if item.kind == CLUSTERER:
        return clusterer.partition("(")[0] == item.name
    links = [link.name for link in Chain.parse(chain).links]
    return item.kind == REDUCER and item.name in links


def lay_out(item: Item, records: pd.DataFrame) -> str:
    """Write the pipelines as a table, best first, an item's own marked."""
    results = Results(records)
    table = tables.with_chance(tables.grid(results), results)

    def mark(row: pd.Series) -> str:
        is_pipeline = row["model"] != tables.CHANCE
        return MARK if is_pipeline and is_its(item, *key_of(row)) else ""

    # The other metrics are in results.md.
    count = table.header.index(tables.AGAINST_BEST.title) + 1
    columns = [words("", mark), *table.columns[:count], tables.SEEDS]
    return to_terminal(replace(table, columns=columns))


def standing(item: Item, records: pd.DataFrame) -> str:
    """Return the verdict on an item against the baselines, in a sentence or two."""
    results = Results(records)
    if item.kind == DATA_SET:  # which competes with nothing
        return headline.render(results).replace("\n\n", " ").replace("**", "").replace("\\", "")
    metric, judged = results.metric, results.summary[results.summary["verdict"].notna()]
    own = [is_its(item, *row) for row in judged[PIPELINE].itertuples(index=False)]
    mine, others = judged[own], judged[[not its for its in own]]
    if mine.empty or others.empty:
        return f"The {item} cannot be compared with the baselines: too few pipelines finished."
    best, rival = mine.iloc[0], others.iloc[0]
    leads = judged.index[0] in mine.index
    second = rival if leads else best
    verdict = UNTESTED if second["verdict"] == NOT_TESTED else ALIKE
    if (others["verdict"] if leads else mine["verdict"]).isin(STRUCK_OUT).all():
        verdict = AHEAD if leads else BEHIND
    said = (
        f"The {item} {verdict} the baselines, with {headline.count_seeds(results)}: its best "
        f"pipeline, {_name(best)}, has {mean_and_spread(best, metric)}; the best of the baselines, "
        f"{_name(rival)}, has {mean_and_spread(rival, metric)}. The difference is "
        f"{'+' if leads else '-'}{tables.behind(second)}."
    )
    more = tables.would_tell(second["seeds_needed"])
    return f"{said} {more[0].upper()}{more[1:]}." if verdict == ALIKE and more else said


def _refuse_settings(items: list[Item], given: dict[str, Any]) -> None:
    """Refuse settings that cannot be used, before anything is tried.

    The grids of the items are not planned here: an item that breaks its contract may have none.
    """
    spec = resolve(DEFAULTS | {"models": ["pixels"], "reducers": ["none"]} | given)
    if len(spec.datasets) > 1:
        raise UsageError(f"--dataset takes one data set here, found {', '.join(spec.datasets)}")
    for item in items:
        text = _spec_string(item, given)
        if item.kind == DATA_SET and ":" not in text:
            try:
                datasets[text](None, silent)
            except UsageError as error:
                raise UsageError(f"{error} (here by --dataset {text}:ARGUMENT)") from None
            except Exception:
                continue  # the contract tests report it


def _spec_string(item: Item, given: dict[str, Any]) -> str:
    """Return an item's name; of a data set, with the argument that it was given."""
    wanted = str(given.get("dataset", ""))
    named = item.kind == DATA_SET and wanted.partition(":")[0] == item.name
    return wanted if named else item.name


def _shortest_chain(reducer: str) -> Chain:
    """Return the chain of a reducer alone, with dimensions where it needs a number."""
    try:
        return Chain.parse(reducer)
    except ChainError:
        return Chain.parse(f"{reducer}{DIMENSIONS}")


def _is_in_its_originals_grid(item: Item) -> bool:
    """Return whether an item is an untrained variant, which is in the grid of its original."""
    return item.kind == MODEL and any(
        untrained_name(entry.name) == item.name for entry in autoencoders
    )


def _print_findings(item: Item, spec: str, console: Console) -> list[Finding]:
    console.print(Text(f"{item}: {REGISTRIES[item.kind].entry(item.name).summary}", "bold"))
    findings = []
    for finding in hold(item.kind, spec):
        findings.append(finding)
        mark = (f"  {finding.mark} ", STYLES[finding.mark])
        console.print(Text.assemble(mark, f"{finding.promise}: ", (finding.found, "cyan")))
    return findings


def _run_grid(item: Item, spec: GridSettings) -> int:
    """Run an item's grid and print its results; return 1 if runs failed, else 0."""
    session = Session(spec)
    (grid,) = session.grids
    chains, models = len(grid.settings.reducers), len(grid.settings.models)
    print(
        f"\n{models} models × {chains} chains × {grid.settings.seeds} seeds on "
        f"{len(grid.dataset):,} images of {one_line(grid.dataset.name)}"
    )
    (finished,) = session.execute().each
    print(lay_out(item, finished.records))
    code = terminal.summarize_rest(grid, finished)
    print(standing(item, finished.records))
    return code


def _name(row: pd.Series) -> str:
    return f"{row['model']} with {chain_name(row['chain'], row['clusterer'])}"
