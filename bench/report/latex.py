"""results.tex: the grid as a table for a paper, with the package booktabs."""

from __future__ import annotations

import pandas as pd

from bench.analysis.choices import Choices
from bench.analysis.results import Results
from bench.analysis.verdicts import BEST, GROUP
from bench.report import choices, headline, tables
from bench.report.columns import Column, to_latex
from bench.report.templates import paragraphs, title

FILE = "results.tex"


def render(results: Results, found: Choices | None = None) -> str:
    """Write the table: the best pipeline bold, others that may be the best marked.

    Where the best is not above the largest class, nothing is marked. The parts of the variance are
    a table of their own.
    """
    table, facts = tables.latex(results), headline.facts(results)
    compared_by = title(results.metric)

    def mark(row: pd.Series, column: Column, text: str) -> str:
        if facts["at_chance"]:
            return text
        if row["verdict"] == BEST and column is not table.columns[-1]:
            return rf"\textbf{{{text}}}"
        if row["verdict"] == GROUP and column.title == compared_by:
            return rf"{text}$^\dagger$"
        return text

    (caption,) = paragraphs("caption.tex", "caption", facts)
    text = f"% \\usepackage{{booktabs}}\n{to_latex(table, mark)}\n\n% {caption}\n"
    if found is None or found.effects is None:
        return text
    (caption,) = paragraphs("caption.tex", "parts", facts | {"effects": found.effects})
    parts = choices.parts_table(found.effects)
    return f"{text}\n{to_latex(parts, lambda row, column, text: text)}\n\n% {caption}\n"
