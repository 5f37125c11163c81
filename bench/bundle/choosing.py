"""Finds the cell and the seed that a user means, among the records of a grid."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from bench.analysis.summary import best_cell, leading_metric, median_seed
from bench.base.errors import UsageError
from bench.base.grammar import split
from bench.base.registry import did_you_mean
from bench.clusterers.named import DEFAULT
from bench.clusterers.named import Named as Clusterer
from bench.planning.pipeline import BEHIND_CHAIN, Pipeline
from models.named import Named
from reducers.chain import Chain


@dataclass(frozen=True)
class Choice:
    """A cell at one seed.

    Attributes
    ----------
    record : Series
        Its row of the records, with status ``ok``.
    why : str
        Why this seed, in words.
    """

    record: pd.Series
    why: str


def choose(
    records: pd.DataFrame,
    cell: str | None,
    seed_index: int | None = None,
    out: Path = Path("results"),
) -> Choice:
    """Find the record of a cell and seed.

    Parameters
    ----------
    records : DataFrame
        Of one data set.
    cell : str or None
        As tables write it, ``MODEL, CHAIN``; ``->`` stands for the arrow before a clusterer. None:
        the best one, by the report's rule.
    seed_index : int or None
        None: the cell's median seed by what the report ranks cells by.
    out : Path
        The results folder, which messages name.

    Raises
    ------
    UsageError
        If there is no such cell or seed, or it was not finished.
    """
    model, chain = _best(records, out) if cell is None else _named(records, cell)
    rows = records[(records["model"] == model) & (records["chain"] == chain)]
    done = rows[rows["status"] == "ok"]
    if done.empty:
        raise UsageError(f"{model}, {chain}: {_unfinished(rows.iloc[0])}")
    if seed_index is None:
        chosen = median_seed(rows, leading_metric(records))
        why = f"seed {chosen}, the median of {len(done)}" if len(done) > 1 else f"seed {chosen}"
    else:
        chosen, why = seed_index, f"seed {seed_index}"
    of_seed = rows[rows["seed_index"] == chosen]
    if of_seed.empty:
        seeds = ", ".join(str(seed) for seed in rows["seed_index"])
        raise UsageError(f"{model}, {chain} has no seed {chosen}: it has {seeds}")
    record = of_seed.iloc[0]
    if record["status"] != "ok":
        raise UsageError(f"{model}, {chain}, seed {chosen}: {_unfinished(record)}")
    return Choice(record, why)


def _best(records: pd.DataFrame, out: Path) -> tuple[str, str]:
    best = best_cell(records)
    if best is None:
        why = f"{out / 'results.md'} says why"
        if (records["status"] == "ok").any():
            raise UsageError(f"no cell of this grid is best, as none has a score: {why}; name one")
        raise UsageError(f"no cell of this grid is best, as none was finished: {why}")
    return best.model, best.chain


def _unfinished(record: pd.Series) -> str:
    if record["status"] == "failed":
        return (
            f"it failed at {record['failed_stage']} ({record['error']}); run the grid again, or "
            "take another cell"
        )
    return f"it was skipped ({record['skip_reason']}); take another cell"


def _named(records: pd.DataFrame, text: str) -> tuple[str, str]:
    """Return model and chain of a cell as the records write them."""
    known = list(dict.fromkeys(zip(records["model"], records["chain"], strict=True)))
    written = _canonical(text)
    if written in known:
        return written
    cells = [f"{model}, {chain}" for model, chain in known]
    some = "; ".join(cells[:12]) + (f"; and {len(cells) - 12} more" if len(cells) > 12 else "")
    raise UsageError(f"no cell {text!r}: {did_you_mean(', '.join(written), cells)}there are {some}")


def _canonical(text: str) -> tuple[str, str]:
    """Write a cell as records do; what cannot be read stays as it is, to be told as unknown."""
    whole = text.replace("->", BEHIND_CHAIN.strip())
    parts = split(whole, ",")
    model, *rest = parts if len(parts) > 1 else whole.split(" with ", 1)
    chain, arrow, by = ",".join(rest).partition(BEHIND_CHAIN.strip())
    try:
        clusterer = Clusterer.parse(by if arrow else DEFAULT)
        found = Pipeline(str(Named.parse(model.strip())), Chain.parse(chain), clusterer)
        return found.model, found.way
    except ValueError:
        behind = f"{BEHIND_CHAIN}{by.strip()}" if arrow else ""
        return model.strip(), f"{chain.strip()}{behind}"
