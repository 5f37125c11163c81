"""What a grid consists of: pipelines, and their runs, one a seed."""

from __future__ import annotations

from dataclasses import dataclass

from bench.base.naming import chain_name
from bench.clusterers.named import Named
from bench.stages.stage import Task
from reducers.chain import Chain


@dataclass(frozen=True)
class Pipeline:
    """An encoder, a reducer chain and a clusterer."""

    model: str  # as users write it
    chain: Chain
    clusterer: Named

    @property
    def chain_name(self) -> str:
        """Chain and clusterer as tables write them."""
        return chain_name(str(self.chain), str(self.clusterer))


@dataclass(frozen=True)
class PlannedRun:
    """A pipeline with one seed."""

    pipeline: Pipeline
    seed_index: int  # which repetition, from 0
    tasks: tuple[Task, ...]  # from training to scoring; none where the run is impossible
    impossible: str = ""  # why chain or clusterer cannot work on the model's codes
    # Chain and clusterer on each draw of the null reference, if that is asked for.
    null: tuple[Task, ...] = ()
    # Chain and clusterer on draws of the images, and last the stability of the clusters, likewise.
    resamples: tuple[Task, ...] = ()
    # What the model's loss is compared with, if it has one.
    linear: tuple[Task, ...] = ()

    def task(self, stage: str) -> Task:
        """Return the run's task of a stage; of several links the last."""
        return [task for task in self.tasks if task.stage == stage][-1]
