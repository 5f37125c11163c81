"""What a metric is."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class Metric:
    """A metric: how it is computed, and how tables and pictures show it.

    To add one, add an entry to ``METRICS`` of its family's file. It is then computed by its stage,
    is a column of the records, and is shown in the tables that it names.
    """

    name: str  # its column in results.csv
    title: str  # its heading
    meaning: str  # in one sentence, with the source
    stage: str  # the stage that computes it
    # From inputs to a number, or None where it has no meaning. None: the stage has it at hand.
    formula: Callable[..., float | None] | None = None
    # Inputs of the formula, by the names that the stage gives them; by default its parameters'.
    needs: tuple[str, ...] = ()
    range: str = "0 to 1"  # the values it can take
    higher_is_better: bool = True
    digits: int = 3  # decimal places to print
    # Tables that show it: labeled, unlabeled (all pipelines), latex, embedding, selection.
    tables: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        """Take the names of the formula's parameters where no inputs are named."""
        if self.formula and not self.needs:
            object.__setattr__(self, "needs", tuple(inspect.signature(self.formula).parameters))
