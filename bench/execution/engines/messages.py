"""What a grid and Dask's workers say to each other, beside `bench.execution.worker.messages`."""

from __future__ import annotations

from dataclasses import dataclass

from bench.execution.engines.proof import Proof
from bench.execution.worker.messages import Damaged, Done, Raised, Setup, Stuck


@dataclass(frozen=True)
class Job:
    """What all tasks of a grid share.

    Attributes
    ----------
    run : str
        Names this run of the grid, so that it knows what was done for another.
    setup : Setup
        For the processes that do the tasks.
    proof : Proof or None
        What a worker has to prove before its first task; None where it is this process.
    processors : int or None
        That a worker has for tasks; None: as many as it finds.
    """

    run: str
    setup: Setup
    proof: Proof | None
    processors: int | None


class Behind:
    """A task that this one reads was not done."""


@dataclass(frozen=True)
class Unfit:
    """The worker cannot do tasks of this grid: another store, or other versions."""

    reason: str


@dataclass(frozen=True)
class TooSmall:
    """The task took more memory than the worker has for one.

    Attributes
    ----------
    limit : int
        Bytes that the worker has for a task.
    error : Raised
        What to say where no larger worker is to be had.
    """

    limit: int
    error: Raised


What = Done | Raised | Damaged | Stuck | Behind | Unfit | TooSmall


@dataclass(frozen=True)
class Report:
    """What became of a batch of tasks.

    Attributes
    ----------
    run : str
        The run that they were done for: two grids that ask for the same at the same time share it.
    worker : str
        Address of the worker.
    whats : dict
        What became of each, by its key.
    """

    run: str
    worker: str
    whats: dict[str, What]


def topic(run: str) -> str:
    """Return where a run's tasks tell Dask how far they are."""
    return f"latentgrid-{run}"
