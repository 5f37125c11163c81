"""results.md on one data set: what was found, what was run, and what the words mean."""

from __future__ import annotations

from urllib.parse import quote

import pandas as pd

from bench.analysis.inference import ALIKE, WORSE
from bench.analysis.records import BESIDE, LIBRARIES, distinct_seconds
from bench.analysis.results import PIPELINE, Results
from bench.analysis.selection import DEFAULT, SCORES, select
from bench.analysis.suggest import choose, leading
from bench.base import keys
from bench.base.naming import DEFAULT_CLUSTERER, pipeline_name
from bench.base.times import duration
from bench.planning.presets import PRESETS, REPORT_CHAIN
from bench.report import headline, tables
from bench.report.columns import Column, Table, escape, numbers, to_markdown, words
from bench.report.figures import FOLDER, Figure
from bench.report.headline import count_seeds, over, plural
from bench.stages import stages_of_runs
from bench.stages.metrics.table import METRICS


def render(results: Results, figures: list[Figure], curve: pd.DataFrame | None = None) -> str:
    """Write the report on one data set.

    Parameters
    ----------
    results : Results
    figures : list of Figure
        Pictures to show and to link.
    curve : DataFrame or None
        The scores by which the number of clusters was suggested, if it was.
    """
    parts = [
        f"# latentgrid: {escape(results.records.iloc[0]['dataset'])}",
        headline.render(results),
        *("## The HW5 report's table", _hw5(results)),
        *("## All pipelines", _grid(results)),
        *_null_reference(results),
        *without_labels(results),
        *_how_many(curve),
        *("## Pictures", _pictures(figures)),
        *("## What was run", run_section(results)),
        *("## What the words mean", _words()),
    ]
    return "\n\n".join(part for part in parts if part) + "\n"


def summary_section(results: Results) -> str:
    """Write the part on one data set of a report on several."""
    failed = int(results.records.drop_duplicates(PIPELINE)["null_error"].notna().sum())
    parts = [
        headline.render(results),
        _grid(results),
        f"**The null reference of {plural(failed, 'pipeline')} failed;** see the whole report."
        if failed
        else "",
    ]
    return "\n\n".join(part for part in parts if part)


def _hw5(results: Results) -> str:
    chain, table = tables.hw5(results)
    first = results.records.iloc[0]
    batches = -(-int(first["images"]) // int(first["batch_size"]))
    by = results.records["clusterer"].unique()
    then = "" if "clusterer" in table.header else f", then {_clusterer(by[0])}"
    note = (
        f"Chain: {escape(chain)}{then}; {first['clusters']} clusters. Mean ± standard deviation "
        f"over {count_seeds(results)}. The summed batch MSE is a sum over the batches of an epoch, "
        f"{batches} here and {tables.HW5_BATCHES} in the HW5 report, so only the MSE can be "
        f"compared. The MSE of the HW5 report is its sum divided by {tables.HW5_BATCHES}. Its rows "
        "were measured on 9,000 other images, one seed each. Models that are not trained have no "
        "summed batch MSE."
    )
    return "\n\n".join([to_markdown(table), note, _changes(first, set(results.records["chain"]))])


def _clusterer(name: str) -> str:
    return "k-means" if name == DEFAULT_CLUSTERER else escape(name)


def _changes(first: pd.Series, chains: set[str]) -> str:
    """Say how the run differs from the HW5 report's recipe."""
    recipe = PRESETS["homework"].settings
    changes = []
    if first["images"] != first["images_in_source"]:
        changes.append(
            f"{first['images']:,} of the data set's {first['images_in_source']:,} images"
        )
    for name, form in (
        ("epochs", "{} instead of {} epochs"),
        ("lr", "learning rate {:g} instead of {:g}"),
        ("batch_size", "batches of {} instead of {}"),
    ):
        if first[name] != recipe[name]:
            changes.append(form.format(first[name], recipe[name]))
    if REPORT_CHAIN not in chains:
        changes.append(f"no chain {escape(REPORT_CHAIN)}")
    if not changes:
        return "The training settings are those of the HW5 report."
    return (
        f"**Differences from the HW5 report's recipe:** {', '.join(changes)}. They are the same "
        "for every model."
    )


def _grid(results: Results) -> str:
    order = f"Best first, by {_primary(results)}. " if results.has_scores else ""
    notes = [
        f"{order}{results.records.iloc[0]['images']:,} images; mean ± standard deviation over "
        f"{count_seeds(results)}.",
        _kinds(results.records),
        _protocol(results),
    ]
    table = tables.with_chance(tables.grid(results), results)
    parts = [" ".join(note for note in notes if note), to_markdown(table)]
    names = tables.pipeline_columns(results)
    failed = results.records[results.records["status"] == "failed"]
    if len(failed):
        columns = [*names, words("seed", "seed_index"), words("stage", "failed_stage")]
        parts += ["### Failed runs", _list([*columns, words("error", "error")], failed)]
    skipped = results.records[results.records["status"] == "skipped"]
    if len(skipped):
        by = skipped.groupby([*PIPELINE, "skip_reason"], sort=False).size().rename("count")
        columns = [*names, words("seeds", lambda row: row["count"])]
        columns.append(words("reason", "skip_reason"))
        parts += ["### Skipped runs", _list(columns, by.reset_index())]
    return "\n\n".join(parts)


def _list(columns: list[Column], rows: pd.DataFrame) -> str:
    return to_markdown(Table.of(columns, rows))


def _primary(results: Results) -> str:
    title = METRICS[results.metric].title
    return f"{title} accuracy" if results.labeled else title


def _kinds(records: pd.DataFrame) -> str:
    """Say which scores are transductive and which inductive."""
    notes = []
    if records["accuracy"].notna().any():
        notes.append(
            "*Accuracy*, its halves, NMI, AMI and ARI are transductive: the images that are scored "
            "are those that were encoded, reduced and clustered, without their labels."
        )
    if records["validation_accuracy"].notna().any():
        notes.append(
            "*Validation* accuracy is inductive: unseen images go through the fitted encoder, each "
            "reducer's transform and the clusterer's predict. Nothing is fitted again."
        )
    return " ".join(notes)


def _protocol(results: Results) -> str:
    """Say what intervals and verdicts are."""
    if results.records["interval_low"].isna().all():
        return ""
    score = "accuracy" if results.labeled else METRICS[results.shown].title
    alone = (
        ""
        if results.records.iloc[0]["independent_images"]
        else (": the images are not independent, so nothing is inferred about others")
    )
    shared = (
        ""
        if results.labeled
        else " Images share neighbors, so the part of the images is slightly too narrow."
    )
    return (
        f"The interval is of {score} and covers the uncertainty from {over(results)}{alone}."
        f"{shared} A pipeline is *{WORSE}* only if two tests agree: an exact sign-flip test over "
        "the seeds that it shares with the best (Holm's correction for "
        f"{len(results.summary) - 1} comparisons, level 0.05) and the paired interval over "
        f"images. The difference follows, with its 95% interval. Otherwise there is *{ALIKE}*."
    )


def _null_reference(results: Results) -> list[str]:
    """Show the clusters that were found, and what the embeddings keep of the codes."""
    if results.summary["clusters_found"].isna().all():
        return []
    table = tables.null_reference(results)
    notes = [
        "*Clusters* is the number that have images, of "
        f"{int(results.records.iloc[0]['clusters'])} requested, in the seed that has fewest. "
        "Accuracy can rise where clusters collapse and ARI falls to 0."
    ]
    if "null reference" in table.header:
        notes.append(
            "The *null reference* is the silhouette of the same chain and clusterer on data "
            "without clusters: one Gaussian with the covariance of the same codes, drawn once for "
            "each model and chain, with the first seed. t-SNE and UMAP show groups even there. A "
            "pipeline that is not above its null reference shows no clusters beyond what that "
            "covariance explains. Silhouettes of different chains belong to different spaces and "
            "cannot be compared."
        )
    parts = ["## Clusters and null reference", " ".join(notes), to_markdown(table)]
    kept = tables.embeddings(results)
    if kept is not None:
        parts += [
            "### What embeddings keep",
            "How much of the neighborhoods among the codes is kept in the space that was "
            "clustered; 1 is all. By the 10 nearest neighbors, on up to 2,000 images; mean ± "
            "standard deviation over seeds. A high value says that a chain is faithful to its "
            "codes, not that the codes are good."
            + " Only kNN label purity uses labels."
            * ("kNN label purity" in kept.header),
            to_markdown(kept),
        ]
    return parts


def without_labels(results: Results) -> list[str]:
    """Rank the pipelines of unlabeled data; of labeled data, show what would have been selected."""
    parts = _selected(results) if results.labeled else _ranked(results)
    return ["## Selection without labels", *parts] if parts else []


def _ranked(results: Results) -> list[str]:
    table = tables.without_labels(results)
    if METRICS["knn_modularity"].title not in table.header:
        return []
    failed = results.summary["resample_error"].dropna().unique()
    return [
        "Best first, by kNN modularity: how often neighbors in the reference space share a "
        "cluster, beyond chance. That space is the same for all pipelines and is no model's: "
        "fixed random filters. Stability compares the clusters with those of the same chain on "
        "four fifths of the images, with the same encoder. A silhouette belongs to the space of "
        "its pipeline and cannot be compared across chains. The MSE is shown for completeness: it "
        "is 0 for the identity. Mean ± standard deviation over seeds.",
        to_markdown(table),
        *(f"**A resample failed:** {escape(message)}" for message in failed),
    ]


def _selected(results: Results) -> list[str]:
    found = select(results)
    if not found:
        return []
    columns = [
        words("score", "score"),
        words("what it is", lambda row: SCORES[row.score].meaning),
        words("would select", lambda row: pipeline_name(*row.pipeline)),
        numbers("rank correlation", "correlation", "+.2f"),
        numbers("regret", "regret", ".3f"),
        numbers("pipelines", "count", "d"),
    ]
    return [
        "What these labeled images say about selection without labels: for each score, its rank "
        "correlation with mean accuracy over pipelines (Spearman's), the pipeline that it would "
        "select, and its *regret*, the best pipeline's mean accuracy less that of the selected "
        f"one. Unlabeled data are ranked by {DEFAULT}.",
        to_markdown(Table.of(columns, found)),
    ]


def _how_many(curve: pd.DataFrame | None) -> list[str]:
    """Show by which scores the number of clusters was suggested; empty where it was given."""
    if curve is None:
        return []
    pipelines = leading(curve)
    found = pd.DataFrame({"mean": pipelines.mean(axis=1), "error": pipelines.sem(axis=1)})
    columns = [
        words("clusters", lambda row: row.name),
        Column(METRICS["knn_modularity"].title, _mean_and_error),
        words("", lambda row: "suggested" if row.name == choose(curve) else ""),
    ]
    every = curve.groupby(["model", "chain"]).ngroups
    return [
        "## How many clusters",
        "kNN modularity of k-means in the embeddings of the first seed, here by the 10 nearest "
        "neighbors, which show smaller groups than 30. Mean ± standard error over the better half "
        f"of the pipelines, {pipelines.shape[1]} of {every}. The suggestion is the least number "
        "within one standard error of the highest mean. Groups within groups have no single "
        "number: look at the curve. `clusters.csv` has it for each pipeline.",
        to_markdown(Table.of(columns, found)),
    ]


def _mean_and_error(row: pd.Series) -> str:
    return f"{row['mean']:.3f}" + ("" if pd.isna(row["error"]) else f" ± {row['error']:.3f}")


def _pictures(figures: list[Figure]) -> str:
    parts = [
        f"### {escape(figure.title)}\n\n![{escape(figure.title)}]({_link(figure)})\n\n"
        f"{escape(figure.caption)}"
        for figure in figures
        if not figure.detail
    ]
    details = [f"[{escape(figure.title)}]({_link(figure)})" for figure in figures if figure.detail]
    if details:
        parts.append("Each embedding by itself: " + " · ".join(details))
    return "\n\n".join(parts) or "None."


def _link(figure: Figure) -> str:
    return f"{FOLDER}/{quote(figure.path.name)}"


def run_section(results: Results) -> str:
    """Write what was run, on one data set or several."""
    records, first = results.records, results.records.iloc[0]
    by_set = results.by_dataset()
    of_sets = Table.of(
        [
            words("data set", "dataset"),
            Column("images", lambda row: f"{row['images']:,} of {row['images_in_source']:,}"),
            numbers("validation images", "validation_images", ",d"),
            words("labeled", lambda row: "yes" if row["labeled"] else "no"),
            words("clusters", "clusters"),
            words("fingerprint", lambda row: f"SHA-256 {row['dataset_fingerprint'][:16]}"),
        ],
        [of_set.records.iloc[0] for of_set in by_set.values()],
    )
    budget = f", within {first['budget']}" if pd.notna(first.get("budget")) else ""
    varied = "everything" if first["vary"] == "all" else f"the {first['vary']} only"
    libraries = (f"{name} {first[name]}" for name in LIBRARIES if _is_there(first, name))
    facts = {
        "preset": first["preset"],
        "recipe": f"Adam, learning rate {first['lr']:g}, {first['epochs']} epochs, batches of "
        f"{first['batch_size']}{budget}",
        "clusterers": ", ".join(records["clusterer"].unique()),
        "seeds": f"{records['seed_index'].nunique()}, base seed {first['base_seed']}, drawn anew "
        f"for {varied}",
        "device": f"{first['device']}, {first['precision']}, {first['threads']} threads, "
        f"{first['platform']}, {first['processor']}",
        "versions": ", ".join([f"Python {first['python']}", *libraries]),
    }
    columns = [words("what", lambda row: row[0]), words("value", lambda row: row[1])]
    parts = [to_markdown(of_sets), to_markdown(Table.of(columns, facts.items()))]
    for name, of_set in by_set.items():
        notes = of_set.records.iloc[0]["dataset_notes"]
        if pd.notna(notes) and notes:
            parts.append(f"About {escape(name)}: {escape(notes)}")
    parts.append(_durations(records))
    parts.append("`python -m bench.grid --config grid.toml` runs the same grid again.")
    return "\n\n".join(parts)


def _is_there(record: pd.Series, library: str) -> bool:
    """Return whether a library was installed; records of an earlier release do not name all."""
    return record.get(library, keys.ABSENT) != keys.ABSENT


def _durations(records: pd.DataFrame) -> str:
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
    return (
        "Wall-clock time by stage. Tasks that pipelines share ran once and are counted once. "
        "Warm-up is imports and compilation, and is in no other time.\n\n"
        + to_markdown(Table.of(columns, rows))
    )


def _words() -> str:
    columns = [
        words("heading", "title"),
        words("column of results.csv", "name"),
        words("better", lambda metric: "higher" if metric.higher_is_better else "lower"),
        words("range", "range"),
        words("meaning", "meaning"),
    ]
    return to_markdown(Table.of(columns, METRICS.values()))
