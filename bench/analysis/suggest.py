"""Suggests a number of clusters, by the score that ranks pipelines without labels."""

from __future__ import annotations

import math
from pathlib import Path

import pandas as pd

from bench.analysis import before
from bench.base.tables import read_csv
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
            rows += [(*name, count, value) for count, value in counts]
    return pd.DataFrame(rows, columns=COLUMNS)


def read(path: Path) -> pd.DataFrame:
    """Read a curve back from ``clusters.csv``."""
    return read_csv(path, keep_default_na=False).rename(columns=before.COLUMNS)


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
    best = int(mean.argmax())
    error = float(table.iloc[best].std(ddof=1)) / math.sqrt(count) if count > 1 else 0.0
    return int(table.index[mean >= mean[best] - error].min())
