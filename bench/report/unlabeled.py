"""Without labels: cells ranked by evidence that needs none, and how far that can be trusted."""

from __future__ import annotations

import pandas as pd

from bench.analysis.results import Results
from bench.analysis.selection import DEFAULT, SCORES, select
from bench.analysis.suggest import choose, leading
from bench.base.naming import chain_name, pipeline_name
from bench.report.layout import escape, table
from bench.report.tables import MISSING, mean_and_spread, metrics_to_show
from bench.stages.metrics.table import METRICS

EVIDENCE = (
    "knn_modularity",
    "reference_silhouette",
    "stability",
    "silhouette",
    "reconstruction_loss",
)


def sections(records: pd.DataFrame) -> list[str]:
    """Write the section; empty where there is nothing to say."""
    said = _trusted(records) if Results(records).labeled else _ranked(records)
    return ["## Without labels", *said] if said else []


def _ranked(records: pd.DataFrame) -> list[str]:
    """Rank the cells of unlabeled data."""
    names = metrics_to_show(
        records, ("knn_modularity", "stability", "silhouette", "reconstruction_loss")
    )
    if "knn_modularity" not in names:
        return []
    cells = Results(records).summary
    rows = [
        [
            row["model"],
            chain_name(row["chain"], row["clusterer"]),
            *(mean_and_spread(row, name) for name in names),
        ]
        for _, row in cells.iterrows()
    ]
    failed = cells["resample_error"].dropna().unique()
    return [
        "Best first, by kNN modularity: how far neighbors in one space that is no model's (fixed "
        "random filters) share a cluster, beyond chance. The reference silhouette is of the same "
        "space. Agreement is with the clusters of the "
        "same chain on four fifths of the images, the encoder kept. Silhouettes are of each "
        "cell's own space and are not compared across chains. Reconstruction loss is shown, but 0 "
        "for the identity is no evidence. Mean ± standard deviation over seeds.",
        table(["model", "chain", *(METRICS[name].title for name in names)], rows, 2),
        *(f"**A resample failed:** {escape(message)}" for message in failed),
    ]


def _trusted(records: pd.DataFrame) -> list[str]:
    """Show, where labels are known, what would have been picked without them."""
    found = select(Results(records))
    if not found:
        return []
    rows = [
        [
            each.score,
            SCORES[each.score].meaning,
            pipeline_name(*each.pipeline),
            MISSING if pd.isna(each.correlation) else f"{each.correlation:+.2f}",
            f"{each.regret:.3f}",
            str(each.count),
        ]
        for each in found
    ]
    header = ["score", "what it is", "would pick", "rank correlation", "regret", "cells"]
    return [
        "What these labeled images say of choosing without labels: the rank correlation of each "
        "score with mean accuracy over cells (Spearman's), the cell that the score would have "
        "picked, and its *regret*, the best cell's mean accuracy less the pick's. Unlabeled data "
        f"are ranked by {DEFAULT}.",
        table(header, rows, 3),
    ]


def how_many(curve: pd.DataFrame | None) -> list[str]:
    """Show what the number of clusters was suggested by; empty where it was given."""
    if curve is None:
        return []
    cells = leading(curve)
    error = cells.std(axis=1, ddof=1) / cells.shape[1] ** 0.5
    chosen = choose(curve)
    rows = [
        [
            str(number),
            f"{mean:.3f}" + ("" if pd.isna(error[number]) else f" ± {error[number]:.3f}"),
            "suggested" if number == chosen else "",
        ]
        for number, mean in cells.mean(axis=1).items()
    ]
    every = curve.groupby(["model", "chain"]).ngroups
    note = (
        "KNN modularity of k-means in the embeddings of the first seed, here by the 10 nearest "
        "neighbors, which see smaller groups than 30: mean ± standard error over the "
        f"better half of the cells, {cells.shape[1]} of {every}. Suggested is the least number "
        "within one standard error of the highest. Groups within groups have no one number: look "
        "at the curve. `clusters.csv` has it for each cell."
    )
    return ["## How many clusters", note, table(["clusters", "kNN modularity", ""], rows, 1)]
