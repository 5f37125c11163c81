"""Records summarised: mean and spread over seeds, best first."""

from __future__ import annotations

from dataclasses import dataclass

import pandas as pd

from bench.metrics import METRICS
from bench.presets import REPORT_CHAIN

MISSING = "–"

# Homework 5's report, section 1: sums over 141 batches of 64 of 9,000 images, 100 epochs.
REPORT_ROWS = {"CNN (the report's)": (7.41368, 0.79589), "DNN (the report's)": (6.72101, 0.81089)}
REPORT_BATCHES = 141


def leading_metric(records: pd.DataFrame) -> str | None:
    """Return the metric that decides which cell is best.

    Public accuracy; validation accuracy where the training images have no labels; None where
    nothing is labelled.
    """
    for name in ("public_accuracy", "validation_accuracy"):
        if records[name].notna().any():
            return name
    return None


def leading_accuracy(records: pd.DataFrame) -> str | None:
    """Return the accuracy that pictures and headlines show: of training images if labelled."""
    for name in ("accuracy", "validation_accuracy"):
        if records[name].notna().any():
            return name
    return None


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
    """Return the cell with the highest mean of the leading metric; None without labels.

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
    """Summarise cells over their seeds.

    Returns
    -------
    DataFrame
        A row for each model and chain, best first, then those of which seeds failed or were
        skipped: ``model``, ``chain``, ``seeds``, ``failed``, ``skipped``, and for each metric
        ``NAME`` (mean), ``NAME_std`` (sample
        standard deviation; missing for fewer than two results that were computed apart: what
        does not depend on the seed is one result and not several).
    """
    cells = [records["model"], records["chain"]]
    numbers = records[list(METRICS)].apply(pd.to_numeric)
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
    frame = pd.concat([counts, by_cell.mean(), spread], axis=1).reset_index()
    # Stable, the less weighty order first: best first, those without a number last; then
    # complete cells before the others.
    metric = leading_metric(records)
    if metric is not None:
        frame = frame.sort_values(metric, ascending=False, kind="stable", na_position="last")
    whole = (frame["failed"] == 0) & (frame["skipped"] == 0)
    complete = whole & (metric is None or frame[metric].notna())
    return pd.concat([frame[complete], frame[~complete]], ignore_index=True)


def mean_and_spread(row: pd.Series, metric: str) -> str:
    """Write a metric of a summary row: ``0.812 ± 0.013``, ``failed``, or a dash."""
    mean, std = row[metric], row[f"{metric}_std"]
    if pd.isna(mean):
        return missing(row)
    digits = 3 if METRICS[metric].higher_is_better else 4
    spread = "" if pd.isna(std) else f" ± {std:.{digits}f}"
    return f"{mean:.{digits}f}{spread}"


def missing(row: pd.Series) -> str:
    """Say why a summary row has no number: ``failed``, ``skipped``, or a dash."""
    if row["failed"] + row["skipped"] < row["seeds"]:
        return MISSING
    return "failed" if row["failed"] else "skipped"


def metrics_to_show(records: pd.DataFrame, names: tuple[str, ...]) -> list[str]:
    """Return those metrics that some record has."""
    return [name for name in names if records[name].notna().any()]


def report_table(records: pd.DataFrame) -> tuple[str, list[str], list[list[str]]]:
    """Make the report's table: a row a model, for one chain, beside the report's two rows.

    Returns
    -------
    chain : str
        The report's chain if the grid has it, else the first.
    header : list of str
    rows : list of list of str
    """
    chains = list(dict.fromkeys(records["chain"]))
    chain = REPORT_CHAIN if REPORT_CHAIN in chains else chains[0]
    accuracies = ("accuracy", "public_accuracy", "private_accuracy", "validation_accuracy")
    shown = metrics_to_show(records, accuracies) or ["accuracy"]
    columns = ["reported_loss", "reconstruction_loss", *shown]
    header = ["model", *(METRICS[name].title for name in columns)]
    cells = summary(records[records["chain"] == chain])
    rows = [
        [row["model"], *(mean_and_spread(row, name) for name in columns)]
        for _, row in cells.iterrows()
    ]
    for name, (loss, accuracy) in REPORT_ROWS.items():
        known = {
            "reported_loss": f"{loss}",
            "reconstruction_loss": f"{loss / REPORT_BATCHES:.4f}",
            "accuracy": f"{accuracy}",
        }
        rows.append([name, *(known.get(column, MISSING) for column in columns)])
    return chain, header, rows


def grid_table(records: pd.DataFrame) -> tuple[list[str], list[list[str]]]:
    """Make the table of the whole grid, best first."""
    names = (
        "accuracy",
        "public_accuracy",
        "private_accuracy",
        "validation_accuracy",
        "nmi",
        "ari",
        "reconstruction_loss",
    )
    columns = metrics_to_show(records, names) or ["accuracy"]
    header = ["model", "chain", *(METRICS[name].title for name in columns), "seeds"]
    rows = []
    for _, row in summary(records).iterrows():
        done = row["seeds"] - row["failed"] - row["skipped"]
        rest = [what for what in ("failed", "skipped") if row[what]]
        seeds = f"{done} of {row['seeds']}, rest {' or '.join(rest)}" if rest else f"{done}"
        values = [mean_and_spread(row, name) for name in columns]
        rows.append([row["model"], row["chain"], *values, seeds])
    return header, rows
