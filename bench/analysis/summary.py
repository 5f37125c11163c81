"""Records summarized by cell: mean and spread over seeds, best first."""

from __future__ import annotations

from dataclasses import dataclass

import pandas as pd

from bench.stages import stages
from bench.stages.metrics.clustering import METRICS

# What `bench.analysis.verdicts` says of a cell, the same in each of its records: the 95% interval of its
# accuracy; by how much the best cell's is higher, with interval and adjusted p-value; and the
# verdict in words.
VERDICT_COLUMNS = (
    "interval_low",
    "interval_high",
    "behind_best",
    "behind_best_low",
    "behind_best_high",
    "behind_best_p",
    "verdict",
)

# What a cell's chain makes of data without clusters, and why that or the agreement under fewer
# images could not be told.
BESIDE_COLUMNS = ("null_silhouette", "null_error", "resample_error")


def by_dataset(records: pd.DataFrame) -> dict[str, pd.DataFrame]:
    """Return the records of each data set, in the order of the records."""
    groups = records.groupby("dataset", sort=False)
    return {str(name): group.reset_index(drop=True) for name, group in groups}


def leading_metric(records: pd.DataFrame) -> str | None:
    """Return the metric that decides which cell is best.

    Public accuracy; validation accuracy where the training images have no labels; kNN modularity, which
    asks for none, where nothing is labeled. None where no cell got as far.
    """
    done = records[records["status"] == "ok"]
    for name in ("public_accuracy", "validation_accuracy", "knn_modularity"):
        if done[name].notna().any():
            return name
    return None


def leading_accuracy(records: pd.DataFrame) -> str | None:
    """Return the accuracy that pictures and headlines show: of training images if labeled."""
    for name in ("accuracy", "validation_accuracy"):
        if records[name].notna().any():
            return name
    return None


def judged_by(records: pd.DataFrame) -> str | None:
    """Return what cells are compared by, in pictures, headlines and verdicts.

    An accuracy if something is labeled, else kNN modularity; None where no cell got as far.
    """
    accuracy = leading_accuracy(records)
    done = records[records["status"] == "ok"]
    if accuracy is None and done["knn_modularity"].notna().any():
        return "knn_modularity"
    return accuracy


@dataclass(frozen=True)
class Best:
    """The best cell and the seed that stands for it.

    Attributes
    ----------
    model, chain : str
    seed_index : int
        Its median seed by the leading metric.
    """

    model: str
    chain: str
    seed_index: int


def median_seed(cell: pd.DataFrame, metric: str | None) -> int:
    """Return the seed index whose metric is the (lower) median; the first without a metric."""
    done = cell[cell["status"] == "ok"]
    if metric is not None and done[metric].notna().any():
        done = done[done[metric].notna()].sort_values([metric, "seed_index"])
        return int(done["seed_index"].iloc[(len(done) - 1) // 2])
    return int(done["seed_index"].min())


def best_cell(records: pd.DataFrame) -> Best | None:
    """Return the cell with the highest mean of the leading metric; None if no cell has one.

    Cells of which some seeds failed or were skipped come after the others: the seeds that are
    left are not those that the others were measured with.
    """
    metric = leading_metric(records)
    if metric is None:
        return None
    first = summary(records).iloc[0]
    model, chain = str(first["model"]), str(first["chain"])
    cell = records[(records["model"] == model) & (records["chain"] == chain)]
    return Best(model, chain, median_seed(cell, metric))


def summary(records: pd.DataFrame) -> pd.DataFrame:
    """Summarize cells over their seeds.

    Returns
    -------
    DataFrame
        A row for each model and chain, best first, then those of which seeds failed or were
        skipped: ``model``, ``chain``, ``seeds``, ``failed``, ``skipped``, and for each metric
        ``NAME`` (mean), ``NAME_std`` (sample standard deviation; missing for fewer than two
        results that were computed apart: what does not depend on the seed is one result and not
        several), ``clusters_found`` (least), ``noise`` (mean number of images in no cluster),
        ``seconds`` (mean time of a seed, from images to clusters) and the columns
        `VERDICT_COLUMNS` and `BESIDE_COLUMNS`.
    """
    cells = [records["model"], records["chain"]]
    numbers = records[list(METRICS)].apply(pd.to_numeric)
    # Measured before the scores: what failed after it must not lead.
    numbers["knn_modularity"] = numbers["knn_modularity"].where(records["status"] == "ok")
    by_cell = numbers.groupby(cells, sort=False)
    made = {
        name: records[f"{metric.stage}_artifacts"].where(numbers[name].notna())
        for name, metric in METRICS.items()
    }
    apart = pd.DataFrame(made).groupby(cells, sort=False).nunique()
    status = records["status"].groupby(cells, sort=False)
    counts = pd.DataFrame(
        {
            "seeds": status.size(),
            "failed": status.agg(lambda found: (found == "failed").sum()),
            "skipped": status.agg(lambda found: (found == "skipped").sum()),
        }
    )
    spread = by_cell.std(ddof=1).where(apart > 1).add_suffix("_std")
    clocks = records.reindex(
        columns=[f"{stage}_seconds" for stage, found in stages().items() if found.is_work]
    )
    spent = clocks.apply(pd.to_numeric).sum(axis=1, min_count=1).rename("seconds")
    seconds = spent.where(records["status"] == "ok").groupby(cells, sort=False).mean()
    found = pd.to_numeric(records.reindex(columns=["clusters_found"])["clusters_found"])
    fewest = found.groupby(cells, sort=False).min()
    noise = pd.to_numeric(records.reindex(columns=["noise"])["noise"])
    in_none = noise.groupby(cells, sort=False).mean()
    verdicts = (
        records.reindex(columns=[*VERDICT_COLUMNS, *BESIDE_COLUMNS])
        .groupby(cells, sort=False)
        .first()
    )
    frame = pd.concat(
        [counts, by_cell.mean(), spread, fewest, in_none, seconds, verdicts], axis=1
    ).reset_index()
    # Stable, the less weighty order first: best first, those without a number last; then
    # complete cells before the others.
    metric = leading_metric(records)
    if metric is not None:
        frame = frame.sort_values(metric, ascending=False, kind="stable", na_position="last")
    whole = (frame["failed"] == 0) & (frame["skipped"] == 0)
    complete = whole & (metric is None or frame[metric].notna())
    return pd.concat([frame[complete], frame[~complete]], ignore_index=True)
