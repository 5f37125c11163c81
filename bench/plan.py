"""From a grid to its cells and the tasks that have to be done, each once."""

from __future__ import annotations

from dataclasses import dataclass, field

from bench import common
from bench.datasets.dataset import Dataset
from bench.errors import UsageError
from bench.feasible import check_images, why_impossible
from bench.planner import Planner
from bench.spec import GridSpec
from bench.task import Cell, Task


@dataclass(frozen=True)
class Plan:
    """All cells of a grid and their distinct tasks, parents first."""

    spec: GridSpec
    cells: tuple[Cell, ...]
    tasks: dict[str, Task] = field(repr=False)


def plan(spec: GridSpec, dataset: Dataset) -> Plan:
    """Plan a grid.

    Parameters
    ----------
    spec : GridSpec
        With its device resolved.
    dataset : Dataset

    Raises
    ------
    UsageError
        If the images are all one, a model cannot work on them, or a chain on no model's codes.
    """
    check_images(dataset)
    spared = spec.spared
    impossible = {
        (model, str(chain)): why_impossible(model, chain, dataset, model in spared)
        for model in spec.models
        for chain in spec.chains
    }
    for chain in spec.chains:
        reasons = [impossible[model, str(chain)] for model in spec.models]
        if all(reasons):
            raise UsageError(reasons[0])
    planner = Planner(spec, dataset)
    cells = tuple(
        planner.cell(model, chain, index, impossible[model, str(chain)])
        for model in spec.models
        for index in range(spec.seeds)
        for chain in spec.chains
    )
    return Plan(spec, cells, planner.tasks)


def plan_scan(spec: GridSpec, dataset: Dataset) -> Plan:
    """Plan what suggests the number of clusters: each cell's embedding, with the first seed.

    Raises
    ------
    UsageError
        As `plan` does; also for fewer than twenty images.
    """
    if len(dataset) < common.FEWEST:
        raise UsageError(
            f"clusters: auto needs {common.FEWEST} images or more, found {len(dataset)}: give the "
            "number, --clusters N"
        )
    made = plan(spec.model_copy(update={"null": False, "resamples": 0, "seeds": 1}), dataset)
    planner = Planner(spec, dataset)
    cells = tuple(planner.scan(cell) for cell in made.cells)
    return Plan(spec, cells, planner.tasks)
