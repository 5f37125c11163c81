"""Registry of data sets, one source a file.

A data set is named by a spec string, ``NAME`` or ``NAME:ARGUMENT`` (``digits``,
``npy:DIR``). Its loader takes the argument and returns a `bench.datasets.source.Source`;
`bench.datasets.dataset.load` takes the subset, counts clusters and makes fingerprints. A new
source is a new file in this folder::

    from bench.datasets import datasets
    from bench.datasets.source import Source

    @datasets.register("mine", "what it is, in one line")
    def load(argument, progress):
        return Source(count=..., read=..., labels=...)
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from bench.base.registry import Registry

if TYPE_CHECKING:
    from bench.base.progress import Progress
    from bench.datasets.source import Source

Loader = Callable[[str | None, "Progress"], "Source"]

datasets: Registry[Loader] = Registry("data set", "bench.datasets")
