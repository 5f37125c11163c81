"""The page with both derivations, and the tables that the command prints."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from tabulate import tabulate

from bench.worked.problems import TOLERANCE, CellStep, EmbeddingCase


def cell_table(steps: list[CellStep], form: str) -> str:
    """Lay out the first problem: the report's rounded numbers, and the exact ones beside."""
    header = ["t", "x", "z", "z_i", "z_f", "z_o", "c' ≈", "y ≈", "c'", "y", "as in the HW5 report"]
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
    """Lay out the second problem: differences from automatic differentiation.

    Without ``exact`` it says only whether there are any: last digits depend on the machine.
    """

    def write(difference: float) -> str:
        if exact:
            return f"{difference:.1e}"
        return f"below {TOLERANCE:.0e}" if difference < TOLERANCE else "differs"

    header = ["case", "loss", "∂L/∂W", "∂L/∂W'", "HW5 report's ∂L/∂W'", "as derived"]
    rows = [
        [
            case.name,
            *map(write, case.differences),
            write(case.report_difference),
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
    """Return docs/worked.md: the text beside this file, with both tables."""
    text = Path(__file__).with_name("derivation.md").read_text(encoding="utf-8")
    return text.replace("CELL_TABLE", cell_table(steps, "pipe")).replace(
        "EMBEDDING_TABLE", embedding_table(cases, "pipe")
    )
