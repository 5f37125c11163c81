"""The gate's thresholds: what a cell's mean accuracy and loss may not fall short of.

A file of thresholds is TOML, one table a threshold::

    [[threshold]]
    preset = "quick"
    dataset = "digits"
    model = "untrained-*"         # wild cards: * ? [abc]
    chain = "pca128+tsne2"
    seeds = 3                     # fewer than these cannot tell
    min_accuracy = 0.80
    accuracy_margin = 0.06        # what was taken off the mean when it was set
    max_loss = 0.59
    loss_margin = 0.01
"""

from __future__ import annotations

import math
import tomllib
from fnmatch import fnmatchcase
from pathlib import Path

import pandas as pd
import tomli_w
from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from bench.analysis.summary import by_dataset, leading_accuracy, summary
from bench.base.errors import UsageError
from bench.base.files import write_text
from bench.planning.settings import what_is_wrong

LOSS = "reconstruction_loss"

# How rarely a mean of as many new seeds, of the same distribution, falls short by itself.
CONFIDENCE = 0.99
# Margins of what no seed moved, or hardly: other processors and library versions do.
LEAST_ACCURACY = 0.02
LEAST_LOSS = 0.02  # of the loss itself

HEADER = (
    "# Set by `python -m bench.check --update`; checked by `python -m bench.check`. A threshold's "
    "margin is the\n# one-sided 99% prediction bound for the mean of as many new seeds "
    "(Student's t), or the least margin.\n\n"
)


class Threshold(BaseModel):
    """A threshold for all cells that its patterns name.

    Attributes
    ----------
    preset, dataset, model, chain : str
        Patterns with the wild cards of `fnmatch`.
    seeds : int
        How many seeds it was set with; fewer cannot be held against it.
    min_accuracy, max_loss : float or None
        For the mean over seeds; None: not checked.
    accuracy_margin, loss_margin : float or None
        How far they were set from the mean found.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    preset: str
    dataset: str
    model: str
    chain: str
    seeds: int = Field(ge=1)
    min_accuracy: float | None = Field(None, ge=0, le=1)
    accuracy_margin: float | None = Field(None, ge=0)
    max_loss: float | None = Field(None, ge=0, allow_inf_nan=False)
    loss_margin: float | None = Field(None, ge=0)

    @model_validator(mode="after")
    def _limits_something(self) -> Threshold:
        if self.min_accuracy is None and self.max_loss is None:
            raise ValueError("neither min_accuracy nor max_loss is given")
        for limit, margin in (("min_accuracy", "accuracy_margin"), ("max_loss", "loss_margin")):
            if (getattr(self, limit) is None) != (getattr(self, margin) is None):
                raise ValueError(f"{limit} and {margin} are given together or not at all")
        return self

    def is_for(self, preset: str, dataset: str) -> bool:
        """Tell whether it is about a preset on a data set."""
        return fnmatchcase(preset, self.preset) and fnmatchcase(dataset, self.dataset)

    def names(self, model: str, chain: str) -> bool:
        """Tell whether it is about a cell."""
        return fnmatchcase(model, self.model) and fnmatchcase(chain, self.chain)


def read(path: Path) -> list[Threshold]:
    """Read a file of thresholds.

    Raises
    ------
    UsageError
        If it is missing, not TOML, or holds anything else than thresholds.
    """
    try:
        found = tomllib.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise UsageError(
            f"no thresholds at {path}: python -m bench.check --update sets them"
        ) from None
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError, RecursionError) as error:
        raise UsageError(f"cannot read thresholds {path}: {error}") from None
    tables = found.pop("threshold", [])
    if found or not isinstance(tables, list):
        raise UsageError(
            f"thresholds {path}: allowed are tables [[threshold]], found {', '.join(found)}"
        )
    thresholds = []
    for number, table in enumerate(tables, start=1):
        try:
            thresholds.append(Threshold.model_validate(table))
        except ValidationError as error:
            text = what_is_wrong(error, Threshold)
            raise UsageError(f"thresholds {path}, number {number}: {text}") from None
    return thresholds


def write(path: Path, thresholds: list[Threshold]) -> None:
    """Write a file of thresholds."""
    tables = [threshold.model_dump(exclude_none=True) for threshold in thresholds]
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        write_text(path, HEADER + tomli_w.dumps({"threshold": tables}))
    except OSError as error:
        raise UsageError(f"thresholds {path} cannot be written: {error.strerror}") from None


def update(thresholds: list[Threshold], records: pd.DataFrame) -> list[Threshold]:
    """Set thresholds from results, of one data set or several.

    Those that are about these results' preset and a data set of theirs keep their patterns and
    get new numbers, from the worst cell that they name; each cell that none names gets one of its
    own; all others stay as they are.

    Raises
    ------
    UsageError
        If cells failed or were skipped, or there are too few seeds to know their spread.
    """
    _check_complete(records)
    sets = list(by_dataset(records).values())
    renewed: list[Threshold] = []
    for of_set in sets:
        renewed += _renew([t for t in thresholds if t.is_for(*identity(of_set))], of_set)
    about = [identity(of_set) for of_set in sets]
    return [t for t in thresholds if not any(t.is_for(*each) for each in about)] + renewed


def _renew(thresholds: list[Threshold], records: pd.DataFrame) -> list[Threshold]:
    """Set the thresholds of one data set, which all of these are about."""
    cells = summary(records)
    renewed: list[Threshold | None] = []
    named: set[tuple[str, str]] = set()
    for threshold in thresholds:
        matching = [row for _, row in cells.iterrows() if threshold.names(row.model, row.chain)]
        named |= {(row.model, row.chain) for row in matching}
        if matching:
            renewed.append(_set(threshold.model, threshold.chain, matching, records))
    own = [row for _, row in cells.iterrows() if (row.model, row.chain) not in named]
    renewed += [_set(r.model, r.chain, [r], records) for r in own]
    return [threshold for threshold in renewed if threshold is not None]


def identity(records: pd.DataFrame) -> tuple[str, str]:
    """Return preset and data set of results on one data set."""
    return str(records["preset"].iloc[0]), str(records["dataset"].iloc[0])


def _check_complete(records: pd.DataFrame) -> None:
    bad = records[records["status"] != "ok"]
    if len(bad):
        several = records["dataset"].nunique() > 1
        names = (f"{r.model} {r.chain}" + f" on {r.dataset}" * several for r in bad.itertuples())
        cells = ", ".join(dict.fromkeys(names))
        raise UsageError(
            f"no thresholds are set from results of which cells failed or were skipped: {cells}"
        )
    seeds = records["seed_index"].nunique()
    if seeds < 2:
        raise UsageError(
            f"a margin needs the seeds' spread, and these results have {seeds} seed: run the grid "
            "with --seeds 2 or more (3 and more are better)"
        )


def _set(model: str, chain: str, rows: list[pd.Series], records: pd.DataFrame) -> Threshold | None:
    """Set a threshold by cells; None where they have neither accuracy nor loss."""
    preset, dataset = identity(records)
    seeds = min(int(row["seeds"]) for row in rows)
    limits: dict[str, float] = {}
    accuracy = leading_accuracy(records)
    scored = [row for row in rows if accuracy is not None and pd.notna(row[accuracy])]
    if accuracy is not None and scored:
        worst = min(
            (row[accuracy] - margin(row, accuracy, LEAST_ACCURACY), row[accuracy]) for row in scored
        )
        # Rounded away from the mean.
        low = math.floor(max(worst[0], 0) * 1e4) / 1e4
        limits |= {"min_accuracy": low, "accuracy_margin": round(worst[1] - low, 4)}
    losses = [row for row in rows if pd.notna(row[LOSS])]
    if losses:
        highest = max(
            (row[LOSS] + margin(row, LOSS, LEAST_LOSS * row[LOSS]), row[LOSS]) for row in losses
        )
        high = math.ceil(highest[0] * 1e5) / 1e5
        limits |= {"max_loss": high, "loss_margin": round(high - highest[1], 5)}
    if not limits:
        return None
    return Threshold(
        preset=preset, dataset=dataset, model=model, chain=chain, seeds=seeds, **limits
    )


def margin(row: pd.Series, metric: str, least: float) -> float:
    """Return how far the mean of as many new seeds may lie from the mean found.

    The one-sided prediction bound t · s · √(1/S + 1/S), with s the standard deviation of the S
    seeds and t of Student's distribution with S − 1 degrees of freedom.

    Parameters
    ----------
    row : Series
        Of `bench.analysis.summary.summary`.
    metric : str
    least : float
        Returned where no seed moves the metric, or by less.
    """
    from scipy.stats import t

    spread, seeds = row[f"{metric}_std"], int(row["seeds"])
    if pd.isna(spread) or seeds < 2:
        return least
    return max(least, float(t.ppf(CONFIDENCE, seeds - 1)) * float(spread) * math.sqrt(2 / seeds))
