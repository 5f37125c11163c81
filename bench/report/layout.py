"""How pages are laid out: escaped text, tables, words that recur."""

from __future__ import annotations

import re

import pandas as pd
from tabulate import tabulate

from bench.base.errors import one_line


def escape(text: str) -> str:
    """Have Markdown show text as it is, whatever characters it holds."""
    return re.sub(r"([\\`*_\[\]<>|#~&$])", r"\\\1", one_line(str(text)))


def table(header: list[str], rows: list[list[str]], numbers_from: int) -> str:
    """Lay out a table; columns from ``numbers_from`` on are right-aligned."""
    align = ["left"] * numbers_from + ["right"] * (len(header) - numbers_from)
    # No line break within a number and its spread.
    escaped = [[escape(cell).replace(" ± ", "\u00a0±\u00a0") for cell in row] for row in rows]
    return tabulate(escaped, headers=header, tablefmt="pipe", disable_numparse=True, colalign=align)


def count_seeds(records: pd.DataFrame) -> str:
    """Write how many seeds there are."""
    count = records["seed_index"].nunique()
    return f"{count} seed{'s' if count > 1 else ''}"
