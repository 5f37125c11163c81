"""results.md on one data set: what was found, and what was run."""

from __future__ import annotations

from typing import Any

import pandas as pd

from bench.analysis import failures
from bench.analysis.choices import Choices
from bench.analysis.record_columns import BESIDE
from bench.analysis.records import LIBRARIES, distinct_seconds
from bench.analysis.results import PIPELINE, Results
from bench.analysis.selection import SCORES, select
from bench.analysis.suggest import choose, leading
from bench.base import keys
from bench.base.errors import count
from bench.base.naming import DEFAULT_CLUSTERER
from bench.base.times import duration
from bench.planning.presets import PRESETS, REPORT_CHAIN
from bench.report import choices, headline, tables
from bench.report.columns import Column, Table, numbers, words
from bench.report.figures import Figure
from bench.report.templates import markdown, title
from bench.stages import stages_of_runs


def render(
    results: Results,
    figures: list[Figure],
    curve: pd.DataFrame | None = None,
    found: Choices | None = None,
    speed: bool = False,
) -> str:
    """Write the report on one data set.

    Parameters
    ----------
    results : Results
    figures : list of Figure
        Pictures to show and to link.
    curve : DataFrame or None
        The scores by which the number of clusters was suggested, if it was.
    found : Choices or None
        Which choice mattered; None where the store is not at hand.
    speed : bool
        Whether the folder has a run of the benchmark suite, so that its page is named.
    """
    clustered = not results.summary["clusters_found"].isna().all()
    text = markdown(
        "results.md",
        it=facts(results),
        figures=figures,
        hw5=_hw5(results),
        beside=tables.beside(results),
        choices=choices.facts(results, found or Choices()),
        null=tables.null_reference(results) if clustered else None,
        kept=tables.embeddings(results) if clustered else None,
        selection=_selected(results) if results.labeled else _ranked(results),
        curve=None if curve is None else _how_many(curve),
        ran=run_facts(results),
        metrics=tables.main_metrics(results),
        speed=speed,
    )
    return f"{text}\n"


def facts(results: Results) -> dict[str, Any]:
    """Return what the section on all pipelines reads."""
    records = results.records
    names = tables.pipeline_columns(results)
    seed, stage = words("seed", "seed_index"), words("stage", "failed_stage")
    seeds, reason = words("seeds", lambda row: row["count"]), words("reason", "skip_reason")
    return headline.facts(results) | {
        "headline": headline.render(results),
        "pipelines": tables.with_chance(tables.grid(results, brief=True), results),
        "failures": Table.of(
            [*names, seed, stage, words("error", "error")], failures.failed(records)
        ),
        "skips": Table.of([*names, seeds, reason], failures.skipped(records)),
        "null_failed": int(records.drop_duplicates(PIPELINE)["null_error"].notna().sum()),
    }


def _hw5(results: Results) -> dict[str, Any]:
    chain, table = tables.hw5(results)
    first, quick = results.records.iloc[0], PRESETS["quick"].settings
    is_demonstration = first["preset"] == "quick" and first["dataset"] == quick["dataset"]
    clusterer = None if "clusterer" in table.header else first["clusterer"]
    return {
        "chain": chain,
        "table": table,
        "clusterer": "k-means" if clusterer == DEFAULT_CLUSTERER else clusterer,
        "batches": -(-results.images_per_seed // int(first["batch_size"])),
        "changes": _changes(results),
        "own": tables.hw5_own() if is_demonstration or first["preset"] == "homework" else None,
    }


def _changes(results: Results) -> list[str]:
    """Say how the run differs from the HW5 report's recipe."""
    first, chains = results.records.iloc[0], set(results.records["chain"])
    recipe = PRESETS["homework"].settings
    changes = []
    if first["images"] != first["images_in_source"]:
        changes.append(
            f"{first['images']:,} of the data set's {first['images_in_source']:,} images"
        )
    if results.subsampled:
        changes.append(f"each seed on {results.images_per_seed:,} of its images")
    for name, form in (
        ("epochs", "{} instead of {} epochs"),
        ("lr", "learning rate {:g} instead of {:g}"),
        ("batch_size", "batches of {} instead of {}"),
        ("schedule", "learning-rate schedule {} instead of {}"),
    ):
        if first[name] != recipe[name]:
            changes.append(form.format(first[name], recipe[name]))
    if REPORT_CHAIN not in chains:
        changes.append(f"no chain {REPORT_CHAIN}")
    return changes


def _ranked(results: Results) -> Table | None:
    """Return the scores of unlabeled data."""
    table = tables.without_labels(results)
    return table if title("knn_modularity") in table.header else None


def _selected(results: Results) -> Table | None:
    """Return what would have been selected without the labels."""
    columns = [
        words("score", "name"),
        words("meaning", lambda row: SCORES[row.score].meaning),
        *tables.selection_columns(),
    ]
    found = select(results)
    return Table.of(columns, found) if found else None


def _how_many(curve: pd.DataFrame) -> dict[str, Any]:
    """Return by which scores the number of clusters was suggested."""
    pipelines, suggested = leading(curve), choose(curve)
    found = pd.DataFrame({"mean": pipelines.mean(axis=1), "error": pipelines.sem(axis=1)})
    columns = [
        words("clusters", lambda row: row.name),
        Column(title("knn_modularity"), _mean_and_error),
        words("", lambda row: "suggested" if row.name == suggested else ""),
    ]
    return {
        "table": Table.of(columns, found),
        "leading": pipelines.shape[1],
        "every": curve.groupby(["model", "chain"]).ngroups,
    }


def _mean_and_error(row: pd.Series) -> str:
    return f"{row['mean']:.3f}" + ("" if pd.isna(row["error"]) else f" ± {row['error']:.3f}")


def run_facts(results: Results) -> dict[str, Any]:
    """Return what was run, on one data set or several."""
    firsts = {name: each.records.iloc[0] for name, each in results.by_dataset().items()}
    subsampled = any(each.subsampled for each in results.by_dataset().values())
    columns = [
        words("data set", "dataset"),
        Column("images", lambda row: f"{row['images']:,} of {row['images_in_source']:,}"),
        numbers("images per seed", "images_per_seed", ",d") if subsampled else None,
        numbers("validation images", "validation_images", ",d"),
        Column("image size", _form) if _form(next(iter(firsts.values()))) else None,
        words("labeled", lambda row: "yes" if row["labeled"] else "no"),
        words("clusters", "clusters"),
        words("fingerprint", lambda row: f"SHA-256 {row['dataset_fingerprint'][:16]}"),
    ]
    notes = {name: first["dataset_notes"] for name, first in firsts.items()}
    return {
        "datasets": Table.of(columns, firsts.values()),
        "settings": _settings(results.records),
        "notes": {name: text for name, text in notes.items() if pd.notna(text) and text},
        "durations": _durations(results.records),
    }


def _form(first: pd.Series) -> str:
    """Write the form of a grid's images, ``64×64, crop``; empty for records that do not say."""
    size = first.get("grid_image_size")
    return f"{size:.0f}×{size:.0f}, {first['fit']}" if pd.notna(size) else ""


def _settings(records: pd.DataFrame) -> Table:
    first = records.iloc[0]
    budget = f", within {first['budget']}" if pd.notna(first.get("budget")) else ""
    varied = "everything" if first["vary"] == "all" else f"the {first['vary']} only"
    # Records of an earlier release do not name all libraries.
    there = [name for name in LIBRARIES if first.get(name, keys.ABSENT) != keys.ABSENT]
    facts = {
        "preset": first["preset"],
        "training": f"Adam, learning rate {first['lr']:g} ({first['schedule']}), "
        f"{first['epochs']} epochs, batches of {first['batch_size']}{budget}",
        "clusterers": ", ".join(records["clusterer"].unique()),
        "seeds": f"{records['seed_index'].nunique()}, base seed {first['base_seed']}, new seeds "
        f"for {varied}",
        "device": f"{first['device']}, {first['precision']}, {count(first['threads'], 'thread')}, "
        f"{first['platform']}, {first['processor']}",
        "versions": ", ".join(
            [f"Python {first['python']}", *(f"{name} {first[name]}" for name in there)]
        ),
    }
    columns = [words("setting", lambda row: row[0]), words("value", lambda row: row[1])]
    return Table.of(columns, facts.items())


def _durations(records: pd.DataFrame) -> Table:
    rows: list[tuple[str, int | str, float, float]] = [
        (stage, *distinct_seconds(records, stage)) for stage in (*stages_of_runs(), *BESIDE)
    ]
    rows.append(("all", "", sum(row[2] for row in rows), sum(row[3] for row in rows)))
    columns = [
        words("stage", lambda row: row[0]),
        Column("tasks", lambda row: str(row[1])),
        Column("time", lambda row: duration(row[2])),
        Column("warm-up", lambda row: duration(row[3])),
    ]
    return Table.of(columns, rows)
