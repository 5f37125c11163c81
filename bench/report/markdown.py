"""results.md: what was found, what was run, and what the words mean."""

from __future__ import annotations

from urllib.parse import quote

import pandas as pd

from bench.analysis.inference import ALIKE, WORSE
from bench.analysis.records import BESIDE, LIBRARIES, distinct_seconds
from bench.analysis.results import PIPELINE, Results
from bench.base import keys
from bench.base.naming import chain_name
from bench.base.times import duration
from bench.clusterers.named import DEFAULT
from bench.planning.presets import PRESETS, REPORT_CHAIN
from bench.report import headline, reality, unlabeled
from bench.report.figures import FOLDER, Figure
from bench.report.layout import count_seeds, escape, table
from bench.report.tables import REPORT_BATCHES, grid_table, report_table
from bench.stages import stages_of_runs
from bench.stages.metrics.table import METRICS


def render(records: pd.DataFrame, figures: list[Figure], curve: pd.DataFrame | None = None) -> str:
    """Write the report of a grid.

    Parameters
    ----------
    records : DataFrame
        As `bench.analysis.records.collect` makes them.
    figures : list of Figure
        Pictures to show and to link.
    curve : DataFrame or None
        What the number of clusters was suggested by, if it was.
    """
    first = records.iloc[0]
    parts = [
        f"# latentgrid: {escape(first['dataset'])}",
        headline.render(records),
        "## The report's table",
        _report_section(records),
        "## The whole grid",
        _grid_section(records),
        *reality.sections(records),
        *unlabeled.sections(records),
        *unlabeled.how_many(curve),
        "## Pictures",
        _pictures(figures),
        "## What was run",
        _run_section(records),
        "## What the words mean",
        _words(),
    ]
    return "\n\n".join(parts) + "\n"


def section_of_set(records: pd.DataFrame) -> str:
    """Write what a report on several data sets says of one of them."""
    failed = int(records.drop_duplicates(PIPELINE)["null_error"].notna().sum())
    parts = [
        headline.render(records),
        _grid_section(records),
        f"**The null control of {failed} cells failed;** see the whole report." if failed else "",
    ]
    return "\n\n".join(part for part in parts if part)


def _is_there(record: pd.Series, library: str) -> bool:
    """Tell whether a library was there; records of an earlier release do not name all."""
    return record.get(library, keys.ABSENT) != keys.ABSENT


def _then(records: pd.DataFrame, chain: str) -> str:
    """Return a chain with the clusterer behind it, also where that goes without saying."""
    by = records.loc[records["chain"] == chain, "clusterer"].iloc[0]
    return f"{chain}, then k-means" if by == DEFAULT else chain_name(chain, by)


def _report_section(records: pd.DataFrame) -> str:
    chain, header, rows = report_table(records)
    first = records.iloc[0]
    batches = -(-int(first["images"]) // int(first["batch_size"]))
    note = (
        f"Chain: {escape(_then(records, chain))}; {first['clusters']} clusters. Mean ± standard "
        f"deviation over {count_seeds(records)}. The loss at its reported scale is a sum over an "
        f"epoch's batches, here {batches} and in the report {REPORT_BATCHES}, so that only the "
        f"MSE can be compared (the report's: its sum divided by {REPORT_BATCHES}). "
        "The report's rows were measured on 9,000 other images, one seed each. Models that are "
        "not trained have no loss at the reported scale."
    )
    cut = _cut(records)
    return "\n\n".join(part for part in (table(header, rows, 1), note, cut) if part)


def _cut(records: pd.DataFrame) -> str:
    """Say where the run did less than the report, or otherwise."""
    first = records.iloc[0]
    recipe = PRESETS["homework"].settings
    differs = []
    if first["images"] != first["images_in_source"]:
        differs.append(f"{first['images']:,} of the set's {first['images_in_source']:,} images")
    if first["epochs"] != recipe["epochs"]:
        differs.append(f"{first['epochs']} epochs in place of {recipe['epochs']}")
    if first["lr"] != recipe["lr"]:
        differs.append(f"learning rate {first['lr']:g} in place of {recipe['lr']:g}")
    if REPORT_CHAIN not in set(records["chain"]):
        differs.append(f"without the chain {escape(REPORT_CHAIN)}")
    if first["batch_size"] != recipe["batch_size"]:
        differs.append(f"batches of {first['batch_size']} in place of {recipe['batch_size']}")
    if not differs:
        return "The training settings are the report's."
    return (
        f"**What was cut or changed against the report's recipe:** {', '.join(differs)}; the "
        "same for every model."
    )


def _grid_section(records: pd.DataFrame) -> str:
    header, rows = grid_table(records)
    results = Results(records)
    order = f"Best first, by {_leading(results.metric)}. " if results.has_scores else ""
    said = [
        f"{order}{records.iloc[0]['images']:,} images; mean ± standard deviation over "
        f"{count_seeds(records)}.",
        _kinds(records),
        _protocol(records),
    ]
    parts = [" ".join(part for part in said if part)]
    parts.append(table(header, rows, 2))
    failed = records[records["status"] == "failed"]
    if len(failed):
        parts.append("### Failed cells")
        causes = [
            [
                r["model"],
                chain_name(r["chain"], r["clusterer"]),
                str(r["seed_index"]),
                r["failed_stage"],
                r["error"],
            ]
            for _, r in failed.iterrows()
        ]
        parts.append(table(["model", "chain", "seed", "stage", "error"], causes, 5))
    skipped = records[records["status"] == "skipped"]
    if len(skipped):
        parts.append("### Skipped cells")
        groups = skipped.groupby([*PIPELINE, "skip_reason"], sort=False)
        reasons = [
            [str(m), chain_name(str(c), str(by)), str(len(g)), str(why)]
            for (m, c, by, why), g in groups
        ]
        parts.append(table(["model", "chain", "seeds", "reason"], reasons, 4))
    return "\n\n".join(parts)


def _leading(metric: str) -> str:
    title = METRICS[metric].title
    return title if metric == "knn_modularity" else f"{title} accuracy"


def _kinds(records: pd.DataFrame) -> str:
    """Say which figures are transductive and which inductive."""
    said = []
    if records["accuracy"].notna().any():
        said.append(
            "*Accuracy*, its halves, NMI, AMI and ARI are transductive: the images that are scored "
            "are those that were encoded, reduced and clustered, without their labels."
        )
    if records["validation_accuracy"].notna().any():
        said.append(
            "*Validation* is inductive: unseen images go through the fitted encoder, each "
            "reducer's transform and the clusterer's predict; nothing is fitted again."
        )
    return " ".join(said)


def _protocol(records: pd.DataFrame) -> str:
    """Say what intervals and comparisons are, in words."""
    if records["interval_low"].isna().all():
        return ""
    first = records.iloc[0]
    what = "accuracy" if Results(records).labeled else "kNN modularity"
    images = (
        "both sources of doubt, seeds and images"
        if first["independent_images"]
        else "seeds only: the images are not independent, and nothing is said of others"
    )
    overlap = (
        " Images share neighbors, so that the images' part of it is a little too narrow."
        if what == "kNN modularity"
        else ""
    )
    return (
        f"The interval is of {what} and joins {images}.{overlap} *{WORSE.capitalize()}* is said of a cell only if "
        "an exact sign-flip test over the seeds that it shares with the best (Holm's correction "
        f"for {records.groupby(PIPELINE).ngroups - 1} comparisons, level 0.05) and the "
        "paired interval over images both say so; by how much stands beside it, with its 95% "
        f"interval. All else has *{ALIKE}*."
    )


def _pictures(figures: list[Figure]) -> str:
    shown = [
        f"### {escape(figure.title)}\n\n![{escape(figure.title)}]({_link(figure)})\n\n"
        f"{escape(figure.caption)}"
        for figure in figures
        if not figure.detail
    ]
    details = [f"[{escape(figure.title)}]({_link(figure)})" for figure in figures if figure.detail]
    if details:
        shown.append("Each plane by itself: " + " · ".join(details))
    return "\n\n".join(shown) or "None."


def _link(figure: Figure) -> str:
    return f"{FOLDER}/{quote(figure.path.name)}"


def _run_section(records: pd.DataFrame) -> str:
    first = records.iloc[0]
    validation = (
        f", {first['validation_images']:,} validation images" if first["validation_images"] else ""
    )
    labeled = "labeled" if first["labeled"] else "unlabeled"
    facts = [
        [
            "data set",
            f"{first['dataset']}: {first['images']:,} of {first['images_in_source']:,} "
            f"images, {labeled}{validation}",
        ],
        ["fingerprint", f"SHA-256 {first['dataset_fingerprint'][:16]}"],
        ["preset", first["preset"]],
        [
            "recipe",
            f"Adam, learning rate {first['lr']:g}, {first['epochs']} epochs, batches of "
            f"{first['batch_size']}"
            + (f", within {first['budget']}" if pd.notna(first.get("budget")) else ""),
        ],
        ["clusters", f"{first['clusters']}, by {', '.join(records['clusterer'].unique())}"],
        [
            "seeds",
            f"{records['seed_index'].nunique()}, base seed {first['base_seed']}, drawn anew for "
            + ("everything" if first["vary"] == "all" else f"the {first['vary']} only"),
        ],
        [
            "device",
            f"{first['device']}, {first['precision']}, {first['threads']} threads, "
            f"{first['platform']}, {first['processor']}",
        ],
        [
            "versions",
            ", ".join(
                [
                    f"Python {first['python']}",
                    *(f"{name} {first[name]}" for name in LIBRARIES if _is_there(first, name)),
                ]
            ),
        ],
    ]
    parts = [table(["what", "value"], facts, 2)]
    if pd.notna(first["dataset_notes"]) and first["dataset_notes"]:
        parts.append(f"About the data: {escape(first['dataset_notes'])}")
    parts.append(_durations(records))
    parts.append("The same grid runs again with `python -m bench.grid --config grid.toml`.")
    return "\n\n".join(parts)


def _durations(records: pd.DataFrame) -> str:
    rows, total, total_warm = [], 0.0, 0.0
    for stage in (*stages_of_runs(), *BESIDE):
        count, seconds, warm_up = distinct_seconds(records, stage)
        rows.append([stage, str(count), duration(seconds), duration(warm_up)])
        total, total_warm = total + seconds, total_warm + warm_up
    rows.append(["all", "", duration(total), duration(total_warm)])
    text = (
        "Wall clock by stage. Work that cells share was done once and is counted once; warm-up "
        "is imports and compilation, and in no other figure."
    )
    return f"{text}\n\n" + table(["stage", "runs", "time", "warm-up"], rows, 1)


def _words() -> str:
    rows = [
        [
            metric.title,
            metric.name,
            "higher" if metric.higher_is_better else "lower",
            metric.range,
            metric.meaning,
        ]
        for metric in METRICS.values()
    ]
    return table(["heading", "column of results.csv", "better", "range", "meaning"], rows, 5)
