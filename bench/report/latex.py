"""results.tex: the grid as a table for a paper, with the package booktabs."""

from __future__ import annotations

import pandas as pd

from bench.analysis.inference import ALIKE, BEST
from bench.analysis.results import Results
from bench.report import tables
from bench.report.columns import Column, escape_tex, to_latex
from bench.report.headline import count_seeds, over
from bench.stages.metrics.table import METRICS

FILE = "results.tex"


def render(results: Results) -> str:
    """Write the table: the best pipeline bold, others without a significant difference marked."""
    table = tables.latex(results)
    title = METRICS[results.shown].title

    def mark(row: pd.Series, column: Column, text: str) -> str:
        if row["verdict"] == BEST and column is not table.columns[-1]:
            return rf"\textbf{{{text}}}"
        if row["verdict"] == ALIKE and column.title == title:
            return rf"{text}$^\dagger$"
        return text

    return f"% \\usepackage{{booktabs}}\n{to_latex(table, mark)}\n\n% {_caption(results)}\n"


def _caption(results: Results) -> str:
    first = results.records.iloc[0]
    chosen = {
        "public_accuracy": "on the public half",
        "validation_accuracy": "on the validation images",
    }
    text = (
        f"{first['dataset']}: {first['images']} images, {count_seeds(results)}; mean ± standard "
        f"deviation over seeds, and the 95% interval of {METRICS[results.shown].title} over "
        f"{over(results)}. Bold: best "
        f"{chosen.get(results.metric, f'by {METRICS[results.metric].title}')}. "
        f"Dagger: {ALIKE} from the best."
    )
    return " ".join(escape_tex(text).split())
