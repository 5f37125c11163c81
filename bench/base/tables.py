"""CSV files, whose text a spreadsheet shows as text.

A name of a file, label or data set may begin with ``=``, ``+``, ``-`` or ``@``, and a spreadsheet
would take it for a formula. Such text is written with an apostrophe before it, also where it begins
with spaces or with apostrophes already, and reading takes one apostrophe away again. So every text
comes back as it was. Numbers are written as they are, also those below zero.

References
----------
OWASP, CSV injection: https://owasp.org/www-community/attacks/CSV_Injection
"""

from __future__ import annotations

import csv
import functools
import io
import re
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any, TextIO

from pydantic import TypeAdapter, ValidationError

from bench.base.errors import UsageError, one_line, show_value
from bench.base.files import regular

if TYPE_CHECKING:
    import pandas as pd

_FORMULA = re.compile("'*(\\s*[=+\\-@\uff1d\uff0b\uff0d\uff20]|[\\t\\r\\n])")
_NUMBER = re.compile(r"[-+]?(\d+\.?\d*|\.\d+)([eE][-+]?\d+)?", re.ASCII)


def shield(value: Any) -> Any:
    """Return what is written for a value: text that looks like a formula gets an apostrophe."""
    if isinstance(value, str) and _FORMULA.match(value) and not _NUMBER.fullmatch(value):
        return f"'{value}"
    return value


def unshield(value: Any) -> Any:
    """Return the value that `shield` was given."""
    if isinstance(value, str) and value.startswith("'") and _FORMULA.match(value):
        return value[1:]
    return value


def row_writer(file: TextIO) -> Callable[[Iterable[Any]], object]:
    """Return a function that writes a row into a text file, opened with ``newline=""``."""
    writer = csv.writer(file)
    return lambda row: writer.writerow(map(shield, row))


def to_csv(frame: pd.DataFrame) -> str:
    """Return a table as CSV, its index left out."""
    import pandas as pd
    from pandas.api.types import is_numeric_dtype

    shown = frame.set_axis(list(map(shield, frame.columns)), axis=1)
    for position in range(shown.shape[1]):
        column = shown.iloc[:, position]
        if not is_numeric_dtype(column):
            texts = pd.Series(list(map(shield, column)), index=shown.index, dtype=object)
            shown.isetitem(position, texts.array)
    lines = _Lines(newline="")
    shown.to_csv(lines, index=False, lineterminator="\r\n")
    return lines.getvalue()


class _Lines(io.StringIO):
    """Ends rows by a line feed; the writer, told of both ends, quotes text that has either."""

    def write(self, line: str) -> int:
        ends = line.endswith("\r\n")
        return super().write(f"{line[:-2]}\n" if ends else line)


def check_column(column: pd.Series, kind: Any, always: bool, path: Path) -> pd.Series:
    """Return a column that was read, whose cells are of a type; see `read_csv`.

    Parameters
    ----------
    column : Series
    kind : type
        As pydantic reads it.
    always : bool
        Whether no cell may be empty.
    path : Path
        What messages name.

    Returns
    -------
    Series
        The column as it is, or of numbers or truth values where they were read as text.

    Raises
    ------
    UsageError
        With row, column, what is there and what may be there.
    """
    import numpy as np
    import pandas as pd
    from pandas.api.types import is_numeric_dtype

    cells = [None if pd.isna(cell) else cell for cell in column.tolist()]
    try:
        values = _reader(kind, always).validate_python(cells)
    except ValidationError as error:
        problem = error.errors()[0]
        at = f"{path}, row {int(problem['loc'][0]) + 1}, column {one_line(str(column.name))}"
        if problem["input"] is None:
            raise UsageError(f"{at}: must not be empty") from None
        reason = problem["msg"].removeprefix("Input ").removeprefix("Value error, ")
        raise UsageError(f"{at}: {reason}, found {show_value(problem['input'])}") from None
    as_read = all(type(value) is type(cell) for value, cell in zip(values, cells, strict=True))
    if as_read or (is_numeric_dtype(column) and kind is not bool):
        return column
    return pd.Series(values, column.index, dtype=object if kind is bool else np.float64)


@functools.cache
def _reader(kind: Any, always: bool) -> TypeAdapter[list[Any]]:
    return TypeAdapter(list[kind] if always else list[kind | None])


def read_csv(path: Path, **options: Any) -> pd.DataFrame:
    """Read a table as `pandas.read_csv` does, text as it was before it was written."""
    import pandas as pd
    from pandas.api.types import is_numeric_dtype

    found = pd.read_csv(regular(path), **options)
    found.columns = found.columns.map(unshield)
    for position in range(found.shape[1]):
        column = found.iloc[:, position]
        if not is_numeric_dtype(column):
            texts = list(map(unshield, column))
            if any(text is not old for text, old in zip(texts, column, strict=True)):
                found.isetitem(position, pd.Series(texts, index=found.index, dtype=column.dtype))
    return found
