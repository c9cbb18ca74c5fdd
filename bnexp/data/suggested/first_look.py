"""A first look at a table: its encoding, its separator, and the names and kinds of its columns."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from bnexp.config.real import CsvDataset
from bnexp.data.sources.column import as_numbers, is_text
from bnexp.data.sources.csv_file import CsvFile
from bnexp.data.sources.csv_tables import TAB_ENDINGS
from bnexp.data.sources.dates import may_be_dates
from bnexp.data.sources.encoding import likely_encoding
from bnexp.data.sources.line_numbers import likely_separator
from bnexp.data.sources.parquet_tables import PARQUET_ENDINGS
from bnexp.data.suggested.choice import Choice
from bnexp.errors import counted

if TYPE_CHECKING:
    import pandas

ROWS = 1000
"""The number of rows that show the kinds of the columns."""


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


def kinds_of(path: Path) -> dict[str, str]:
    """Return the columns of a table with the kind of values in their first rows, such as `numbers`.

    Raises:
        OSError, ValueError: if the file cannot be read.
    """
    if path.suffix.lower() in PARQUET_ENDINGS:
        import pyarrow.parquet

        frame = next(pyarrow.parquet.ParquetFile(path).iter_batches(ROWS)).to_pandas()
    else:
        file, _ = separated(path)
        frame = file.frame(nrows=ROWS)
    return {str(name): _kind(frame[name]) for name in frame.columns}


def _kind(column: pandas.Series[Any]) -> str:
    if column.isna().all():
        return "empty"
    if not is_text(column):
        return "numbers"
    if 2 * as_numbers(column).notna().sum() > len(column):
        return "numbers, and other cells"
    return "dates" if may_be_dates(column) else f"text, {counted(column.astype(str).nunique(), 'value')}"
