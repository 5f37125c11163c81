"""The report on several data sets: the rank of each pipeline on each, and links to the reports."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pandas as pd

from bench.analysis import correctness
from bench.analysis.inference import ALIKE, BEST, WORSE, seeds_needed
from bench.analysis.ranks import FEWEST, RankComparison, Ranking, compare_ranks, least_p, rank
from bench.analysis.results import Results
from bench.base.naming import pipeline_name, set_name
from bench.planning.settings import GridSettings
from bench.report import page, tables
from bench.report.columns import MISSING, Column, Table, escape, numbers, to_markdown, words
from bench.report.headline import plural
from bench.report.markdown import run_section, summary_section
from bench.report.write import (
    remove_stale,
    remove_stale_sets,
    write_markdown,
    write_settings,
)
from bench.stages.metrics.table import METRICS


def write(records: pd.DataFrame, settings: GridSettings) -> list[Path]:
    """Write results.md, index.html, results.csv, grid.toml and the correctness of all data sets.

    The report on each data set is in its folder already, and is linked.

    Parameters
    ----------
    records : DataFrame
        Of all data sets.
    settings : GridSettings
        With the device resolved, so that ``grid.toml`` runs again as it is.

    Returns
    -------
    list of Path
        results.md first.
    """
    out = settings.out
    written = write_settings(records, settings)
    files = {name: out / set_name(name) / correctness.FILE for name in settings.datasets}
    kept = [path for path in [correctness.join(files, out)] if path]
    remove_stale(out, set(kept))
    remove_stale_sets(out, settings.datasets)
    return [*write_report(Results(records), out), *written, *kept]


def write_report(results: Results, out: Path) -> list[Path]:
    """Write results.md and index.html of all data sets; return both."""
    ranking = rank(results)
    compared = compare_ranks(ranking)
    links = {name: f"{quote(set_name(name))}/{page.FILE}" for name in results.by_dataset()}
    table = rank_table(results, ranking, compared)
    ranks = (table, verdict(ranking, compared)) if ranking.datasets else None
    report = write_markdown(render(results), out)
    return [report, page.write_several(results, links, out, ranks)]


def render(results: Results) -> str:
    """Write the report on several data sets."""
    ranking = rank(results)
    compared = compare_ranks(ranking)
    by_set = results.by_dataset()
    parts = [
        f"# latentgrid: {len(by_set)} data sets",
        _headline(results.records, ranking, compared),
        "## Ranks",
        *_ranks(results, ranking, compared),
    ]
    for name, of_set in by_set.items():
        link = f"{quote(set_name(name))}/results.md"
        parts += [f"## {escape(name)}", summary_section(of_set), f"[The whole report]({link})"]
    parts += [
        "## What was run",
        run_section(results),
        "`results.csv` holds the records of all data sets. The folder of each data set holds its "
        "own report, pictures and assignments.",
    ]
    return "\n\n".join(parts) + "\n"


def rank_table(results: Results, ranking: Ranking, compared: RankComparison | None) -> Table:
    """Return the table of ranks, best mean rank first; a row is an entry of ``ranking.ranks``."""
    names = tables.pipeline_columns(results)

    states = ranking.states.to_dict("index")

    def place(name: str, row: pd.Series) -> str:
        state = states[row.name][name]
        return f"{row[name]:g}" if state == "ok" else state

    def against(row: Any) -> str:
        assert compared is not None
        found, p = compared.verdicts.get(row.name, MISSING), compared.adjusted.get(row.name)
        return found if p is None else f"{found}, p = {p:.3f}"

    def part(number: int, row: Any) -> str:
        return str(row.name[number])

    columns = [
        *(words(column.title, partial(part, i)) for i, column in enumerate(names)),
        *(Column(name, partial(place, name)) for name in ranking.datasets),
        numbers("mean rank", pd.Series.mean, ".2f"),
        None if compared is None else words("against the best", against),
    ]
    return Table.of(columns, ranking.ranks)


def verdict(ranking: Ranking, compared: RankComparison | None) -> str:
    """Say in words whether the data sets show that the best pipeline is better than others."""
    count = len(ranking.datasets)
    if count == 1:
        return "One labeled data set says nothing about others: no claim of significance is made."
    if count < FEWEST:
        return (
            "With fewer than six labeled data sets no claim of significance is made: the least p "
            f"of an exact sign test is {least_p(count):.2g} over {count}, and "
            f"{least_p(FEWEST):.3f} over six."
        )
    if compared is None:
        return "Fewer than two pipelines finished on every data set: nothing can be compared."
    others = len(compared.adjusted)
    said = (
        f"Over {count} data sets, {compared.worse} of {plural(others, 'other pipeline')} that "
        f"finished on all of them {'is' if compared.worse == 1 else 'are'} {WORSE} than the best "
        "of those."
    )
    if count < seeds_needed(others):
        said += f" At least {seeds_needed(others)} data sets are needed to show that of all."
    return said


def _headline(records: pd.DataFrame, ranking: Ranking, compared: RankComparison | None) -> str:
    parts = []
    if not ranking.datasets:
        parts.append("**No data set has labels, so nothing is ranked.**")
    elif (ranking.states != "ok").all(axis=None):
        parts.append("**No pipeline finished on a labeled data set.**")
    else:
        over = plural(len(ranking.datasets), "labeled data set")
        parts.append(
            f"Best mean rank over {over}: {_leaders(ranking)}, "
            f"**{ranking.means.min():.2f}** among {len(ranking.ranks)} pipelines."
        )
        parts.append(verdict(ranking, compared))
    for state, verb in (("failed", "failed"), ("skipped", "were skipped")):
        count = int((records["status"] == state).sum())
        if count:
            parts.append(f"**{count} of {len(records)} runs {verb};** see below.")
    return " ".join(parts)


def _leaders(ranking: Ranking) -> str:
    if len(ranking.leaders) > 3:
        return f"{len(ranking.leaders)} pipelines that share it"
    names = [f"**{escape(pipeline_name(*each))}**" for each in ranking.leaders]
    return names[0] if len(names) == 1 else f"{' and '.join(names)}, which share it"


def _ranks(results: Results, ranking: Ranking, compared: RankComparison | None) -> list[str]:
    unlabeled = ""
    if ranking.unlabeled:
        names = ", ".join(map(escape, ranking.unlabeled))
        unlabeled = f"Without labels, and so without accuracy and rank: {names}."
    if not ranking.datasets:
        return [unlabeled]
    metrics = ", ".join(dict.fromkeys(METRICS[name].title for name in ranking.metrics.values()))
    undone = bool((ranking.states != "ok").any(axis=None))
    notes = [
        f"1 is best. Pipelines are ranked on each data set by their mean over seeds ({metrics} "
        "accuracy); ties share the mean of their ranks.",
        "A pipeline of which a seed failed or was skipped on a data set shares the worst ranks "
        "there with others like it." * undone,
        "A mean rank depends on which pipelines are in the table: without one, others can change "
        "their order.",
        _protocol(compared),
        unlabeled,
    ]
    table = to_markdown(rank_table(results, ranking, compared))
    return [table, " ".join(note for note in notes if note)]


def _protocol(compared: RankComparison | None) -> str:
    if compared is None:
        return ""
    by_friedman = ""
    if compared.friedman is not None:
        by_friedman = (
            f", and if Friedman's test rejects that all are equal (here p = "
            f"{compared.friedman:.2g}), both with all of them and again without those of a worse "
            "mean rank"
        )
    return (
        "Pipelines that finished on every data set are compared with the one of them with the "
        f"best mean rank, the *{BEST}*. A pipeline is *{WORSE}* if an exact Wilcoxon signed-rank "
        f"test over the data sets says so (Holm's correction for {len(compared.adjusted)} "
        f"comparisons, level 0.05){by_friedman}. Otherwise there is *{ALIKE}*."
    )
