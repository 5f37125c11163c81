"""The page with both derivations, and the tables that the command prints."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from tabulate import tabulate

if TYPE_CHECKING:
    from bench.worked.problems import CellStep, EmbeddingCase


def cell_table(steps: list[CellStep], form: str) -> str:
    """Lay out the first problem: the report's rounded numbers, and the exact ones beside."""
    header = ["t", "x", "z", "z_i", "z_f", "z_o", "c' ≈", "y ≈", "c'", "y", "as reported"]
    rows = [
        [
            step.t,
            ", ".join(map(str, step.x)),
            *step.rounded,
            f"{step.memory:.10g}",
            f"{step.output:.10g}",
            "yes" if step.as_reported else "NO",
        ]
        for step in steps
    ]
    return _table(header, rows, form, left=(1, 10))


def embedding_table(cases: list[EmbeddingCase], form: str, exact: bool = False) -> str:
    """Lay out the second problem: differences from autograd, or whether there are any.

    Parameters
    ----------
    cases : list of EmbeddingCase
    form : str
        tabulate's name of it.
    exact : bool
        True: with the differences, whose last digits depend on the machine.
    """
    from bench.worked.problems import TOLERANCE

    def tell(difference: float) -> str:
        if exact:
            return f"{difference:.1e}"
        return f"below {TOLERANCE:.0e}" if difference < TOLERANCE else "differs"

    header = ["case", "loss", "∂L/∂W", "∂L/∂W'", "the report's ∂L/∂W'", "as derived"]
    rows = [
        [
            case.name,
            tell(case.loss_difference),
            tell(case.w_difference),
            tell(case.w_prime_difference),
            tell(case.report_difference),
            "yes" if case.as_derived else "NO",
        ]
        for case in cases
    ]
    return _table(header, rows, form, left=(0, 5))


def _table(
    header: list[str], rows: Sequence[Sequence[object]], form: str, left: tuple[int, ...]
) -> str:
    align = ["left" if i in left else "right" for i in range(len(header))]
    text = [[str(cell) for cell in row] for row in rows]
    return tabulate(text, headers=header, tablefmt=form, disable_numparse=True, colalign=align)


def page(steps: list[CellStep], cases: list[EmbeddingCase]) -> str:
    """Return docs/worked.md."""
    return (
        PAGE.replace("CELL_TABLE", cell_table(steps, "pipe"))
        .replace("EMBEDDING_TABLE", embedding_table(cases, "pipe"))
        .lstrip()
    )


PAGE = r"""
# The report's two worked problems

The fourth part of the report (Machine Learning Fall 2020, Homework 5) solves two problems by
hand. Here both are derived again, and every number is checked by a program. This page is written
by

    python -m bench.worked --write docs/worked.md

and the tests fail when it is not current.

## 1. A gated memory cell

A memory cell holds one number, $c$. At each step it sees an input vector $x$ and forms four
weighted sums of it, each with weights and a bias of its own:

```math
z = w \cdot x + b, \qquad
z_i = w_i \cdot x + b_i, \qquad
z_f = w_f \cdot x + b_f, \qquad
z_o = w_o \cdot x + b_o .
```

The first is what could be stored. The other three work the gates: the logistic function
$\sigma(a) = 1 / (1 + e^{-a})$ turns each sum into a number between 0 (shut) and 1 (open). The
input gate decides how much of $z$ is let in, the forget gate how much of the old memory is kept,
and the output gate how much of the new memory is shown:

```math
c' = \sigma(z_i)\, z + \sigma(z_f)\, c, \qquad y = \sigma(z_o)\, c' .
```

Nothing of $y$ comes back as an input, and $z$ and the output are linear. With $\tanh$ around $z$
and around $c'$, and recurrent weights of 0, this is the LSTM cell of PyTorch; the tests hold the
two against each other.

The report's cell has four inputs and starts from $c = 0$:

| | weights | bias | what it does |
|---|---|---|---|
| $z$ | 0, 0, 0, 1 | 0 | offers the fourth input |
| $z_i$ | 100, 100, 0, 0 | −10 | lets it in if the first or the second input is 1 |
| $z_f$ | −100, −100, 0, 0 | 110 | forgets only if both are 1 |
| $z_o$ | 0, 0, 100, 0 | −10 | shows the memory if the third input is 1 |

The weights are so large that every gate is almost shut or almost open: its sum is −90, −10, or 10
or more, and $\sigma(-10) = 0.0000454$, $\sigma(10) = 0.9999546$. By hand one takes them for 0
and 1, and each step is then an addition. The exact memory and output, in double precision, stand
at the right; rounded to whole numbers, all are what the report gives.

CELL_TABLE

## 2. Loss and gradients of a linear word embedding

A vocabulary of $V$ words is embedded in $N$ dimensions by $W$ ($V \times N$) and read out by $W'$
($N \times V$). For an input $x$ of length $V$ and a set $C$ of context words,

```math
h = W^\top x, \qquad u = W'^\top h, \qquad
y_m = \frac{e^{u_m}}{\sum_k e^{u_k}}, \qquad
L = -\log \prod_{c \in C} y_c = -\sum_{c \in C} u_c + |C| \log \sum_k e^{u_k} .
```

**With respect to $u$.** The derivative of the logarithm of the sum is the softmax. Let $n_i$ be
how often word $i$ stands in $C$; then

```math
\frac{\partial L}{\partial u_i} = -n_i + |C|\, y_i .
```

**With respect to $W'$.** Only $u_i = \sum_j W'_{j,i} h_j$ depends on $W'_{j,i}$, with derivative
$h_j$:

```math
\frac{\partial L}{\partial W'_{j,i}} = h_j \left( |C|\, y_i - n_i \right).
```

The report has $-h_j + |C|\, h_j\, y_i$ for $i \in C$. That is the same where $n_i = 1$, and so it
holds **on condition that the words in $C$ are distinct and that $i$ is one of them**. For a word
outside of $C$ the first term is missing; for one that stands there $n_i$ times it is $-n_i h_j$.
The last two rows below show the report's line failing in just these two cases.

**With respect to $W$.** An entry $W_{j,i}$ changes $h_i$ alone, by $x_j$, and $h_i$ changes every
$u_m$ by $W'_{i,m}$:

```math
\frac{\partial L}{\partial W_{j,i}}
= x_j \sum_m W'_{i,m} \frac{\partial L}{\partial u_m}
= -\sum_{c \in C} \Big( W'_{i,c}\, x_j - \sum_m W'_{i,m}\, x_j\, y_m \Big),
```

which is the report's line, and needs no condition: the sum over $C$ counts a repeated word as
often as it stands there. Neither line asks that $x$ be one-hot.

Checked in double precision with random $W$ and $W'$ ($V = 7$, $N = 3$): the largest difference
between these formulas and PyTorch's automatic differentiation. The loss is compared with the
product as it is written above.

EMBEDDING_TABLE
"""
