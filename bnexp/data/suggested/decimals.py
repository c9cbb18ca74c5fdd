"""Which decimal mark the numbers of a table have, and what is said about columns of numbers with other marks."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from bnexp.data.sources.alike import shown
from bnexp.data.sources.csv_file import CsvFile
from bnexp.data.sources.joined import Table
from bnexp.data.sources.marks import marked_columns
from bnexp.data.sources.numerals import OTHER_DECIMAL, Numerals, numerals
from bnexp.data.sources.rewriting import with_decimals
from bnexp.errors import listed

if TYPE_CHECKING:
    import pandas

MOST_NAMED = 5


def has_comma(frame: pandas.DataFrame, marked: Mapping[str, Numerals], separator: str) -> bool:
    """Return True if no fewer columns have a comma as their decimal mark than a point, and no column has both.

    `marked` are the columns of text that hold numbers with marks. If the comma also separates the fields, one column
    is not enough: quoted cells such as "1,3" may be lists of answers.
    """
    commas = sum(one.decimal is not None for one in marked.values())
    fewest = max(len(with_points(frame)), 2 if separator == "," else 1)
    return commas >= fewest and not any(one.mixed for one in marked.values())


def with_points(frame: pandas.DataFrame) -> list[str]:
    """List the columns that have numbers with decimals."""
    floats = [name for name in frame.columns if frame[name].dtype.kind == "f"]
    return [name for name in floats if bool((frame[name].dropna() % 1 != 0).any())]


def why_marked(column: pandas.Series[Any], decimal: str) -> str | None:
    """Return what is in a column of text that holds numbers with marks; None for other columns."""
    found = numerals(column, decimal) if column.dtype.kind == "O" else None
    if found is None:
        return None
    if found.marked is not None:
        return f"numbers with {' and '.join(found.marks)}, such as {shown(found.marked)}"
    also = f", and others with {decimal!r}" if found.mixed else ""
    seen = f"numbers with {OTHER_DECIMAL[decimal]!r} as their decimal mark, such as {shown(found.decimal)}{also}"
    return f"{seen}; the file is read with {decimal!r}"


def notes_of_decimals(tables: Sequence[Table], left_out: Sequence[str], file: CsvFile) -> Iterator[str]:
    """Yield, for each table, a note on its columns with the other decimal mark, with a command that rewrites them."""
    other = OTHER_DECIMAL[file.decimal]
    for table in tables:
        marked = marked_columns(table.frame, table.frame.columns, file.decimal)
        names = [name for name, one in marked.items() if one.decimal is not None and one.marked is None]
        if names:
            columns = f"{'column' if len(names) == 1 else 'columns'} {listed(map(repr, names), MOST_NAMED)}"
            out = f", which {'is' if len(names) == 1 else 'are'} left out" if {*names} <= {*left_out} else ""
            yield (
                f"{table.path} has numbers with {other!r} as their decimal mark in {columns}{out}. It is read with "
                f"dataset.decimal: {json.dumps(file.decimal)}. This writes them with {file.decimal!r}: "
                f"{with_decimals(replace(file, path=table.path), names, other)}"
            )
