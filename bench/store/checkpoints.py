"""Puts a training away in the store now and then, and takes it up after it was killed.

A checkpoint is an artifact of the stage ``checkpoint``, named by its training's key and the
steps taken. The new one is written before the old one goes.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

from bench.store import DamagedError, Store

if TYPE_CHECKING:
    from bench.stages.training.state import Training

STAGE = "checkpoint"


class Checkpoints:
    """The checkpoints of the training that has a key, whose lock is held.

    ``every`` is the seconds between two of them. ``kernels`` is what the bits of a training depend
    on here: a checkpoint that was made with others would end at other weights, and is not taken up.
    """

    def __init__(self, store: Store, key: str, every: float, kernels: dict[str, Any]) -> None:
        self.store = store
        self.key = key
        self.every = every
        self.kernels = kernels
        self.started = self.last = time.monotonic()
        self.earlier_seconds = 0.0  # that the training took before it was taken up
        self.steps = 0

    def restore(self, training: Training) -> None:
        """Bring a training to its latest sound checkpoint; leave it as it is without one."""
        import torch

        for key in reversed(self._keys()):
            try:
                found = self.store.load(STAGE, key)
                arrays = found.arrays()
            except DamagedError:
                self.store.set_aside(STAGE, key)
                continue
            if found.values["kernels"] == self.kernels:
                tensors = {name: torch.from_numpy(array) for name, array in arrays.items()}
                training.restore(tensors, found.values)
                self.earlier_seconds = found.seconds
                self.steps = found.values["steps"]
                break
        self.started = self.last = time.monotonic()

    def step(self, training: Training) -> None:
        """Count a step; put the training away if it is time."""
        self.steps += 1
        if time.monotonic() - self.last >= self.every:
            self._save(training)
            self.last = time.monotonic()

    def discard(self) -> None:
        """Remove what the finished training does not need any more."""
        for key in self._keys():
            self.store.remove(STAGE, key)

    def _save(self, training: Training) -> None:
        older = self._keys()
        key = f"{self.key}.{self.steps:012d}"
        values = training.place() | {"steps": self.steps, "kernels": self.kernels}
        arrays = {name: value.numpy() for name, value in training.tensors().items()}
        seconds = self.earlier_seconds + time.monotonic() - self.started
        self.store.save(STAGE, key, arrays, values, {"training": self.key}, seconds, replace=True)
        for old in older:
            if old != key:
                self.store.remove(STAGE, old)

    def _keys(self) -> list[str]:
        """List this training's checkpoints, the oldest first."""
        return sorted(path.name for path in (self.store.root / STAGE).glob(f"{self.key}.*"))
