"""All metrics in one table, in the order of their columns in results.csv."""

from __future__ import annotations

from types import ModuleType
from typing import Any

from bench.stages.metrics import (
    clustering,
    generalization,
    neighbors,
    reconstruction,
    reference_space,
)

FAMILIES = (clustering, generalization, neighbors, reference_space, reconstruction)
METRICS = {metric.name: metric for family in FAMILIES for metric in family.METRICS}


def families(stage: str) -> tuple[ModuleType, ...]:
    """Return the modules whose entries a stage computes; their sources are in its key."""
    return tuple(f for f in FAMILIES if any(metric.stage == stage for metric in f.METRICS))


def evaluate(stage: str, **inputs: Any) -> dict[str, float | None]:
    """Compute the metrics of a stage, those of which no input is None or missing."""
    return {
        metric.name: metric.formula(*(inputs[name] for name in metric.needs))
        for metric in METRICS.values()
        if metric.stage == stage
        and metric.formula is not None
        and all(inputs.get(name) is not None for name in metric.needs)
    }
