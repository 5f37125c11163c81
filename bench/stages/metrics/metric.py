"""What a metric is."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class Metric:
    """A metric: how it is computed, and how tables and pictures show it.

    To add one, add an entry to ``METRICS`` of its family's file. It is then computed by its stage
    and is a column of the records; `bench.report` says which tables show it.

    Attributes
    ----------
    name : str
        Its column in results.csv.
    title : str
        Its heading.
    meaning : str
        In one sentence, with the source.
    stage : str
        The stage that computes it.
    needs : tuple of str
        Inputs of the formula, by the names that the stage gives them.
    formula : callable or None
        From those inputs to a number, or None where it has no meaning. None: the stage has the
        number at hand.
    range : str
        The values it can take.
    higher_is_better : bool
    digits : int
        Decimal places to print.
    """

    name: str
    title: str
    meaning: str
    stage: str
    needs: tuple[str, ...] = ()
    formula: Callable[..., float | None] | None = None
    range: str = "0 to 1"
    higher_is_better: bool = True
    digits: int = 3
