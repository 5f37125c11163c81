"""Does one task: reads its input from the store, runs its stage, keeps what that leaves."""

from __future__ import annotations

from collections.abc import Callable

from bench.base.processors import limit_threads
from bench.base.stopwatch import Stopwatch
from bench.stages import stage_of
from bench.stages.stage import Data, Given, Steps, Task
from bench.store import Store
from bench.store.checkpoints import Checkpoints
from bench.store.images import image_names, image_sets


def read_data(store: Store, key: str) -> Data:
    """Read a data set; raise `bench.store.DamagedError` where it is not sound."""
    kept = store.load("data", key)
    sets = image_sets(store, kept.values)
    grids, *_ = sets.values()
    labels, validation_labels = kept.array("labels"), kept.array("validation_labels")
    return Data(*grids, labels, validation_labels, image_names(kept.values), sets)


class Worker:
    """Does tasks of one data set, or of parts of it, one after the other.

    Parameters
    ----------
    data : Data
    store : Store
    checkpoint : float
        Seconds between two checkpoints of a training.
    """

    def __init__(self, data: Data, store: Store, checkpoint: float = 60.0) -> None:
        self.data = data
        self.store = store
        self.checkpoint = checkpoint
        self.warm: set[str] = set()
        self.own: tuple[str, Data] | None = None  # the last that a task asked for, with its key

    def do(
        self,
        task: Task,
        steps: Steps,
        force: bool = False,
        waiting: Callable[[], object] = lambda: None,
    ) -> bool:
        """Run a task and keep what it leaves.

        Parameters
        ----------
        task : Task
        steps : callable
            Told how far it is.
        force : bool
            Do it although its artifact is there.
        waiting : callable
            Called if another process is doing the same task; what that leaves is used.

        Returns
        -------
        bool
            False if the artifact was there.
        """
        stage = stage_of(task)
        # A stage works on the CPU unless its settings name another device.
        device = str(task.settings.get("device", "cpu"))
        with self.store.lock(task.key, waiting):
            if (task.stage, task.key) in self.store and not force:
                return False
            keeper = self._keeper(task, device, force) if stage.has_checkpoints() else None
            parents = tuple(self.store.load(*place) for place in task.parents)
            job = stage.job(Given(task, self._data(task), parents, steps, keeper))
            warm_up_seconds = self._warm_up(task, device, job.warm_up)
            limit_threads(task.threads)
            with Stopwatch(device) as watch:
                result = job.call()
            self.store.save(
                task.stage,
                task.key,
                result.arrays,
                result.values,
                task.key_inputs,
                watch.seconds + (keeper.earlier_seconds if keeper else 0.0),
                warm_up_seconds,
                watch.peak_memory_mb,
                replace=force,
            )
            if keeper is not None:
                keeper.discard()
        return True

    def _data(self, task: Task) -> Data:
        """Return what a task reads: the grid's data set, or its own."""
        if not task.data:
            return self.data
        if self.own is None or self.own[0] != task.data:
            self.own = None  # let go before the next is read
            self.own = task.data, read_data(self.store, task.data)
        return self.own[1]

    def _keeper(self, task: Task, device: str, force: bool) -> Checkpoints:
        from bench.stages.training import core

        keeper = Checkpoints(self.store, task.key, self.checkpoint, core.kernels(device))
        if force:
            keeper.discard()
        return keeper

    def _warm_up(self, task: Task, device: str, warm_up: Callable[[], object]) -> float:
        """Warm up once for each stage and item; return the seconds."""
        what = f"{task.stage} {task.settings.get('model', task.settings.get('link'))}"
        if what in self.warm:
            return 0.0
        self.warm.add(what)
        with Stopwatch(device) as watch:
            warm_up()
        return watch.seconds
