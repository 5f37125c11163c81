"""Suggests a number of clusters, by the score that ranks pipelines without labels."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from bench.analysis import before
from bench.analysis.record_columns import Number, Whole
from bench.base.errors import UsageError, format_error
from bench.base.tables import check_column, read_csv
from bench.planning.plan import Plan
from bench.store import Store

FILE = "clusters.csv"
COLUMNS = ["model", "chain", "clusters", "knn_modularity"]


def curve(plan: Plan, store: Store) -> pd.DataFrame:
    """Return the kNN modularity of every finished scan: `COLUMNS`, a row a number of clusters."""
    rows = []
    for run in plan.runs:
        if run.tasks and (run.tasks[-1].stage, run.tasks[-1].key) in store:
            found = store.load(run.tasks[-1].stage, run.tasks[-1].key).values
            name = run.pipeline.model, str(run.pipeline.chain)
            counts = zip(found["counts"], found["knn_modularity"], strict=True)
            rows += [(*name, count, value) for count, value in counts if value is not None]
    return pd.DataFrame(rows, columns=COLUMNS)


def read(path: Path) -> pd.DataFrame:
    """Read a curve back from ``clusters.csv``; raise `UsageError` if it is none."""
    try:
        found = read_csv(path, keep_default_na=False, na_values=[""])
    except (OSError, ValueError) as error:
        raise UsageError(f"cannot read {path}: {format_error(error)}") from None
    found = found.rename(columns=before.COLUMNS)
    if missing := [name for name in COLUMNS if name not in found]:
        raise UsageError(f"{path} has no column {', '.join(missing)}")
    kinds = {"model": Any, "chain": Any, "clusters": Whole, "knn_modularity": Number}
    read = {name: check_column(found[name], kind, True, path) for name, kind in kinds.items()}
    curves = found.assign(**read)
    if curves.empty or curves.duplicated(["model", "chain", "clusters"]).any():
        what = "no rows" if curves.empty else "two rows of one number of clusters"
        raise UsageError(f"{path} has {what}")
    return curves


def missing(plan: Plan, store: Store) -> list[str]:
    """Return the keys of planned scans that are not in the store."""
    last = [run.tasks[-1] for run in plan.runs if run.tasks]
    return [task.key for task in last if (task.stage, task.key) not in store]


def leading(found: pd.DataFrame) -> pd.DataFrame:
    """Return the curves of the better half of embeddings, by the highest kNN modularity of each.

    An embedding that groups badly with any number of clusters says nothing about the number. A
    row is a number of clusters, a column an embedding (model, chain), best first.
    """
    table = found.pivot(index="clusters", columns=["model", "chain"], values="knn_modularity")
    order = table.max().sort_values(ascending=False, kind="stable").index
    return table[order[: math.ceil(len(order) / 2)]]


def choose(found: pd.DataFrame) -> int:
    """Return the least number whose mean kNN modularity is within a standard error of the highest.

    Mean and standard error are over the better half of embeddings.

    References
    ----------
    Breiman, Friedman, Olshen, Stone (1984), Classification and regression trees, section 3.4.3:
    the rule of one standard error.
    """
    table = leading(found)
    mean, count = table.mean(axis=1).to_numpy(), table.shape[1]
    best = int(np.nanargmax(mean))  # an embedding may lack some numbers
    error = float(table.iloc[best].std(ddof=1)) / math.sqrt(count) if count > 1 else 0.0
    return int(table.index[mean >= mean[best] - error].min())
