"""What the report on one data set is made from."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import pandas as pd

from bench.analysis.choices import Choices
from bench.analysis.results import Results
from bench.datasets.dataset import Dataset
from bench.store import Store


@dataclass(frozen=True)
class Inputs:
    """Records, images and artifacts of a grid on one data set, and where its report is to be."""

    results: Results
    dataset: Dataset  # gives images, labels and names
    store: Store  # gives codes, embeddings, clusters, reconstructions and histories
    out: Path  # the results folder
    curve: pd.DataFrame | None = None  # by which the number of clusters was suggested, if it was

    @cached_property
    def choices(self) -> Choices:
        """Which choice mattered, and what models learned."""
        return Choices.of(self.results, self.store)
