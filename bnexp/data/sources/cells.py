"""Cells of a CSV file that pandas does not understand: words for a missing value, and marks for thousands."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from bnexp.data.sources.column import as_numbers, is_gap
from bnexp.data.sources.csv_file import CsvFile
from bnexp.data.sources.numerals import marks_of, ungrouped

if TYPE_CHECKING:
    import pandas


def with_missing(frame: pandas.DataFrame, file: CsvFile, *, as_text: bool = False) -> pandas.DataFrame:
    """Return the table with empty cells in place of the config's words and numbers for a missing value.

    If all other cells of a column are numbers, it becomes a column of numbers, unless `as_text` is True.
    """
    import pandas

    words = {str(value) for value in file.na_values}
    texts = pandas.Series([value for value in file.na_values if isinstance(value, str)], dtype=object)
    known = [float(value) for value in file.na_values if not isinstance(value, str)]
    known += as_numbers(texts, file.decimal).dropna().tolist()
    for name in frame.columns if words else ():
        column = frame[name]
        if column.dtype.kind == "O":
            cells = pandas.Series(column.dropna().unique(), dtype=object)
            values = as_numbers(cells.map(lambda cell: _ungrouped(cell, file)), file.decimal)
            is_missing = column.isin(cells[values.isin(known) | cells.astype(str).str.strip().isin(words)].tolist())
        else:
            is_missing = column.isin(known) if column.dtype.kind in "iuf" else column.astype(str).isin(words)
        if is_missing.any():
            filled = column.mask(is_missing)
            frame[name] = filled if as_text else _numbers_or_texts(filled, file.decimal)
    return frame


def with_numbers(frame: pandas.DataFrame, file: CsvFile) -> pandas.DataFrame:
    """Return the table with columns of numbers in place of text columns that hold only numbers and missing values.

    A missing value is a blank cell or a word such as `NA`. In other columns this word stays text.
    """
    for name in frame.columns:
        if frame[name].dtype.kind != "O":
            continue
        column = frame[name] = _without_thousands(frame[name], file)
        gaps = [value for value in column.unique() if is_gap(value)]
        if gaps or file.thousands is not None:
            numbers = _numbers_or_texts(column.mask(column.isin(gaps)), file.decimal)
            frame[name] = column if numbers.dtype.kind == "O" else numbers
    return frame


def _ungrouped(cell: Any, file: CsvFile) -> Any:
    """Return a cell without marks for thousands if it is a number with them; else return it unchanged."""
    if file.thousands is None or not isinstance(cell, str):
        return cell
    plain = ungrouped(cell, file.thousands, file.decimal)
    return cell if plain is None else plain


def _without_thousands(column: pandas.Series[Any], file: CsvFile) -> pandas.Series[Any]:
    """Return a column without marks for thousands if more than half of its filled cells are numbers; else unchanged."""
    if file.thousands is None:
        return column
    counts = column[~column.map(is_gap)].value_counts(sort=False)
    cells = [cell for cell in counts.index if isinstance(cell, str)]  # booleans in a column with gaps are no strings
    plain = {cell: text for cell in cells if (text := ungrouped(cell, file.thousands, file.decimal)) is not None}
    numbers = [cell for cell in cells if marks_of(cell, file.decimal) is not None]
    if not plain or 2 * counts[numbers].sum() <= counts.sum():
        return column
    return column.map(lambda cell: plain.get(cell, cell), na_action="ignore")


def _numbers_or_texts(column: pandas.Series[Any], decimal: str) -> pandas.Series[Any]:
    """Return a column of text as numbers if each filled cell holds a number; else return it unchanged."""
    if column.dtype.kind != "O":
        return column
    numbers = as_numbers(column, decimal)
    return numbers if numbers.notna().any() and numbers.isna().equals(column.isna()) else column
