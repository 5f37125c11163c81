"""Every table of a report on one data set: which columns it has, and how its numbers are written.

Rows are those of `bench.analysis.results.Results.summary`.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import replace
from functools import partial
from operator import attrgetter
from typing import Any

import pandas as pd
from markupsafe import Markup

from bench.analysis import failures
from bench.analysis.inference import Interval
from bench.analysis.results import LOSSES, Results
from bench.analysis.selection import Selection
from bench.analysis.verdicts import BEST, GROUP, STEP_DOWN, WORSE
from bench.base.naming import DEFAULT_CLUSTERER, chain_name, pipeline_name
from bench.planning.baselines import NO_REDUCTION
from bench.planning.presets import REPORT_CHAIN
from bench.report.columns import MISSING, Column, Table, numbers, words
from bench.report.terms import meaning
from bench.stages.metrics.metric import Metric
from bench.stages.metrics.table import METRICS

CHANCE = "always the largest class"

# The groups that pipelines stand in where a model is pretrained; the last is of rows that are none.
GROUPS = NOT_PRETRAINED, PRETRAINED, COMPARED = ("Not pretrained", "Pretrained", "For comparison")

# The HW5 report, section 1: sums over 141 batches of 64 of 9,000 images, 100 epochs.
HW5 = ("CNN", 7.41368, 0.79589), ("DNN", 6.72101, 0.81089)
HW5_BATCHES = 141

BESIDE = ("nmi", "ami", "ari")  # metrics in a table of their own, after that of all pipelines

WIDTH = 180.0  # of a drawn interval, in CSS pixels

MANY = 12  # seeds: an estimate above is not worth a number


# Texts


def mean_and_spread(row: pd.Series, metric: str, column: str = "") -> str:
    """Write a metric of a summary row: ``0.812 ± 0.013``, ``failed``, or a dash.

    ``column`` has the mean, if it is not called like the metric.
    """
    column = column or metric
    mean, std = row[column], row[f"{column}_std"]
    if pd.isna(mean):
        return missing(row)
    if isinstance(mean, str):
        return mean
    digits = METRICS[metric].digits
    spread = "" if pd.isna(std) else f" ± {std:.{digits}f}"
    return f"{mean:.{digits}f}{spread}"


def missing(row: pd.Series) -> str:
    """Say why a summary row has no number: ``failed``, ``skipped``, or a dash."""
    return failures.state(row) if row["failed"] + row["skipped"] >= row["seeds"] else MISSING


def format_ci(row: pd.Series) -> str:
    """Write the 95% interval of a summary row's score, ``0.050 to 0.150``, or a dash."""
    low, high = row["interval_low"], row["interval_high"]
    return MISSING if pd.isna(low) else f"{low:.3f} to {high:.3f}"


def behind(row: pd.Series) -> str:
    """Write how far a summary row is behind the best, with its interval: ``0.100 ± 0.050``."""
    half = row["behind_best_half"]
    return f"{row['behind_best']:.3f}" + ("" if pd.isna(half) else f" ± {half:.3f}")


def against_best(row: pd.Series) -> str:
    """Write a summary row's verdict, with the difference and what would tell more."""
    return "".join(_verdict(row))


def _verdict(row: pd.Series) -> tuple[str, str]:
    verdict = row["verdict"]
    if verdict == STEP_DOWN:
        return f"{STEP_DOWN}: behind by {behind(row)}", f"; {row['worse_than']} is ahead"
    if verdict not in (WORSE, GROUP):
        return MISSING if pd.isna(verdict) else str(verdict), ""
    short = "worse" if verdict == WORSE else "in the group"
    more = would_tell(row["seeds_needed"]), "equivalent" * bool(row["equivalent"])
    return f"{short}: behind by {behind(row)}", "".join(f"; {each}" for each in more if each)


def selection_columns(of: Callable[[Any], Selection] = lambda row: row) -> list[Column]:
    """Return the columns on what a score selects; ``of`` returns the `Selection` of a row."""
    return [
        words("would select", lambda row: selected(of(row))),
        Column("rank correlation, 95%", lambda row: correlation(of(row).correlation)),
        numbers("regret", lambda row: of(row).regret, ".3f"),
        words("against the best", lambda row: verdicts(of(row))),
        numbers("pipelines", lambda row: of(row).count, "d"),
    ]


def correlation(found: Interval) -> str:
    """Write a rank correlation with its 95% interval: ``+0.94 (+0.80 to +0.98)``."""
    if pd.isna(found.mean):
        return MISSING
    limits = "" if pd.isna(found.low) else f" ({found.low:+.2f} to {found.high:+.2f})"
    return f"{found.mean:+.2f}{limits}"


def selected(found: Selection) -> str:
    """Name the pipelines that a score selects; of more than four that are tied the first three."""
    names = [pipeline_name(*each) for each in found.pipelines]
    if len(names) == 1:
        return names[0]
    shown = names if len(names) <= 4 else [*names[:3], f"{len(names) - 3} more"]
    return f"{len(names)} tied: {'; '.join(shown)}"


def verdicts(found: Selection) -> str:
    """Write the verdict on the pipeline that a score selects, with numbers if several are tied."""
    counts = Counter(found.verdicts)
    if len(found.pipelines) == 1:
        return next(iter(counts), MISSING)
    return ", ".join(f"{count} {verdict}" for verdict, count in counts.items()) or MISSING


def would_tell(seeds: float) -> str:
    """Say how many seeds would tell a pipeline from the best; empty where that is not known."""
    if pd.isna(seeds):
        return ""
    if math.isinf(seeds):
        return "more seeds will not tell; more images would"
    return f"{f'about {seeds:.0f}' if seeds <= MANY else 'many'} seeds would tell"


# Columns


def pipeline_columns(results: Results) -> list[Column]:
    """Return the columns that name a pipeline; the clusterer only if it is not k-means alone."""
    columns = [
        _name("model", "encoder"),
        _name("chain", "reducer chain", html=partial(_with_reason, results)),
    ]
    if (results.records["clusterer"] != DEFAULT_CLUSTERER).any():
        columns.append(_name("clusterer", "clusterer"))
    return columns


def _name(part: str, term: str, **settings: Any) -> Column:
    """Return the column that names a part of a pipeline."""
    read = attrgetter(part)
    return words(part, read, meaning=meaning(term), choice=read, stays=True, **settings)


def _with_reason(results: Results, row: pd.Series) -> Markup:
    """Show a chain, and why runs of the pipeline failed or were skipped."""
    reasons = failures.reasons(results.rows((row["model"], row["chain"], row["clusterer"])))
    shown = Markup('<p class="reason"><strong>{}</strong> {}</p>')
    return Markup("{}{}").format(
        row["chain"], shown.format(failures.state(row), reasons) if reasons else ""
    )


def metric_column(name: str) -> Column:
    """Return the column of a metric: mean and standard deviation over seeds."""
    metric = METRICS[name]
    return Column(
        metric.title,
        lambda row: mean_and_spread(row, name),
        order=lambda row: row[name],
        meaning=metric.meaning,
        descending=metric.higher_is_better,
        within=_side if name in LOSSES else None,
        name=name,
    )


def _side(row: pd.Series) -> float:
    return 0.0 if pd.isna(row["image_size"]) else float(row["image_size"])


def size_columns(results: Results) -> list[Column]:
    """Return the column of the sizes that losses are of, where there are several."""
    size = Column(
        "image size",
        lambda row: f"{_side(row):.0f}×{_side(row):.0f}" if _side(row) else MISSING,
        order=lambda row: row["image_size"],
        meaning="of the images that the model is given: a loss can only be compared with another "
        "at the same size",
    )
    return [size] if len(results.loss_sizes) > 1 else []


def metric_names(results: Results, table: str, left_out: tuple[str, ...] = ()) -> list[str]:
    """Return a table's metrics that some record has; what is compared is first."""
    names = [name for name, metric in METRICS.items() if table in metric.tables]
    names = [n for n in names if n not in left_out and results.records[n].notna().any()]
    return sorted(names, key=lambda name: name != results.metric)


def metric_columns(results: Results, table: str, left_out: tuple[str, ...] = ()) -> list[Column]:
    """Return the columns of `metric_names`.

    The size of images stands before the loss, where there are several.
    """
    names = metric_names(results, table, left_out)
    columns = [metric_column(name) for name in names]
    if losses := [number for number, name in enumerate(names) if name in LOSSES]:
        columns[losses[0] : losses[0]] = size_columns(results)
    return columns


def interval_column(results: Results) -> Column:
    """Return the column of 95% intervals; on the page they are drawn as well."""
    return Column(
        f"{METRICS[results.metric].title}, 95%",
        format_ci,
        html=partial(_drawn, results),
        meaning=meaning("95% interval"),
    )


def _drawn(results: Results, row: pd.Series) -> Markup:
    mean, low, high = row[results.metric], row["interval_low"], row["interval_high"]
    if pd.isna(mean):
        return Markup(MISSING)
    found = results.summary[[results.metric, "interval_low", "interval_high"]].astype(float)
    largest = chance(results)
    marks = [found.min().min(), found.max().max(), *([] if largest is None else [largest])]
    least, most = min(marks), max(marks)

    def x(value: float) -> float:
        return round(4 + (WIDTH - 8) * (value - least) / max(most - least, 1e-9), 1)

    shapes = [Markup('<circle cx="{}" cy="9" r="4"/>').format(x(mean))]
    if pd.notna(low):
        shapes.append(Markup('<line x1="{}" x2="{}" y1="9" y2="9"/>').format(x(low), x(high)))
    if largest is not None:
        line = Markup('<line class="chance" x1="{0}" x2="{0}" y1="1" y2="17"/>')
        shapes.append(line.format(x(largest)))
    return Markup(
        '<svg class="interval" width="{0:.0f}" height="18" viewBox="0 0 {0:.0f} 18" role="img" '
        'aria-label="{1}">{2}</svg> <span class="quiet">{1}</span>'
    ).format(WIDTH, format_ci(row), Markup().join(shapes))


def chance(results: Results) -> float | None:
    """Return the accuracy of always naming the largest class; None where there is no accuracy."""
    largest = results.records["largest_class"].iloc[0]
    return float(largest) if results.labeled and pd.notna(largest) else None


AGAINST_BEST = words(
    "against the best",
    against_best,
    html=lambda row: Markup('<span class="nowrap">{}</span>{}').format(*_verdict(row)),
    order=lambda row: 0.0 if row["verdict"] == BEST else row["behind_best"],
    choice=lambda row: MISSING if pd.isna(row["verdict"]) else row["verdict"],
    meaning=meaning("behind by"),
)
SEEDS = Column(
    "seeds",
    lambda row: MISSING if pd.isna(row["seeds"]) else failures.seeds(row),
    meaning=meaning("seed"),
)
SECONDS = numbers("seconds", "seconds", ".2f", meaning="time of one run, from images to clusters")


# Tables


def of_pipelines(results: Results, columns: Iterable[Column | None], rows: Any = None) -> Table:
    """Return a table of pipelines, a row each, best first; by default of all of them."""
    table = Table.of(columns, results.summary if rows is None else rows)
    return in_groups(table, results, lambda row: row["model"])


def in_groups(table: Table, results: Results, model_of: Callable[[Any], str]) -> Table:
    """Put the rows of pretrained models into a group of their own, after the others."""
    if not results.pretrained:
        return table
    models = set(results.records["model"])

    def group(row: Any) -> str:
        model = model_of(row)
        known = PRETRAINED if model in results.pretrained else NOT_PRETRAINED
        return known if model in models else COMPARED

    rows = sorted(table.rows, key=lambda row: GROUPS.index(group(row)))
    return replace(table, rows=rows, group=group)


def main_metrics(results: Results) -> list[Metric]:
    """Return the metrics in the brief table of all pipelines, in order of its columns."""
    names = metric_names(results, "labeled" if results.labeled else "unlabeled", BESIDE)
    return [METRICS[name] for name in names or [results.metric]]


def grid(results: Results, brief: bool = False) -> Table:
    """Return the table of all pipelines, best first; a brief one leaves out `BESIDE` metrics."""
    which = "labeled" if results.labeled else "unlabeled"
    left_out = BESIDE if brief else ()
    first, *rest = metric_columns(results, which, left_out) or [metric_column(results.metric)]
    columns = [
        *pipeline_columns(results),
        *(first, interval_column(results), AGAINST_BEST),
        *rest,
        SEEDS,
    ]
    return of_pipelines(results, columns)


def with_chance(table: Table, results: Results) -> Table:
    """Return the table with a last row for always naming the largest class."""
    largest = chance(results)
    if largest is None:
        return table
    row = _row(results, model=CHANCE, chain=MISSING, clusterer=MISSING, **{results.metric: largest})
    return replace(table, rows=[*table.rows, row])


def _row(results: Results, **values: object) -> pd.Series:
    """Return a row that is no pipeline's: what it does not name is missing."""
    return pd.Series(values, index=results.summary.columns, dtype=object)


def page(results: Results, before: list[Column]) -> Table:
    """Return the page's table of all pipelines: ranks, reasons, times, and all metrics.

    The columns ``before`` come first. Metrics that no other table of all pipelines shows are hidden
    until they are asked for.
    """
    table = grid(results)
    rank = Column(
        "rank",
        lambda row: str(row.name + 1),
        order=lambda row: row.name + 1,
        sorted=True,
        stays=True,
    )
    there = {column.key for column in table.columns}
    more = [
        replace(metric_column(name), hidden=True)
        for name in METRICS
        if name not in there and results.records[name].notna().any()
    ]
    return replace(table, columns=[*before, rank, *table.columns, SECONDS, *more])


def hw5(results: Results) -> tuple[str, Table]:
    """Return the table in the form of the HW5 report: a row a model, for one chain.

    Returns
    -------
    chain : str
        The HW5 report's chain if the grid has it, else the first that reduces.
    table : Table
    """
    chains = list(dict.fromkeys(results.records["chain"]))
    reducing = [chain for chain in chains if chain != NO_REDUCTION]
    chain = REPORT_CHAIN if REPORT_CHAIN in chains else [*reducing, *chains][0]
    accuracies = [
        metric_column(name)
        for name in METRICS
        if name.endswith("accuracy") and results.records[name].notna().any()
    ] or [metric_column("accuracy")]
    model, _, *clusterer = pipeline_columns(results)
    explained = results.records["reconstruction_r2"].notna().any()
    columns = [
        *(model, *clusterer, *size_columns(results), metric_column("summed_batch_mse")),
        metric_column("reconstruction_loss"),
        metric_column("reconstruction_r2") if explained else None,
        *(*accuracies, interval_column(results)),
    ]
    return chain, of_pipelines(results, columns, results.summary[results.summary["chain"] == chain])


def hw5_own() -> Table:
    """Return the HW5 report's own two rows."""
    columns = [
        words("model", lambda row: row[0]),
        Column("summed batch MSE", lambda row: f"{row[1]:.5f}"),
        Column("MSE", lambda row: f"{row[1] / HW5_BATCHES:.4f}"),
        Column("accuracy", lambda row: f"{row[2]:.5f}"),
    ]
    return Table.of(columns, HW5)


def null_reference(results: Results) -> Table:
    """Return the table of the clusters found, each silhouette beside its null reference."""
    records, requested = results.records, int(results.records.iloc[0]["clusters"])
    referred = records["null_artifacts"].fillna("").ne("") | records["null_error"].notna()
    columns = [
        *pipeline_columns(results),
        numbers("clusters", "clusters_found", ".0f"),
        metric_column("ari") if records["ari"].notna().any() else None,
        metric_column("silhouette"),
        Column("null reference", _null) if referred.any() else None,
        Column("draws below", _draws_below) if referred.any() else None,
        words("", partial(_flags, requested)),
    ]
    return of_pipelines(results, columns)


def _null(row: pd.Series) -> str:
    if pd.notna(row["null_error"]):
        return "failed"
    return mean_and_spread(row, "silhouette", "null_silhouette")


def _draws_below(row: pd.Series) -> str:
    if pd.isna(row["null_below"]):
        return MISSING
    return f"{row['null_below']:.0f} of {row['null_draws']:.0f}"


def _flags(requested: int, row: pd.Series) -> str:
    """Say what is wrong with a pipeline's clusters; empty where nothing is."""
    flags = []
    if pd.notna(row["clusters_found"]) and row["clusters_found"] != requested:
        more = int(row["clusters_found"]) - requested
        flags.append(f"{abs(more)} {'more' if more > 0 else 'fewer'} clusters than requested")
    if pd.notna(row["noise"]) and row["noise"] > 0:
        flags.append(f"{row['noise']:.0f} images in no cluster")
    if pd.notna(row["null_error"]):
        flags.append(str(row["null_error"]))
    elif row["null_below"] < row["null_draws"]:
        flags.append("does not beat its null reference")
    return "; ".join(flags)


def beside(results: Results) -> Table | None:
    """Return the table of the scores that the brief one leaves out; None where none is known."""
    columns = [metric_column(name) for name in BESIDE if results.records[name].notna().any()]
    return of_pipelines(results, [*pipeline_columns(results), *columns]) if columns else None


def embeddings(results: Results) -> Table | None:
    """Return the table of what embeddings keep of their codes; None where nothing was measured."""
    columns = metric_columns(results, "embedding")
    if not columns:
        return None
    return of_pipelines(results, [*pipeline_columns(results), *columns])


def without_labels(results: Results) -> Table:
    """Return the table of the scores that need no labels."""
    columns = metric_columns(results, "selection")
    return of_pipelines(results, [*pipeline_columns(results), *columns])


def latex(results: Results) -> Table:
    """Return the table for a paper."""
    columns = metric_columns(results, "latex" if results.labeled else "unlabeled")
    interval = Column("95% interval", format_ci)
    return of_pipelines(results, [*pipeline_columns(results), *columns, interval])


def heat_map(results: Results) -> tuple[pd.DataFrame, pd.DataFrame, pd.DataFrame]:
    """Return scores, their texts and their spreads, models by chains, in the order of the records.

    A spread is ``± 0.012``, or empty.
    """
    rows = results.summary
    chains = [chain_name(*row) for row in rows[["chain", "clusterer"]].itertuples(index=False)]
    frame = pd.DataFrame(
        {
            "model": rows["model"],
            "chain": chains,
            "score": rows[results.metric],
            "text": [_heat_text(row, results.metric) for _, row in rows.iterrows()],
            "spread": ["" if pd.isna(s) else f"± {s:.3f}" for s in rows[f"{results.metric}_std"]],
        }
    )
    pairs = results.records[["chain", "clusterer"]].drop_duplicates().itertuples(index=False)
    models = sorted(results.records["model"].unique(), key=results.pretrained.__contains__)
    columns = [chain_name(*pair) for pair in pairs]
    scores, texts, spreads = (
        frame.pivot(index="model", columns="chain", values=name).reindex(models)[columns]
        for name in ("score", "text", "spread")
    )
    # Where models and chains are not all combined, there are fields without a pipeline.
    return scores.astype(float), texts.fillna(""), spreads.fillna("")


def _heat_text(row: pd.Series, metric: str) -> str:
    """Write a field of the heat map; a star says that some seeds were not finished."""
    if pd.isna(row[metric]):
        return missing(row)
    return f"{row[metric]:.3f}" + "*" * (failures.state(row) != "ok")
