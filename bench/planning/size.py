"""What a grid needs of this machine's memory is estimated before anything is loaded or planned."""

from __future__ import annotations

from bench.base.errors import UsageError, count
from bench.base.memory import PROCESS, memory
from bench.planning import engines
from bench.planning.settings import GridSettings
from bench.stages import null

# Measured on a plan of 5,400 runs and 52,808 tasks, and on the records of 5,000 runs.
BYTES_A_TASK, BYTES_A_RUN = 1_500, 16_000
SHARE = 0.5  # of the memory; the rest is for images, codes and models


def check_size(settings: GridSettings) -> None:
    """Refuse a grid whose plan and records, or whose workers, do not fit in memory.

    Raises
    ------
    UsageError
        With what is needed and what there is.
    """
    room = SHARE * memory()
    needed = plan_bytes(settings)
    if needed > room:
        raise UsageError(
            f"this grid has {run_count(settings):,} runs ({_product(settings)}), whose plan and "
            f"records need about {_gigabytes(needed)} of memory; allowed is half of the memory, "
            f"{_gigabytes(room)}: ask for fewer"
        )
    # Those of a running scheduler are on other machines.
    of_here = engines.scheduler_of(settings.engine) is None
    workers, each = settings.workers or 1, int(PROCESS * 1e6)
    if of_here and workers * each > memory():
        raise UsageError(
            f"workers: {workers:,} need about "
            f"{_gigabytes(workers * each)} of memory, and there are "
            f"{_gigabytes(memory())}: allowed are up to {memory() // each}"
        )


def run_count(settings: GridSettings) -> int:
    """Return the number of runs, on all data sets together."""
    pipelines = len(settings.models) * len(settings.reducers) * len(settings.clusterers)
    return pipelines * settings.seeds * len(settings.datasets)


def plan_bytes(settings: GridSettings) -> int:
    """Estimate the memory of plan and records in bytes; of tasks that runs share, once."""
    draws = null.draws(settings.seeds) if settings.null else 0
    # Where the number of resamples is left to the data, there may be one.
    times = 1 + draws + (1 if settings.resamples is None else settings.resamples)
    links = sum(text.count("+") + 1 for text in settings.reducers)
    # Of each model: train, encode, rank and linear; then its chains, each time with cluster,
    # measure and score behind.
    behind = times * (links + 3 * len(settings.reducers) * len(settings.clusterers))
    tasks = len(settings.datasets) * settings.seeds * len(settings.models) * (4 + behind)
    return BYTES_A_TASK * tasks + BYTES_A_RUN * run_count(settings)


def _product(settings: GridSettings) -> str:
    factors = {
        "data set": len(settings.datasets),
        "encoder": len(settings.models),
        "chain": len(settings.reducers),
        "clusterer": len(settings.clusterers),
        "seed": settings.seeds,
    }
    return " × ".join(count(number, word) for word, number in factors.items())


def _gigabytes(size: float) -> str:
    return f"{size / 1e9:,.1f} GB"
