"""A first look at a table: its encoding, its separator, and the names and kinds of its columns."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bnexp.config.real import CsvDataset
from bnexp.data.sources.cells import with_missing
from bnexp.data.sources.column import as_numbers, is_text
from bnexp.data.sources.csv_file import CsvFile
from bnexp.data.sources.csv_tables import TAB_ENDINGS
from bnexp.data.sources.dates import may_be_dates
from bnexp.data.sources.encoding import likely_encoding
from bnexp.data.sources.line_numbers import likely_separator
from bnexp.data.sources.parquet_tables import PARQUET_ENDINGS
from bnexp.data.suggested.choice import Choice
from bnexp.errors import UserError, counted, listed

if TYPE_CHECKING:
    import pandas

ROWS = 1000
"""The number of rows that show the kinds of the columns."""
MOST_NAMED = 20
"""The most columns that a message names."""


def columns_of(path: Path) -> list[str]:
    """Return the names of a table's columns. Only its first line or its schema is read.

    Raises:
        OSError, ValueError: if the file cannot be read.
    """
    if path.suffix.lower() in PARQUET_ENDINGS:
        import pyarrow.parquet

        return list(pyarrow.parquet.read_schema(path).names)
    file, _ = separated(path)
    return [str(name) for name in file.frame(nrows=0).columns]


def separated(path: Path) -> tuple[CsvFile, list[Choice]]:
    """Return the file with its encoding and separator, found from its first line, and the choices that set them."""
    choices = []
    file = CsvFile(path, "\t" if path.suffix.lower() in TAB_ENDINGS else ",")
    if (encoding := likely_encoding(file)) is not None:
        file = CsvFile(path, file.separator, encoding=encoding)
        choices.append(Choice("encoding", encoding, "its bytes are not UTF-8, but are valid in this encoding"))
    separator = likely_separator(file) or file.separator
    if separator != CsvDataset.model_fields["separator"].default:
        choices.append(Choice("separator", separator, "it separates the names in the first line"))
    return CsvFile(path, separator, encoding=file.encoding), choices


def listed_columns(section: Mapping[str, Any]) -> str | None:
    """Return the columns of a table with the kind of values in their first rows: `a (numbers), b (text, 2 values)`.

    `section` is the section `dataset` of a config. Its keys say how the file is read, such as `decimal`. Return None if
    the table cannot be read.
    """
    path = Path(section["path"])
    try:
        return kinds_in(*_first_rows(path, section))
    except (OSError, ValueError, NotImplementedError, UserError):
        return None


def kinds_in(frame: pandas.DataFrame, decimal: str = ".") -> str:
    """Return the columns of a DataFrame with the kind of values in their first rows.

    `decimal` is the decimal mark of numbers that are stored as text.
    """
    frame = frame.head(ROWS)
    names = [repr(name) if "," in name else name for name in map(str, frame.columns)]
    shown = range(min(MOST_NAMED, len(names)))
    kinds = [f"{names[position]} ({_kind(frame.iloc[:, position], decimal)})" for position in shown]
    return listed([*kinds, *names[MOST_NAMED:]], MOST_NAMED)


def _first_rows(path: Path, section: Mapping[str, Any]) -> tuple[pandas.DataFrame, str]:
    """Return the first rows of a table, and the decimal mark of its texts."""
    if path.suffix.lower() in PARQUET_ENDINGS or section.get("name") == "parquet":
        import pyarrow.parquet

        file = pyarrow.parquet.ParquetFile(path)
        rows = next(file.iter_batches(ROWS), None)
        return (file.schema_arrow.empty_table() if rows is None else rows).to_pandas(), "."
    given = {
        key: section[key] for key in ("separator", "encoding", "decimal", "thousands", "na_values") if key in section
    }
    config = CsvDataset.model_validate({"name": "csv", "path": str(path), "target": "?", **given})
    guess, _ = separated(path)
    guessed = {key: getattr(guess, key) for key in ("separator", "encoding") if key not in section}
    table = replace(CsvFile.of(config, path), **guessed)
    return with_missing(table.frame(nrows=ROWS, thousands=table.thousands), table), table.decimal


def _kind(column: pandas.Series[Any], decimal: str) -> str:
    known = column.dropna()
    if known.empty:
        return "empty"
    if column.dtype.kind == "b" or all(isinstance(cell, bool) for cell in known):
        return "true or false"
    if column.dtype.kind == "M":
        return "dates"
    if not is_text(column):
        return "numbers"
    numbers = as_numbers(known.astype(object), decimal).notna().sum() if column.dtype.kind == "O" else 0
    if numbers == len(known):
        return "numbers"
    if 2 * numbers > len(known):
        return "numbers, and other cells"
    return "dates" if may_be_dates(column) else f"text, {counted(known.astype(str).nunique(), 'value')}"
