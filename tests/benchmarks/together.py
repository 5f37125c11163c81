"""Several trainings at once on one GPU: what the benchmarks measure, and no grid does yet."""

from __future__ import annotations

from contextlib import AbstractContextManager, nullcontext
from typing import Any

import torch

from bench.stages.training.core import Trainer


def train_together(trainers: list[Trainer]) -> list[list[float]]:
    """Train independent models at once, a step of each in turn; return their histories.

    On a GPU each has a stream of its own: batches of 64 leave one half empty, and several fill
    it. Weights and losses are those of training alone, but for models that draw while they
    train, which here take turns at one generator.

    Parameters
    ----------
    trainers : list of Trainer
        Of the same recipe and number of images.
    """
    streams = [_Stream(trainer.images.device) for trainer in trainers]
    for _ in range(trainers[0].recipe.epochs):
        walks = []
        for trainer, stream in zip(trainers, streams, strict=True):
            with stream.current():
                walks.append(trainer.steps())
        for _ in range(-(-len(trainers[0].images) // trainers[0].recipe.batch_size)):
            for walk, stream in zip(walks, streams, strict=True):
                with stream.current():
                    next(walk)
        for trainer, stream in zip(trainers, streams, strict=True):
            with stream.current():
                trainer.training.end_epoch()
    for trainer, stream in zip(trainers, streams, strict=True):
        with stream.current():
            trainer.prepare()
    return [trainer.training.history for trainer in trainers]


class _Stream:
    """A queue of a GPU's work, begun after what was queued before it; on a CPU nothing."""

    def __init__(self, device: torch.device) -> None:
        self.stream = torch.cuda.Stream(device) if device.type == "cuda" else None
        if self.stream is not None:
            self.stream.wait_stream(torch.cuda.current_stream(device))

    def current(self) -> AbstractContextManager[Any]:
        return nullcontext() if self.stream is None else torch.cuda.stream(self.stream)
