"""What is real: collapse, the null control, and what an embedding keeps of its codes."""

from __future__ import annotations

import pandas as pd

from bench.analysis.results import Results
from bench.base.naming import chain_name
from bench.report.layout import table
from bench.report.tables import MISSING, mean_and_spread, metrics_to_show
from bench.stages.metrics.table import METRICS

EMBEDDING = ("trustworthiness", "continuity", "knn_preservation", "knn_label_purity")


def sections(records: pd.DataFrame) -> list[str]:
    """Write the section; empty where no cell was clustered."""
    cells = Results(records).summary
    if cells["clusters_found"].isna().all():
        return []
    return ["## What is real", *_clusters(records, cells), *_embedding(records, cells)]


def _clusters(records: pd.DataFrame, cells: pd.DataFrame) -> list[str]:
    """Show empty clusters, and each silhouette beside what its chain makes of no clusters."""
    controlled = records["null_artifacts"].fillna("").ne("") | records["null_error"].notna()
    sought = int(records.iloc[0]["clusters"])
    note = (
        f"*Clusters* is how many have images, of {sought} sought, in the seed that has fewest: "
        "a collapse must be seen, since accuracy can rise where ARI falls to 0."
    )
    header = ["model", "chain", "clusters", "ARI", "silhouette"]
    if records["ari"].isna().all():
        header.remove("ARI")
    if controlled.any():
        header.append("of its null")
        note += (
            " *Of its null* is the silhouette that the same chain and clusterer reach on one "
            "Gaussian with the covariance of the same codes, in which there are no clusters: what "
            "t-SNE or UMAP make up. One draw a model and chain, with the first seed. A cell that "
            "does not beat its null shows no clusters that the codes' covariance alone would not "
            "show as well. Silhouettes of different chains live in different spaces and are not "
            "compared."
        )
    rows = []
    for _, row in cells.iterrows():
        known = {
            "clusters": MISSING
            if pd.isna(row["clusters_found"])
            else f"{row['clusters_found']:.0f}",
            "ARI": mean_and_spread(row, "ari"),
            "silhouette": mean_and_spread(row, "silhouette"),
            "of its null": _null(row),
        }
        values = [known[name] for name in header[2:]]
        chain = chain_name(row["chain"], row["clusterer"])
        rows.append([row["model"], chain, *values, _flags(row, sought)])
    return [note, table([*header, ""], rows, 2)]


def _null(row: pd.Series) -> str:
    if pd.notna(row["null_error"]):
        return "failed"
    return MISSING if pd.isna(row["null_silhouette"]) else f"{row['null_silhouette']:.3f}"


def _flags(row: pd.Series, sought: int) -> str:
    """Say what is wrong with a cell's clusters; empty where nothing is."""
    flags = []
    if pd.notna(row["clusters_found"]) and row["clusters_found"] < sought:
        flags.append(f"{sought - int(row['clusters_found'])} clusters fewer than sought")
    if pd.notna(row["clusters_found"]) and row["clusters_found"] > sought:
        flags.append(f"{int(row['clusters_found']) - sought} clusters more than sought")
    if pd.notna(row["noise"]) and row["noise"] > 0:
        flags.append(f"{row['noise']:.0f} images in no cluster")
    if pd.notna(row["null_error"]):
        flags.append(str(row["null_error"]))
    elif pd.notna(row["null_silhouette"]) and row["silhouette"] <= row["null_silhouette"]:
        flags.append("does not beat its null")
    return "; ".join(flags)


def _embedding(records: pd.DataFrame, cells: pd.DataFrame) -> list[str]:
    names = metrics_to_show(records, EMBEDDING)
    if not names:
        return []
    rows = [
        [
            row["model"],
            chain_name(row["chain"], row["clusterer"]),
            *(mean_and_spread(row, name) for name in names),
        ]
        for _, row in cells.iterrows()
    ]
    note = (
        "What the space that was clustered keeps of the codes: 1 is all. By the 10 nearest "
        "neighbors, on up to 2,000 images; mean ± standard deviation over seeds. High values say "
        "that a chain is true to its codes, not that the codes are good"
        + ("; kNN label purity alone asks for labels." if "knn_label_purity" in names else ".")
    )
    titles = [METRICS[name].title for name in names]
    return ["### What embeddings keep", note, table(["model", "chain", *titles], rows, 2)]
