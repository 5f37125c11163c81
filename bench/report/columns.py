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
    meaning: str = ""  # shown by a button beside the heading
    descending: bool = False  # sorted from the greatest first
    html: Callable[[Any], str] | None = None  # where a page shows more than the text
    within: Callable[[Any], float] | None = None  # rows are sorted by this number first
    name: str = ""  # what a page calls it, if that is not the title
    choice: Callable[[Any], str] | None = None  # what a page filters rows by
    hidden: bool = False  # on a page, until it is asked for
    buttons: bool = False  # of a page, which no other form shows
    stays: bool = False  # on a page, where the table is moved sideways

    @property
    def key(self) -> str:
        """What the page and its address call the column: letters, digits and ``_``."""
        return self.name or re.sub(r"\W+", "_", self.title.lower()).strip("_")


@dataclass(frozen=True)
class Table:
    """Columns and the rows that they are made from: anything that they read.

    Where rows stand in groups, ``group`` returns the heading that a row stands under; rows of one
    group are neighbors.
    """

    columns: list[Column]
    rows: list[Any]
    group: Callable[[Any], str] | None = None

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
    def groups(self) -> list[tuple[str, list[Any]]]:
        """The rows by heading, which is empty where they stand in no groups."""
        if self.group is None:
            return [("", self.rows)]
        found: dict[str, list[Any]] = {}
        for row in self.rows:
            found.setdefault(self.group(row), []).append(row)
        return list(found.items())

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
    """Render a table as Markdown; the heading of a group is a row with bold text."""

    def write(text: str) -> str:
        # No line break within a number and its spread.
        return escape(text).replace(" ± ", "\u00a0±\u00a0")

    return _tabulate(table, _with_headings(table, write, lambda text: f"**{text}**"), "pipe")


def to_terminal(table: Table) -> str:
    """Render a table as plain text; the heading of a group is a row of its own."""
    return _tabulate(table, _with_headings(table, one_line, "[{}]".format), "simple")


def _with_headings(
    table: Table, write: Callable[[str], str], mark: Callable[[str], str]
) -> list[list[str]]:
    """Return the texts of a table, with a row for the heading of each group."""
    # A first column without a title holds marks, and is narrow.
    place = next((n for n, column in enumerate(table.columns) if column.title), 0)
    texts = []
    for heading, rows in table.groups:
        if heading:
            texts.append([mark(heading) * (n == place) for n in range(len(table.columns))])
        texts += [[write(str(column.text(row))) for column in table.columns] for row in rows]
    return texts


def _tabulate(table: Table, texts: list[list[str]], form: str) -> str:
    align = ["right" if column.right else "left" for column in table.columns]
    return tabulate(
        texts, headers=table.header, tablefmt=form, disable_numparse=True, colalign=align
    )


def escape_tex(text: str) -> str:
    """Have TeX print text as it is."""
    return "".join(TEX.get(character, character) for character in text)


def to_latex(table: Table, mark: Callable[[Any, Column, str], str]) -> str:
    """Render a table as a LaTeX ``tabular`` with the rules of the package booktabs.

    The heading of a group is a line across all columns.

    Parameters
    ----------
    table : Table
    mark : callable
        From a row, a column and its escaped text to what is printed, such as bold text.
    """
    align = "".join("r" if column.right else "l" for column in table.columns)
    body: list[str] = []
    for heading, rows in table.groups:
        body.append(r"\midrule")
        if heading:
            across = rf"\multicolumn{{{len(align)}}}{{l}}"
            body.append(rf"{across}{{\emph{{{escape_tex(heading)}}}}} \\")
        for row in rows:
            fields = [mark(row, column, escape_tex(column.text(row))) for column in table.columns]
            body.append(" & ".join(fields) + r" \\")
    lines = [
        rf"\begin{{tabular}}{{{align}}}",
        *(r"\toprule", " & ".join(map(escape_tex, table.header)) + r" \\"),
        *(*body, r"\bottomrule"),
        r"\end{tabular}",
    ]
    return "\n".join(lines)
