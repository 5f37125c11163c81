"""results.tex: the grid as a table for a paper, with the package booktabs."""

from __future__ import annotations

import pandas as pd

from bench.analysis.inference import ALIKE, BEST
from bench.analysis.results import Results
from bench.base.naming import chain_name
from bench.report.tables import OF_UNLABELED, format_ci, mean_and_spread, metrics_to_show
from bench.stages.metrics.table import METRICS

FILE = "results.tex"

COLUMNS = ("accuracy", "private_accuracy", "validation_accuracy", "nmi", "ari")

# What TeX would take for a command.
SPECIAL = {
    "\\": r"\textbackslash{}",
    "&": r"\&",
    "%": r"\%",
    "$": r"\$",
    "#": r"\#",
    "_": r"\_",
    "{": r"\{",
    "}": r"\}",
    "~": r"\textasciitilde{}",
    "^": r"\textasciicircum{}",
    "±": r"$\pm$",
    "→": r"$\rightarrow$",
    "–": "--",
    "×": r"$\times$",
}


def escape(text: str) -> str:
    """Have TeX print text as it is."""
    return "".join(SPECIAL.get(character, character) for character in text)


def render(records: pd.DataFrame) -> str:
    """Write the table: the best pipeline bold, a dagger where there is no significant difference from it."""
    results = Results(records)
    columns = metrics_to_show(records, COLUMNS if results.labeled else OF_UNLABELED)
    titles = ["model", "chain", *(METRICS[name].title for name in columns), r"95% interval"]
    lines = [
        r"% \usepackage{booktabs}",
        rf"\begin{{tabular}}{{ll{'r' * (len(columns) + 1)}}}",
        r"\toprule",
        " & ".join(map(escape, titles)) + r" \\",
        r"\midrule",
        *(_row(row, columns) for _, row in results.summary.iterrows()),
        r"\bottomrule",
        r"\end{tabular}",
        "",
        rf"% {_caption(records)}",
    ]
    return "\n".join(lines) + "\n"


def _row(row: pd.Series, columns: list[str]) -> str:
    cells = [escape(str(row["model"])), escape(chain_name(row["chain"], row["clusterer"]))]
    values = [escape(mean_and_spread(row, name)) for name in columns]
    if row["verdict"] == BEST:
        cells, values = ([rf"\textbf{{{text}}}" for text in part] for part in (cells, values))
    elif row["verdict"] == ALIKE and values:
        values[0] += r"$^\dagger$"
    return " & ".join([*cells, *values, escape(format_ci(row))]) + r" \\"


def _caption(records: pd.DataFrame) -> str:
    first = records.iloc[0]
    over = "seeds and images" if first["independent_images"] else "seeds"
    results = Results(records)
    best = {
        "public_accuracy": "on the public half",
        "validation_accuracy": "on the validation images",
    }
    text = (
        f"{first['dataset']}: {first['images']} images, {records['seed_index'].nunique()} seeds; "
        f"mean ± standard deviation over seeds, and the 95% interval of "
        f"{'accuracy' if results.labeled else 'kNN modularity'} over {over}. Bold: best "
        f"{best.get(results.metric, 'by kNN modularity')}. Dagger: no significant difference from "
        "the best."
    )
    return " ".join(escape(text).split())
