"""A gated memory cell without recurrence of its output: the first problem of the HW5 report."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import KW_ONLY, dataclass

import torch
from torch import Tensor

Activation = Callable[[Tensor], Tensor]


def identity(x: Tensor) -> Tensor:
    """Return ``x``: the activation of input and output in the HW5 report."""
    return x


@dataclass(frozen=True)
class Trace:
    """What a cell computed; each of shape (steps, ..., cells)."""

    z: Tensor  # weighted inputs of the cell's input
    z_i: Tensor  # and of its input gate,
    z_f: Tensor  # forget gate
    z_o: Tensor  # and output gate
    c: Tensor  # memory after each step
    y: Tensor  # output


@dataclass(frozen=True)
class GatedCell:
    r"""Memory cells with an input, a forget and an output gate; outputs are not fed back.

    At each step, from inputs x and memory c::

        c' = gate(z_i) · input(z) + gate(z_f) · c        y = gate(z_o) · output(c')

    where each of z, z_i, z_f, z_o is w · x + b with weights and a bias of its own. With tanh for
    ``input`` and ``output`` this is `torch.nn.LSTMCell` whose ``weight_hh`` is 0.

    References
    ----------
    Hochreiter, Schmidhuber (1997), Long short-term memory; Gers, Schmidhuber, Cummins (2000),
    Learning to forget; Machine Learning Fall 2020, Homework 5, report, section 4.
    """

    weights: Tensor  # (4, cells, inputs), in the order z, z_i, z_f, z_o
    biases: Tensor  # (4, cells)
    _: KW_ONLY
    # Elementwise; by default the HW5 report's.
    input_activation: Activation = identity
    gate_activation: Activation = torch.sigmoid
    output_activation: Activation = identity

    def __post_init__(self) -> None:
        weights, biases = self.weights.shape, self.biases.shape
        if len(weights) != 3 or weights[0] != 4 or biases != weights[:2]:
            raise ValueError(
                "weights must have shape (4, cells, inputs) and biases (4, cells), found "
                f"{tuple(weights)} and {tuple(biases)}"
            )

    def __call__(self, x: Tensor, c: Tensor | None = None) -> Trace:
        """Run the cell over a sequence of any number of steps.

        x is of shape (steps, inputs) or (steps, batch, inputs); c, of shape (cells,) or
        (batch, cells), is the memory before the first step: 0 by default.
        """
        if x.ndim not in (2, 3) or x.shape[-1] != self.weights.shape[2]:
            raise ValueError(
                f"x must have shape (steps, {self.weights.shape[2]}) or (steps, batch, "
                f"{self.weights.shape[2]}), found {tuple(x.shape)}"
            )
        z, z_i, z_f, z_o = torch.einsum("gci,...i->g...c", self.weights, x) + self.biases.reshape(
            4, *[1] * (x.ndim - 1), -1
        )
        admitted = self.gate_activation(z_i) * self.input_activation(z)
        kept = self.gate_activation(z_f)
        memory = torch.zeros_like(z[:1].sum(0)) if c is None else c
        memories = []
        for step in range(len(x)):
            memory = admitted[step] + kept[step] * memory
            memories.append(memory)
        after = torch.stack(memories) if memories else torch.empty_like(z)
        y = self.gate_activation(z_o) * self.output_activation(after)
        return Trace(z, z_i, z_f, z_o, after, y)
