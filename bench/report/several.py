"""The report on several data sets: where each cell stands on each, and the way to the reports."""

from __future__ import annotations

from pathlib import Path
from urllib.parse import quote

import pandas as pd

from bench.analysis import correctness
from bench.analysis.inference import ALIKE, BEST, WORSE, seeds_needed
from bench.analysis.ranks import FEWEST, RankComparison, Ranking, compare_ranks, least_p, rank
from bench.analysis.results import Key, Results
from bench.base.files import write_text
from bench.base.naming import chain_name, set_name
from bench.planning.settings import GridSettings
from bench.report import page, speed
from bench.report.layout import escape, table
from bench.report.markdown import section_of_set
from bench.report.tables import MISSING
from bench.report.write import remove_stale, remove_stale_sets
from bench.stages.metrics.table import METRICS

AGAINST = "against the best"


def write(records: pd.DataFrame, spec: GridSettings) -> list[Path]:
    """Write results.md, index.html, results.csv, grid.toml and the hits of all data sets.

    Each data set's own report is in its folder already, and is linked.

    Parameters
    ----------
    records : DataFrame
        Of all data sets.
    spec : GridSettings
        With the device resolved, so that ``grid.toml`` runs again as it is.

    Returns
    -------
    list of Path
        results.md first.
    """
    out = spec.out
    write_text(out / "results.csv", records.to_csv(index=False))
    write_text(out / "grid.toml", spec.to_toml())
    kept = correctness.join(
        {name: out / set_name(name) / correctness.FILE for name in spec.datasets}, out
    )
    remove_stale(out, {kept} if kept else set())
    remove_stale_sets(out, spec.datasets)
    report, looked_at = write_report(records, out)
    written = [report, looked_at, out / "results.csv", out / "grid.toml"]
    return [*written, kept] if kept else written


def write_report(records: pd.DataFrame, out: Path) -> list[Path]:
    """Write results.md and index.html of all data sets; return both."""
    text = render(records)
    if (out / speed.FILE).is_file():
        text = speed.fold(text, speed.section(speed.read(out / speed.FILE)))
    write_text(out / "results.md", text)
    ranking = rank(Results(records))
    standing = compare_ranks(ranking)
    ranks = (*rank_table(ranking, standing), what_it_carries(ranking, standing))
    links = {name: f"{quote(set_name(name))}/{page.FILE}" for name in Results(records).by_dataset()}
    looked_at = page.write_several(records, links, out, ranks if ranking.datasets else None)
    return [out / "results.md", looked_at]


def render(records: pd.DataFrame) -> str:
    """Write the report on several data sets.

    Parameters
    ----------
    records : DataFrame
        Of all data sets, as `bench.analysis.records.collect` makes them for each.
    """
    ranking = rank(Results(records))
    standing = compare_ranks(ranking)
    sets = Results(records).by_dataset()
    parts = [
        f"# latentgrid: {len(sets)} data sets",
        _headline(records, ranking, standing),
        "## Ranks",
        *_ranks(ranking, standing),
    ]
    for name, of_set in sets.items():
        link = f"{quote(set_name(name))}/results.md"
        parts += [
            f"## {escape(name)}",
            section_of_set(of_set.records),
            f"[The whole report]({link})",
        ]
    parts += ["## What was run", _run_section(records)]
    return "\n\n".join(parts) + "\n"


def rank_table(
    ranking: Ranking, standing: RankComparison | None
) -> tuple[list[str], list[list[str]]]:
    """Make the table of ranks, best mean rank first."""
    header = ["model", "chain", *ranking.datasets, "mean rank"]
    rows = []
    for place, (model, chain, by) in enumerate(ranking.pipelines):
        ranks, states = ranking.ranks.iloc[place], ranking.states.iloc[place]
        shown = [_place(ranks[name], states[name]) for name in ranking.datasets]
        rows.append([model, chain_name(chain, by), *shown, f"{ranks.mean():.2f}"])
        if standing is not None:
            rows[-1].append(_against(standing, (model, chain, by)))
    return (header if standing is None else [*header, AGAINST]), rows


def _place(place: float, state: str) -> str:
    return f"{place:g}" if state == "ok" else state


def _against(standing: RankComparison, cell: Key) -> str:
    verdict = standing.verdicts.get(cell, MISSING)
    p = standing.adjusted.get(cell)
    return verdict if p is None else f"{verdict}, p = {p:.3f}"


def what_it_carries(ranking: Ranking, standing: RankComparison | None) -> str:
    """Say in words whether the data sets tell the best cell from others."""
    count = len(ranking.datasets)
    if count < FEWEST:
        return (
            "With fewer than six labeled data sets no claim of significance can be made, and "
            f"none is: the least p of an exact sign test over {count} is {least_p(count):.2g}, and "
            f"over six {least_p(FEWEST):.3f}."
            if count > 1
            else "One labeled data set says nothing of others: no claim of significance is made."
        )
    if standing is None:
        return "Fewer than two cells were finished on every data set: nothing can be compared."
    others = len(standing.adjusted)
    said = (
        f"Over {count} data sets, {standing.worse} of {others} cells that were finished on all of "
        "them are worse than the best of those."
    )
    if count < seeds_needed(others):
        said += f" {seeds_needed(others)} data sets are the least with which that many could be."
    return said


def _headline(records: pd.DataFrame, ranking: Ranking, standing: RankComparison | None) -> str:
    parts = []
    if not ranking.datasets:
        parts.append("**No data set is labeled: no accuracy can be told, and nothing ranked.**")
    elif (ranking.states != "ok").all(axis=None):
        parts.append("**No cell was finished on a labeled data set.**")
    else:
        over = f"{len(ranking.datasets)} labeled data set{'s' * (len(ranking.datasets) > 1)}"
        parts.append(
            f"Best mean rank over {over}: {_leaders(ranking)}, "
            f"**{ranking.means.min():.2f}** among {len(ranking.ranks)} cells."
        )
        parts.append(what_it_carries(ranking, standing))
    for state, verb in (("failed", "failed"), ("skipped", "were skipped")):
        count = int((records["status"] == state).sum())
        if count:
            parts.append(f"**{count} of {len(records)} cells {verb};** see below.")
    return " ".join(parts)


def _leaders(ranking: Ranking) -> str:
    names = [_name(cell) for cell in ranking.leaders]
    if len(names) == 1:
        return names[0]
    if len(names) > 3:
        return f"{len(names)} cells that share it"
    return f"{', '.join(names[:-1])} and {names[-1]}, which share it"


def _name(cell: Key) -> str:
    return f"**{escape(cell[0])}** with **{escape(chain_name(*cell[1:]))}**"


def _ranks(ranking: Ranking, standing: RankComparison | None) -> list[str]:
    words = _unlabeled(ranking)
    if not ranking.datasets:
        return [words]
    header, rows = rank_table(ranking, standing)
    metrics = ", ".join(dict.fromkeys(METRICS[name].title for name in ranking.metrics.values()))
    notes = [
        f"1 is best. Cells are ranked on each data set by their mean over seeds ({metrics} "
        "accuracy); ties share the mean of their ranks.",
        "A cell that failed or was skipped on a data set, if only with one seed, shares the worst "
        "ranks there with others that did." * bool((ranking.states != "ok").any(axis=None)),
        "A mean rank depends on which cells are in the table: leave one out, and others may change "
        "places.",
        _protocol(standing),
        words,
    ]
    return [table(header, rows, 2), " ".join(note for note in notes if note)]


def _unlabeled(ranking: Ranking) -> str:
    if not ranking.unlabeled:
        return ""
    names = ", ".join(map(escape, ranking.unlabeled))
    return f"Without labels, and so without accuracy and rank: {names}."


def _protocol(standing: RankComparison | None) -> str:
    if standing is None:
        return ""
    by_friedman = ""
    if standing.friedman is not None:
        by_friedman = (
            f", and if Friedman's test says that not all are equal (here p = "
            f"{standing.friedman:.2g}), with all of them and again without those of a worse mean "
            "rank"
        )
    return (
        "Cells that were finished on every data set are held against the one of them with the "
        f"best mean rank. *{WORSE.capitalize()}* is said if an exact Wilcoxon signed-rank test "
        f"over the data sets says so (Holm's correction for {len(standing.adjusted)} "
        f"comparisons, level 0.05){by_friedman}. All else has *{ALIKE}* from the *{BEST}*."
    )


def _run_section(records: pd.DataFrame) -> str:
    first = records.iloc[0]
    rows = [
        [
            str(name),
            f"{of_set.iloc[0]['images']:,} of {of_set.iloc[0]['images_in_source']:,}",
            f"{of_set.iloc[0]['validation_images']:,}",
            "yes" if of_set.iloc[0]["labeled"] else "no",
            f"{of_set.iloc[0]['clusters']}",
            f"SHA-256 {of_set.iloc[0]['dataset_fingerprint'][:16]}",
        ]
        for name, of_set in records.groupby("dataset", sort=False)
    ]
    header = ["data set", "images", "validation images", "labeled", "clusters", "fingerprint"]
    return (
        f"{table(header, rows, 1)}\n\nPreset {escape(first['preset'])}, "
        f"{records['seed_index'].nunique()} seeds, base seed {first['base_seed']}. `results.csv` "
        "holds the records of all data sets, each data set's folder its own report, pictures and "
        "assignments. The same grids run again with `python -m bench.grid --config grid.toml`."
    )
