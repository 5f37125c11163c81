"""How far a training is, so that it can be put away and taken up again to the bit."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Protocol

import torch
from torch import Tensor, nn


class Training:
    """A model in training: its optimizer, its place in the data, and all it draws from.

    ``varies`` says whether the learning rate changes from step to step.
    """

    def __init__(
        self,
        model: nn.Module,
        lr: float,
        seed: int,
        device: torch.device,
        varies: bool = False,
    ) -> None:
        self.model = model
        self.device = device
        # Capturable: its count of steps stays on the device, where a recording can raise it. So
        # does a rate that changes: a recording would repeat the number that it began with.
        capturable = device.type == "cuda"
        rate = torch.tensor(lr, device=device) if varies and capturable else lr
        self.optimizer = torch.optim.Adam(
            model.parameters(), lr=rate, fused=True, capturable=capturable
        )
        self.order = torch.Generator().manual_seed(seed)
        self.epoch_start = self.order.get_state()
        self.epoch = 0  # epochs that are over
        self.batch = 0  # batches of the present one that were taken
        self.history: list[float] = []  # the reported loss of every epoch that is over
        # The present epoch's loss so far, a scalar. Summed on the device and read once an epoch:
        # reading a batch's loss waits for it.
        self.total = torch.zeros((), device=device)

    def permutation(self, count: int) -> Tensor:
        """Draw the present epoch's order of images, (count,) int64 on the device."""
        self.order.set_state(self.epoch_start)
        return torch.randperm(count, generator=self.order).to(self.device)

    def set_rate(self, lr: float) -> None:
        """Set the learning rate of the steps that follow."""
        for group in self.optimizer.param_groups:
            if isinstance(group["lr"], Tensor):
                group["lr"].fill_(lr)
            else:
                group["lr"] = lr

    def end_epoch(self) -> None:
        """Note the epoch's loss, and turn to the next."""
        self.history.append(float(self.total))
        self.total.zero_()
        self.epoch_start = self.order.get_state()
        self.epoch += 1
        self.batch = 0

    def tensors(self) -> dict[str, Tensor]:
        """Return weights, optimizer, generators and the epoch's loss, on the CPU."""
        found = {f"model.{name}": value for name, value in self.model.state_dict().items()}
        for number, state in self.optimizer.state_dict()["state"].items():
            found |= {f"optimizer.{number}.{name}": value for name, value in state.items()}
        found |= {"order": self.epoch_start, "total": self.total, "drawn": torch.get_rng_state()}
        if self.device.type == "cuda":
            found["drawn_cuda"] = torch.cuda.get_rng_state(self.device)
        elif self.device.type == "mps":
            found["drawn_mps"] = torch.mps.get_rng_state()
        return {name: value.detach().to("cpu", copy=True) for name, value in found.items()}

    def place(self) -> dict[str, Any]:
        """Return what of the state is numbers."""
        return {"epoch": self.epoch, "batch": self.batch, "history": self.history}

    def restore(self, tensors: dict[str, Tensor], place: dict[str, Any]) -> None:
        """Take up a training where `tensors` and `place` left it.

        In place: a recording of a step goes on working on the same memory.
        """
        groups: dict[str, dict[str, Tensor]] = {"model": {}, "optimizer": {}}
        for name, value in tensors.items():
            group, dot, rest = name.partition(".")
            if dot:
                groups[group][rest] = value
        self.model.load_state_dict(groups["model"])
        self._restore_optimizer(groups["optimizer"])
        self.epoch_start = tensors["order"].clone()
        self.total.copy_(tensors["total"])
        torch.set_rng_state(tensors["drawn"].clone())
        if "drawn_cuda" in tensors:
            torch.cuda.set_rng_state(tensors["drawn_cuda"].clone(), self.device)
        if "drawn_mps" in tensors:
            torch.mps.set_rng_state(tensors["drawn_mps"].clone())
        self.epoch, self.batch = place["epoch"], place["batch"]
        self.history = list(place["history"])

    def _restore_optimizer(self, saved: dict[str, Tensor]) -> None:
        parameters = list(self.model.parameters())
        for parameter in parameters:
            for value in self.optimizer.state[parameter].values():
                value.zero_()  # as before the first step, whose state is not in what was saved
        for name, value in saved.items():
            number, _, what = name.partition(".")
            state = self.optimizer.state[parameters[int(number)]]
            if what in state:
                state[what].copy_(value)
            else:
                # Cloned: what was read from a file need not lie in memory as torch lays it.
                state[what] = value.clone().to(self.device)


class Keeper(Protocol):
    """Puts a training away now and then."""

    def restore(self, training: Training) -> None:
        """Bring a training to where it was put away last; leave a new one as it is."""

    def step(self, training: Training) -> None:
        """Take note of a step; put the training away if it is time."""


@contextmanager
def drawing(seed: int, device: torch.device) -> Iterator[None]:
    """Have what a model draws while it trains depend on a seed; restore the generators after."""
    devices = [device] if device.type == "cuda" else []
    with torch.random.fork_rng(devices=devices):
        torch.manual_seed(seed)
        yield
