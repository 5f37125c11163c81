"""From a grid to its cells and the tasks that have to be done, each once."""

from __future__ import annotations

from dataclasses import dataclass, field

from bench.base.errors import UsageError
from bench.clusterers.named import DEFAULT
from bench.clusterers.named import Named as Clusterer
from bench.datasets.dataset import Dataset
from bench.planning.feasible import check_images, why_impossible
from bench.planning.planner import Planner
from bench.planning.settings import GridSettings
from bench.planning.task import Cell, Task
from bench.stages.metrics import reference_space
from models.named import Named
from reducers.chain import Chain


@dataclass(frozen=True)
class Plan:
    """All cells of a grid and their distinct tasks, parents first."""

    spec: GridSettings
    cells: tuple[Cell, ...]
    tasks: dict[str, Task] = field(repr=False)


def plan(spec: GridSettings, dataset: Dataset) -> Plan:
    """Plan a grid.

    Parameters
    ----------
    spec : GridSettings
        With its device resolved.
    dataset : Dataset

    Raises
    ------
    UsageError
        If the images are all one, a model cannot work on them, or a chain or clusterer
        in no cell.
    """
    check_images(dataset)
    spared = spec.spared
    ways = [(chain, by) for chain in spec.chains for by in spec.named_clusterers]
    impossible = {
        (model, chain, by): why_impossible(model, chain, by, dataset, model in spared)
        for model in spec.models
        for chain, by in ways
    }
    _refuse_what_works_nowhere(spec, impossible)
    planner = Planner(spec, dataset)
    cells = tuple(
        planner.cell(model, chain, by, index, impossible[model, chain, by])
        # Whole repetitions, one after the other: what is stopped has whole ones.
        for index in range(spec.seeds)
        for model in spec.models
        for chain, by in ways
    )
    return Plan(spec, cells, planner.tasks)


def _refuse_what_works_nowhere(
    spec: GridSettings, impossible: dict[tuple[str, Chain, Clusterer], str]
) -> None:
    """Refuse a chain, or a clusterer, that can work in no cell; others have cells skipped."""
    for asked in (*spec.chains, *spec.named_clusterers):
        reasons = [why for cell, why in impossible.items() if asked in cell[1:]]
        if all(reasons):
            raise UsageError(reasons[0])


def plan_scan(spec: GridSettings, dataset: Dataset) -> Plan:
    """Plan what suggests the number of clusters: each cell's embedding, with the first seed.

    Models that are told the number have no say, and k-means is the clusterer.

    Raises
    ------
    UsageError
        As `plan` does; also for fewer than twenty images.
    """
    if len(dataset) < reference_space.FEWEST:
        raise UsageError(
            f"clusters: auto needs {reference_space.FEWEST} images or more, found {len(dataset)}: give the "
            "number, --clusters N"
        )
    once = {"null": False, "resamples": 0, "seeds": 1, "clusterers": (DEFAULT,)}
    told = [model for model in spec.models if Named.parse(model).needs_clusters]
    if len(told) == len(spec.models):
        raise UsageError(
            f"clusters: auto asks models that are not told the number, and {', '.join(told)} is: "
            "add another model, or give the number, --clusters N"
        )
    once["models"] = tuple(model for model in spec.models if model not in told)
    made = plan(spec.model_copy(update=once), dataset)
    planner = Planner(spec, dataset)
    cells = tuple(planner.scan(cell) for cell in made.cells)
    return Plan(spec, cells, planner.tasks)
