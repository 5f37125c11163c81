"""results.md: what was found, what was run, and what the words mean."""

from __future__ import annotations

import re
from urllib.parse import quote

import pandas as pd
from tabulate import tabulate

from bench.console import duration
from bench.errors import one_line
from bench.evidence import seeds_needed
from bench.metrics import METRICS
from bench.presets import PRESETS, REPORT_CHAIN
from bench.records import LIBRARIES, distinct_seconds
from bench.report.figures import FOLDER, Figure
from bench.report.tables import (
    REPORT_BATCHES,
    grid_table,
    mean_and_spread,
    report_table,
    sure,
)
from bench.stages import STAGES
from bench.summary import best_cell, leading_metric, summary
from bench.verdicts import ALIKE, WORSE


def render(records: pd.DataFrame, figures: list[Figure]) -> str:
    """Write the report of a grid.

    Parameters
    ----------
    records : DataFrame
        As `bench.records.collect` makes them.
    figures : list of Figure
        Pictures to show and to link.
    """
    first = records.iloc[0]
    parts = [
        f"# latentgrid: {escape(first['dataset'])}",
        _headline(records),
        "## The report's table",
        _report_section(records),
        "## The whole grid",
        _grid_section(records),
        *_null_section(records),
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
    labelled = records["largest_class"].notna().any()
    failed = int(records.drop_duplicates(["model", "chain"])["null_error"].notna().sum())
    parts = [
        _headline(records) if labelled else f"{records.iloc[0]['images']:,} images without labels.",
        _grid_section(records),
        f"**The null control of {failed} cells failed;** see the whole report." if failed else "",
    ]
    return "\n\n".join(part for part in parts if part)


def escape(text: str) -> str:
    """Have Markdown show text as it is, whatever characters it holds."""
    return re.sub(r"([\\`*_\[\]<>|#~&$])", r"\\\1", one_line(str(text)))


def _table(header: list[str], rows: list[list[str]], numbers_from: int) -> str:
    """Lay out a table; columns from ``numbers_from`` on are right-aligned."""
    align = ["left"] * numbers_from + ["right"] * (len(header) - numbers_from)
    # No line break within a number and its spread.
    escaped = [[escape(cell).replace(" ± ", "\u00a0±\u00a0") for cell in row] for row in rows]
    return tabulate(escaped, headers=header, tablefmt="pipe", disable_numparse=True, colalign=align)


table = _table  # for pages beside this one


def _seeds(records: pd.DataFrame) -> str:
    count = records["seed_index"].nunique()
    return f"{count} seed{'s' if count > 1 else ''}"


def _headline(records: pd.DataFrame) -> str:
    failed = int((records["status"] == "failed").sum())
    warning = f" **{failed} of {len(records)} cells failed;** see below." if failed else ""
    best = best_cell(records)
    metric = leading_metric(records)
    images = f"{records.iloc[0]['images']:,} images"
    skipped = int((records["status"] == "skipped").sum())
    if skipped:
        warning += f" **{skipped} of {len(records)} cells were skipped;** see below."
    if failed + skipped == len(records):
        return f"**No cell was finished: {failed} failed, {skipped} were skipped;** see below."
    if best is None or metric is None:
        return (
            f"{images} without labels: no accuracy can be told. Every cell's clusters are in "
            f"`assignments/`.{warning}"
        )
    cells = summary(records)
    row = cells[(cells["model"] == best.model) & (cells["chain"] == best.chain)].iloc[0]
    done = int(row["seeds"] - row["failed"] - row["skipped"])
    if metric == "public_accuracy":
        shown, chosen, doubt = "private_accuracy", "public half", ""
    else:
        shown, chosen = metric, "validation images"
        doubt = " It was chosen by the same images, so the figure is a little too high."
    return (
        f"Highest on the {chosen}: **{escape(best.model)}** with **{escape(best.chain)}**, "
        f"{METRICS[shown].title} accuracy **{mean_and_spread(row, shown)}** (mean ± standard "
        f"deviation over {done} seed{'s' * (done > 1)}, {images}).{doubt} "
        f"{_standing(records, row)} A seed of it takes {duration(row['seconds'])}, from images to "
        f"score.{warning}"
    )


def _standing(records: pd.DataFrame, best: pd.Series) -> str:
    """Say how sure the best cell's accuracy is, and which others it cannot be told from."""
    if pd.isna(best["accuracy_low"]):
        return "With one seed nothing is known of how far seeds move it."
    over = "seeds and images" if records.iloc[0]["independent_images"] else "seeds alone"
    said = f"Its accuracy over all images: 95% interval {sure(best)}, over {over}."
    cells = summary(records)
    alike, worse = (int((cells["verdict"] == word).sum()) for word in (ALIKE, WORSE))
    if not alike + worse:
        return said
    if not alike:
        return f"{said} **All {worse} other cells are worse**, by the same seeds and images."
    count, needed = records["seed_index"].nunique(), seeds_needed(alike + worse)
    said += (
        f" **With {_seeds(records)}, {alike} of {alike + worse} other cells cannot be told "
        "from it.**"
    )
    if count < needed:
        said += f" {needed} seeds are the least with which that number of cells could be."
    return said


def _report_section(records: pd.DataFrame) -> str:
    chain, header, rows = report_table(records)
    first = records.iloc[0]
    batches = -(-int(first["images"]) // int(first["batch_size"]))
    note = (
        f"Chain: {escape(chain)}, then k-means with {first['clusters']} clusters. Mean ± standard "
        f"deviation over {_seeds(records)}. The loss at its reported scale is a sum over an "
        f"epoch's batches, here {batches} and in the report {REPORT_BATCHES}, so that only the "
        f"loss per pixel can be compared (the report's: its sum divided by {REPORT_BATCHES}). "
        "The report's rows were measured on 9,000 other images, one seed each. Models that are "
        "not trained have no loss at the reported scale."
    )
    cut = _cut(records)
    return "\n\n".join(part for part in (_table(header, rows, 1), note, cut) if part)


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
    metric = leading_metric(records)
    order = f"Best first, by {METRICS[metric].title} accuracy. " if metric else ""
    parts = [f"{order}Mean ± standard deviation over seeds. {_protocol(records)}"]
    parts.append(_table(header, rows, 2))
    failed = records[records["status"] == "failed"]
    if len(failed):
        parts.append("### Failed cells")
        causes = [
            [r["model"], r["chain"], str(r["seed_index"]), r["failed_stage"], r["error"]]
            for _, r in failed.iterrows()
        ]
        parts.append(_table(["model", "chain", "seed", "stage", "error"], causes, 5))
    skipped = records[records["status"] == "skipped"]
    if len(skipped):
        parts.append("### Skipped cells")
        groups = skipped.groupby(["model", "chain", "skip_reason"], sort=False)
        reasons = [[str(m), str(c), str(len(g)), str(why)] for (m, c, why), g in groups]
        parts.append(_table(["model", "chain", "seeds", "reason"], reasons, 4))
    return "\n\n".join(parts)


def _protocol(records: pd.DataFrame) -> str:
    """Say what intervals and comparisons are, in words."""
    if records["accuracy_low"].isna().all():
        return ""
    first = records.iloc[0]
    images = (
        "both sources of doubt, seeds and images"
        if first["independent_images"]
        else "seeds only: the images are not independent, and nothing is said of others"
    )
    return (
        f"The interval is of accuracy and joins {images}. *Worse* is said of a cell only if an "
        "exact sign-flip test over the seeds that it shares with the best (Holm's correction for "
        f"{records.groupby(['model', 'chain']).ngroups - 1} comparisons, level 0.05) and the "
        "paired interval over images both say so; by how much stands beside it, with its 95% "
        "interval. All else is *not told apart*."
    )


def _null_section(records: pd.DataFrame) -> list[str]:
    """Show each cell's silhouette beside what its chain makes of data without clusters."""
    if records["null_artifacts"].fillna("").eq("").all() and records["null_error"].isna().all():
        return []
    cells = summary(records)
    rows = [
        [row["model"], row["chain"], mean_and_spread(row, "silhouette"), *_against_null(row)]
        for _, row in cells.iterrows()
    ]
    note = (
        "*Of its null* is the silhouette that the same chain and k-means reach on one Gaussian "
        "with the covariance of the same codes, in which there are no clusters: what t-SNE or UMAP "
        "make up. One draw a model and chain, with the first seed. A cell that does not beat its "
        "null shows no clusters that the codes' covariance alone would not show as well. "
        "Silhouettes of different chains live in different spaces and are not compared."
    )
    header = ["model", "chain", "silhouette", "of its null", ""]
    return ["## What is real", note, _table(header, rows, 2)]


def _against_null(row: pd.Series) -> list[str]:
    if pd.notna(row["null_error"]):
        return ["failed", str(row["null_error"])]
    if pd.isna(row["null_silhouette"]) or pd.isna(row["silhouette"]):
        return ["–", ""]
    beats = row["silhouette"] > row["null_silhouette"]
    return [f"{row['null_silhouette']:.3f}", "" if beats else "does not beat its null"]


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
    labelled = "labelled" if first["labelled"] else "unlabelled"
    facts = [
        [
            "data set",
            f"{first['dataset']}: {first['images']:,} of {first['images_in_source']:,} "
            f"images, {labelled}{validation}",
        ],
        ["fingerprint", f"SHA-256 {first['dataset_fingerprint'][:16]}"],
        ["preset", first["preset"]],
        [
            "recipe",
            f"Adam, learning rate {first['lr']:g}, {first['epochs']} epochs, batches of "
            f"{first['batch_size']}",
        ],
        ["clusters", f"{first['clusters']}, by {first['clusterer']}"],
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
                [f"Python {first['python']}", *(f"{name} {first[name]}" for name in LIBRARIES)]
            ),
        ],
    ]
    parts = [_table(["what", "value"], facts, 2)]
    if pd.notna(first["dataset_notes"]) and first["dataset_notes"]:
        parts.append(f"About the data: {escape(first['dataset_notes'])}")
    parts.append(_durations(records))
    parts.append("The same grid runs again with `python -m bench.grid --config grid.toml`.")
    return "\n\n".join(parts)


def _durations(records: pd.DataFrame) -> str:
    rows, total, total_warm = [], 0.0, 0.0
    for stage in (*STAGES, "null"):
        count, seconds, warm_up = distinct_seconds(records, stage)
        rows.append([stage, str(count), duration(seconds), duration(warm_up)])
        total, total_warm = total + seconds, total_warm + warm_up
    rows.append(["all", "", duration(total), duration(total_warm)])
    text = (
        "Wall clock by stage. Work that cells share was done once and is counted once; warm-up "
        "is imports and compilation, and in no other figure."
    )
    return f"{text}\n\n" + _table(["stage", "runs", "time", "warm-up"], rows, 1)


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
    return _table(["heading", "column of results.csv", "better", "range", "meaning"], rows, 5)
