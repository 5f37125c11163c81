"""The report on several data sets: the rank of each pipeline on each, and links to the reports."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from operator import itemgetter
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pandas as pd

from bench.analysis import correctness, failures
from bench.analysis.ranks import RankComparison, Ranking, compare_ranks, rank
from bench.analysis.results import Results
from bench.base.files import write_text
from bench.base.naming import pipeline_name, set_name
from bench.planning.settings import GridSettings
from bench.report import markdown, page, tables, templates
from bench.report.columns import MISSING, Column, Table, escape, numbers, words
from bench.report.write import remove_stale, remove_stale_sets, write_settings


def write(records: pd.DataFrame, settings: GridSettings) -> list[Path]:
    """Write results.md, index.html, results.csv, grid.toml and the correctness of all data sets.

    The report on each data set is in its folder already, and is linked. The settings have the
    device resolved, so that ``grid.toml`` runs again as it is. Return the files, results.md first.
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
    report = out / "results.md"
    write_text(report, render(results))
    ranks = rank_table(results, ranking, compared) if ranking.datasets else None
    note = verdict(ranking, compared) if ranking.datasets else ""
    return [report, page.write_several(results, out, ranks, note)]


def render(results: Results) -> str:
    """Write the report on several data sets."""
    ranking = rank(results)
    compared = compare_ranks(ranking)
    by_set = results.by_dataset()
    leaders = ranking.leaders if (ranking.states == "ok").any(axis=None) else []
    text = templates.markdown(
        "several.md",
        sets={name: markdown.facts(each) for name, each in by_set.items()},
        links={name: f"{quote(set_name(name))}/results.md" for name in by_set},
        ranking=ranking,
        leaders=[f"**{escape(pipeline_name(*each))}**" for each in leaders],
        compared=compared,
        ranks=rank_table(results, ranking, compared),
        metrics=dict.fromkeys(map(templates.title, ranking.metrics.values())),
        runs=len(results.records),
        **failures.counts(results.records),
        ran=markdown.run_facts(results),
    )
    return f"{text}\n"


def rank_table(results: Results, ranking: Ranking, compared: RankComparison | None) -> Table:
    """Return the table of ranks, best mean rank first; a row is an entry of ``ranking.ranks``."""
    names = tables.pipeline_columns(results)
    states = ranking.states.to_dict("index")

    def place(name: str, row: pd.Series) -> str:
        state = states[row.name][name]
        return f"{row[name]:g}" if state == "ok" else state

    def against(row: Any) -> str:
        assert compared is not None
        found, p = compared.verdicts.get(row.name, MISSING), compared.p.get(row.name)
        return found if p is None else f"{found}, p = {p:.3f}"

    def part(number: int, row: Any) -> str:
        return str(row.name[number])

    columns = [
        *(
            replace(column, text=partial(part, i), choice=partial(part, i), html=None)
            for i, column in enumerate(names)
        ),
        *(Column(name, partial(place, name), order=itemgetter(name)) for name in ranking.datasets),
        numbers("mean rank", pd.Series.mean, ".2f", sorted=True),
        None if compared is None else words("against the best", against),
    ]
    return tables.in_groups(Table.of(columns, ranking.ranks), results, lambda row: row.name[0])


def verdict(ranking: Ranking, compared: RankComparison | None) -> str:
    """Say in words whether the data sets show that the best pipeline is better than others."""
    return " ".join(templates.paragraphs("ranks.md", "verdict", ranking, compared))
