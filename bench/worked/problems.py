"""The HW5 report's two worked problems, recomputed."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from bench.worked import linear_embedding
from bench.worked.gated_cell import GatedCell, Trace

# Section 4 of the report on Homework 5. Order: z, z_i, z_f, z_o.
CELL_WEIGHTS = [[0, 0, 0, 1], [100, 100, 0, 0], [-100, -100, 0, 0], [0, 0, 100, 0]]
CELL_BIASES = [0, -10, 110, -10]
CELL_INPUTS = [
    [0, 1, 0, 3],
    [1, 0, 1, -2],
    [1, 1, 1, 4],
    [0, 1, 1, 0],
    [0, 1, 0, 2],
    [0, 0, 1, -4],
    [1, 1, 1, 1],
    [1, 0, 1, 2],
]
# The HW5 report's own numbers: z, z_i, z_f, z_o, c', y.
CELL_REPORTED = [
    [3, 90, 10, -10, 3, 0],
    [-2, 90, 10, 90, 1, 1],
    [4, 190, -90, 90, 4, 4],
    [0, 90, 10, 90, 4, 4],
    [2, 90, 10, -10, 6, 0],
    [-4, -10, 110, 90, 6, 6],
    [1, 190, -90, 90, 1, 1],
    [2, 90, 10, 90, 3, 3],
]
TOLERANCE = 1e-12  # of closed forms against autograd, in double precision


@dataclass(frozen=True)
class CellStep:
    """One step of the first problem."""

    t: int  # from 1
    x: list[int]
    rounded: list[int]  # z, z_i, z_f, z_o, c', y, as the HW5 report gives them
    memory: float  # c', exactly
    output: float  # y, exactly
    as_reported: bool


@dataclass(frozen=True)
class EmbeddingCase:
    """One check of the second problem.

    ``differences`` are the largest absolute ones of the loss, and of both gradients, from
    autograd's; ``report_difference`` is that of the HW5 report's formula for W', over the words
    that it is claimed for; ``report_holds`` says whether that formula should hold here.
    """

    name: str
    differences: tuple[float, float, float]
    report_difference: float
    report_holds: bool

    @property
    def as_derived(self) -> bool:
        """Whether everything is as the derivation says."""
        holds = self.report_difference < TOLERANCE
        return max(self.differences) < TOLERANCE and holds == self.report_holds


def run_cell() -> Trace:
    """Run the HW5 report's cell over the HW5 report's eight inputs, in double precision."""
    cell = GatedCell(
        torch.tensor(CELL_WEIGHTS, dtype=torch.float64)[:, None],
        torch.tensor(CELL_BIASES, dtype=torch.float64)[:, None],
    )
    return cell(torch.tensor(CELL_INPUTS, dtype=torch.float64))


def cell_steps(trace: Trace) -> list[CellStep]:
    """Compare a run of the cell with the HW5 report's table, line by line."""
    table = torch.cat([trace.z, trace.z_i, trace.z_f, trace.z_o, trace.c, trace.y], dim=1)
    return [
        CellStep(t, x, [round(v) for v in row], row[4], row[5], [round(v) for v in row] == reported)
        for t, (x, row, reported) in enumerate(
            zip(CELL_INPUTS, table.tolist(), CELL_REPORTED, strict=True), start=1
        )
    ]


def embedding_cases() -> list[EmbeddingCase]:
    """Check closed forms against autograd where the HW5 report's condition holds, and where not."""
    generator = torch.Generator().manual_seed(2020)
    words, size = 7, 3

    def draw(*shape: int) -> Tensor:
        return torch.randn(*shape, generator=generator, dtype=torch.float64)

    one_hot = torch.nn.functional.one_hot(torch.tensor(2), words).double()
    inside = "distinct words in C, i ∈ C"
    # Name; x; C; the words that the HW5 report's formula is tried for; whether it holds.
    problems: list[tuple[str, Tensor, list[int], list[int], bool]] = [
        (f"x one-hot; {inside}", one_hot, [1, 4, 6], [1, 4, 6], True),
        (f"any x; {inside}", draw(words), [1, 4, 6], [1, 4, 6], True),
        ("any x; one word in C", draw(words), [3], [3], True),
        ("any x; i ∉ C", draw(words), [1, 4, 6], [0, 2, 3, 5], False),
        ("any x; a word twice in C", draw(words), [1, 4, 4], [4], False),
    ]
    return [
        _case(name, draw(words, size), draw(size, words), x, context, claimed, holds)
        for name, x, context, claimed, holds in problems
    ]


def _case(
    name: str, W: Tensor, W_prime: Tensor, x: Tensor, context: list[int], claimed: list[int],
    holds: bool,
) -> EmbeddingCase:  # fmt: skip
    W.requires_grad_()
    W_prime.requires_grad_()
    value = linear_embedding.loss(W, W_prime, x, context)
    by_autograd = torch.autograd.grad(value, [W, W_prime])
    with torch.no_grad():
        found = linear_embedding.gradients(W, W_prime, x, context)
        u = W_prime.T @ (W.T @ x)
        as_written = -torch.log(torch.prod(torch.exp(u[context]) / torch.exp(u).sum()))
        by_word = [
            linear_embedding.gradient_by_the_report(W, W_prime, x, context, i) for i in claimed
        ]
        reported = torch.stack(by_word, dim=1)
    differences = (
        float((value.detach() - as_written).abs()),
        float((found.W - by_autograd[0]).abs().max()),
        float((found.W_prime - by_autograd[1]).abs().max()),
    )
    report_difference = float((reported - by_autograd[1][:, claimed]).abs().max())
    return EmbeddingCase(name, differences, report_difference, holds)
