"""The tables of a report, as rows of text."""

from __future__ import annotations

import pandas as pd

from bench.analysis.inference import WORSE
from bench.analysis.results import Results
from bench.base.naming import chain_name
from bench.planning.baselines import NO_REDUCTION
from bench.planning.presets import REPORT_CHAIN
from bench.stages.metrics.table import METRICS

OF_LABELED = (
    "accuracy",
    "public_accuracy",
    "private_accuracy",
    "validation_accuracy",
    "nmi",
    "ami",
    "ari",
    "reconstruction_loss",
)
OF_UNLABELED = ("knn_modularity", "stability", "reconstruction_loss")

MISSING = "–"
CHANCE = "always the largest class"

# Homework 5's report, section 1: sums over 141 batches of 64 of 9,000 images, 100 epochs.
REPORT_ROWS = {"CNN (the report's)": (7.41368, 0.79589), "DNN (the report's)": (6.72101, 0.81089)}
REPORT_BATCHES = 141


def mean_and_spread(row: pd.Series, metric: str) -> str:
    """Write a metric of a summary row: ``0.812 ± 0.013``, ``failed``, or a dash."""
    mean, std = row[metric], row[f"{metric}_std"]
    if pd.isna(mean):
        return missing(row)
    digits = 3 if METRICS[metric].higher_is_better else 4
    spread = "" if pd.isna(std) else f" ± {std:.{digits}f}"
    return f"{mean:.{digits}f}{spread}"


def format_ci(row: pd.Series) -> str:
    """Write the 95% interval of what a summary row is judged by, or a dash."""
    return _range(row, "interval")


def interval_title(records: pd.DataFrame) -> str:
    """Return the heading of those intervals."""
    return f"{'accuracy' if Results(records).labeled else 'kNN modularity'}, 95%"


def against_best(row: pd.Series) -> str:
    """Write how a summary row stands to the best: ``significantly worse, by 0.10 (…)``."""
    if pd.isna(row["verdict"]):
        return MISSING
    if row["verdict"] != WORSE:
        return str(row["verdict"])
    return f"{WORSE}, by {behind(row)}"


def behind(row: pd.Series) -> str:
    """Write by how much the best is ahead of a summary row: ``0.100 (0.050 to 0.150)``."""
    return f"{row['behind_best']:.3f} ({_range(row, 'behind_best')})"


def _range(row: pd.Series, name: str) -> str:
    low, high = row[f"{name}_low"], row[f"{name}_high"]
    return MISSING if pd.isna(low) else f"{low:.3f} to {high:.3f}"


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
        The report's chain if the grid has it, else the first that reduces.
    header : list of str
    rows : list of list of str
    """
    chains = list(dict.fromkeys(records["chain"]))
    reducing = [chain for chain in chains if chain != NO_REDUCTION]
    chain = REPORT_CHAIN if REPORT_CHAIN in chains else [*reducing, *chains][0]
    accuracies = ("accuracy", "public_accuracy", "private_accuracy", "validation_accuracy")
    shown = metrics_to_show(records, accuracies) or ["accuracy"]
    columns = ["summed_batch_mse", "reconstruction_loss", *shown]
    header = ["model", *(METRICS[name].title for name in columns), interval_title(records)]
    first = records.loc[records["chain"] == chain, "clusterer"].iloc[0]
    shown_rows = (records["chain"] == chain) & (records["clusterer"] == first)
    cells = Results(records[shown_rows]).summary
    rows = [
        [row["model"], *(mean_and_spread(row, name) for name in columns), format_ci(row)]
        for _, row in cells.iterrows()
    ]
    for name, (loss, accuracy) in REPORT_ROWS.items():
        known = {
            "summed_batch_mse": f"{loss}",
            "reconstruction_loss": f"{loss / REPORT_BATCHES:.4f}",
            "accuracy": f"{accuracy}",
        }
        rows.append([name, *(known.get(column, MISSING) for column in columns), MISSING])
    return chain, header, rows


def grid_table(records: pd.DataFrame) -> tuple[list[str], list[list[str]]]:
    """Make the table of the whole grid, best first."""
    names = OF_LABELED if Results(records).labeled else OF_UNLABELED
    columns = metrics_to_show(records, names) or ["accuracy"]
    titles = [METRICS[name].title for name in columns]
    how_sure = [interval_title(records), "against the best"]
    header = ["model", "chain", titles[0], *how_sure, *titles[1:], "seeds"]
    rows = []
    for _, row in Results(records).summary.iterrows():
        done = row["seeds"] - row["failed"] - row["skipped"]
        rest = [what for what in ("failed", "skipped") if row[what]]
        seeds = f"{done} of {row['seeds']}, rest {' or '.join(rest)}" if rest else f"{done}"
        values = [mean_and_spread(row, name) for name in columns]
        standing = [format_ci(row), against_best(row)]
        chain = chain_name(row["chain"], row["clusterer"])
        rows.append([row["model"], chain, values[0], *standing, *values[1:], seeds])
    chance = records["largest_class"].iloc[0]
    if pd.notna(chance) and Results(records).labeled:
        rest = [MISSING] * (len(header) - 3)
        rows.append([CHANCE, MISSING, f"{chance:.3f}", *rest])
    return header, rows
