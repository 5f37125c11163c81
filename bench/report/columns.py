"""Tables as lists of columns, each declared once, and the forms that they are rendered in."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

import pandas as pd
from tabulate import tabulate

from bench.base.errors import one_line

MISSING = "–"

# What TeX would take for a command.
TEX = {
    "\\": r"\textbackslash{}",
    "~": r"\textasciitilde{}",
    "^": r"\textasciicircum{}",
    "±": r"$\pm$",
    "→": r"$\rightarrow$",
    "×": r"$\times$",
    MISSING: "--",
    **{character: f"\\{character}" for character in "&%$#_{}"},
}


@dataclass(frozen=True)
class Column:
    """A column of a table: its heading, and how its fields are made from rows."""

    title: str
    text: Callable[[Any], str]
    right: bool = True  # aligned at the right, as numbers are
    order: Callable[[Any], float] | None = None  # the number that rows are sorted by
    meaning: str = ""  # shown where the pointer rests on the heading
    descending: bool = False  # sorted from the greatest first
    html: Callable[[Any], str] | None = None  # where a page shows more than the text


@dataclass(frozen=True)
class Table:
    """Columns and the rows that they are made from: anything that they read."""

    columns: list[Column]
    rows: list[Any]

    @classmethod
    def of(cls, columns: Iterable[Column | None], rows: Any) -> Table:
        """Return a table of the columns that are not None; rows may be a DataFrame."""
        if isinstance(rows, pd.DataFrame):
            rows = [row for _, row in rows.iterrows()]
        return cls([column for column in columns if column is not None], list(rows))

    @property
    def header(self) -> list[str]:
        """The titles."""
        return [column.title for column in self.columns]

    @property
    def texts(self) -> list[list[str]]:
        """The text of every field, row by row."""
        return [[str(column.text(row)) for column in self.columns] for row in self.rows]


def words(title: str, name: str | Callable[[Any], Any], **settings: Any) -> Column:
    """Return a column of words, from a row's attribute of that name or a function."""
    read = name if callable(name) else lambda row: getattr(row, name)
    return Column(title, lambda row: str(read(row)), right=False, **settings)


def numbers(title: str, name: str | Callable[[Any], Any], form: str, **settings: Any) -> Column:
    """Return a column of numbers in a format such as ``.3f``, with a dash for a missing one."""
    read = name if callable(name) else lambda row: getattr(row, name)

    def text(row: Any) -> str:
        value = read(row)
        return MISSING if pd.isna(value) else f"{value:{form}}"

    return Column(title, text, order=read, **settings)


def escape(text: str) -> str:
    """Have Markdown show text as it is, whatever characters it holds."""
    return re.sub(r"([\\`*_\[\]<>|#~&$])", r"\\\1", one_line(str(text)))


def to_markdown(table: Table) -> str:
    """Render a table as Markdown."""
    # No line break within a number and its spread.
    texts = [[escape(text).replace(" ± ", "\u00a0±\u00a0") for text in row] for row in table.texts]
    return _tabulate(table, texts, "pipe")


def to_terminal(table: Table) -> str:
    """Render a table as plain text."""
    return _tabulate(table, [[one_line(text) for text in row] for row in table.texts], "simple")


def _tabulate(table: Table, texts: list[list[str]], form: str) -> str:
    align = ["right" if column.right else "left" for column in table.columns]
    return tabulate(
        texts, headers=table.header, tablefmt=form, disable_numparse=True, colalign=align
    )


def to_csv(table: Table) -> str:
    """Render a table as CSV, numbers in full."""
    columns = {
        column.title: [
            column.order(row) if column.order else column.text(row) for row in table.rows
        ]
        for column in table.columns
    }
    return pd.DataFrame(columns).to_csv(index=False)


def escape_tex(text: str) -> str:
    """Have TeX print text as it is."""
    return "".join(TEX.get(character, character) for character in text)


def to_latex(table: Table, mark: Callable[[Any, Column, str], str]) -> str:
    """Render a table as a LaTeX ``tabular`` with the rules of the package booktabs.

    Parameters
    ----------
    table : Table
    mark : callable
        From a row, a column and its escaped text to what is printed, such as bold text.
    """
    rows = [
        [mark(row, column, escape_tex(column.text(row))) for column in table.columns]
        for row in table.rows
    ]
    align = "".join("r" if column.right else "l" for column in table.columns)
    head, *body = (" & ".join(row) + r" \\" for row in [map(escape_tex, table.header), *rows])
    lines = [
        rf"\begin{{tabular}}{{{align}}}",
        *(r"\toprule", head, r"\midrule", *body, r"\bottomrule"),
        r"\end{tabular}",
    ]
    return "\n".join(lines)
