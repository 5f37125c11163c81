"""How many clusters? Suggested by the evidence that ranks cells without labels."""

from __future__ import annotations

import math

import pandas as pd

from bench.planning.plan import Plan
from bench.store import Store

FILE = "clusters.csv"


def curve(plan: Plan, store: Store) -> pd.DataFrame:
    """Collect what every finished cell has found.

    Returns
    -------
    DataFrame
        ``model``, ``chain``, ``clusters``, ``knn_modularity``: a row for each cell and number of
        clusters.
    """
    rows = []
    for cell in plan.runs:
        if not cell.tasks or (cell.tasks[-1].stage, cell.tasks[-1].key) not in store:
            continue
        found = store.load(cell.tasks[-1].stage, cell.tasks[-1].key).values
        rows += [
            {
                "model": cell.pipeline.model,
                "chain": str(cell.pipeline.chain),
                "clusters": k,
                "knn_modularity": value,
            }
            for k, value in zip(found["counts"], found["knn_modularity"], strict=True)
        ]
    return pd.DataFrame(rows, columns=["model", "chain", "clusters", "knn_modularity"])


def silent(plan: Plan, store: Store) -> list[str]:
    """Return the keys of scans that are to be there and are not."""
    last = [cell.tasks[-1] for cell in plan.runs if cell.tasks]
    return [task.key for task in last if (task.stage, task.key) not in store]


def leading(found: pd.DataFrame) -> pd.DataFrame:
    """Return the curves of the better half of the cells, by each cell's highest kNN modularity.

    A cell that groups badly with any number of clusters has nothing to say of the number.

    Returns
    -------
    DataFrame
        A row a number of clusters, a column a cell, best first.
    """
    table = found.pivot(index="clusters", columns=["model", "chain"], values="knn_modularity")
    order = table.max().sort_values(ascending=False, kind="stable").index
    return table[order[: math.ceil(len(order) / 2)]]


def choose(found: pd.DataFrame) -> int:
    """Choose the least number whose mean kNN modularity is within one standard error of the highest.

    The mean and its standard error are over the better half of the cells.

    References
    ----------
    Breiman, Friedman, Olshen, Stone (1984), Classification and regression trees, section 3.4.3:
    the rule of one standard error.
    """
    table = leading(found)
    mean = table.mean(axis=1).to_numpy()
    best = int(mean.argmax())
    cells = table.shape[1]
    error = float(table.iloc[best].std(ddof=1)) / math.sqrt(cells) if cells > 1 else 0.0
    return int(table.index[mean >= mean[best] - error].min())
