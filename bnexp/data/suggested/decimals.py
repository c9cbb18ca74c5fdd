"""The decimal mark of a table, and what is said about columns of numbers with other marks, or with signs."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from bnexp.data.sources.alike import shown
from bnexp.data.sources.column import FEW_MISTAKES, no_numbers
from bnexp.data.sources.csv_file import CsvFile
from bnexp.data.sources.joined import Table
from bnexp.data.sources.marks import marked_columns
from bnexp.data.sources.numerals import OTHER_DECIMAL, Numerals, numerals, only_sign, unit_of
from bnexp.data.sources.rewriting import with_decimals, without_signs
from bnexp.data.suggested.missing_values import MOST_WORDS
from bnexp.errors import counted, listed

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
    """Return what is in a column of text that holds numbers with marks; None for other columns.

    A few numbers with marks among plain numbers are mistakes to be corrected, except those with another decimal mark.
    """
    found = numerals(column, decimal) if column.dtype.kind == "O" else None
    if found is None:
        return None
    if found.marked is not None:
        strange = no_numbers(column, decimal)
        if are_few(column, strange):
            return None
        numbers = f"numbers, and in {counted(len(strange), 'row')} numbers" if len(strange) else "numbers"
        return f"{numbers} with {' and '.join(found.marks)}, such as {shown(found.marked)}"
    also = f", and others with {decimal!r}" if found.mixed else ""
    seen = f"numbers with {OTHER_DECIMAL[decimal]!r} as their decimal mark, such as {shown(found.decimal)}{also}"
    return f"{seen}; the file is read with {decimal!r}"


def are_few(column: pandas.Series[Any], strange: NDArray[np.int64]) -> bool:
    """Return True if the rows `strange` of a column of numbers are so few, or so alike, that they may be mistakes."""
    are = len(strange) <= FEW_MISTAKES * len(column) or column.iloc[strange].nunique() <= MOST_WORDS
    return len(strange) > 0 and are


def notes_of_marks(tables: Sequence[Table], left_out: Sequence[str], target: str, file: CsvFile) -> Iterator[str]:
    """Yield, for each table, a note on its columns left out, and its target, if their numbers have a sign or the like.

    If each number of a column has one sign, such as %, the note has a command that writes the column without it.
    """
    for table in tables:
        columns = [name for name in table.frame.columns if name in (*left_out, target)]
        marked = marked_columns(table.frame, columns, file.decimal)
        signs = {name: only_sign(table.frame[name]) for name, one in marked.items() if one.marked is not None}
        sign_of = {name: sign for name, sign in signs.items() if sign is not None}
        others = [name for name in signs if name not in sign_of and name != target]
        units = {name: unit_of(table.frame[name]) for name in columns if name not in (*marked, target)}
        sign_of |= {name: unit for name, unit in units.items() if unit is not None}
        for names in filter(None, ([*sign_of], others)):
            cells = {name: marked[name].marked if name in marked else _first(table.frame[name]) for name in names}
            seen = listed([f"{name!r} (such as {shown(cell)})" for name, cell in cells.items()], MOST_NAMED)
            out = "" if target in names else f", {_which_are(names)} left out"
            what = "with a sign, or marks, that no key of the config reads"
            cure = "Write the numbers without them in the file, to use them as inputs."
            if names != others:
                what = f"with {' or '.join(map(repr, dict.fromkeys(sign_of.values())))}"
                own = replace(file, path=table.path)
                cure = f"This writes them without it, {without_signs(own, sign_of, table.key)}"
            yield f"{table.path} has numbers {what} in {_column(names)} {seen}{out}. {cure}"


def notes_of_decimals(tables: Sequence[Table], left_out: Sequence[str], file: CsvFile) -> Iterator[str]:
    """Yield, for each table, a note on its columns with the other decimal mark, with a command that rewrites them."""
    other = OTHER_DECIMAL[file.decimal]
    for table in tables:
        marked = marked_columns(table.frame, table.frame.columns, file.decimal)
        names = [name for name, one in marked.items() if one.decimal is not None and one.marked is None]
        if names:
            columns = f"{_column(names)} {listed(map(repr, names), MOST_NAMED)}"
            out = f", {_which_are(names)} left out" if {*names} <= {*left_out} else ""
            yield (
                f"{table.path} has numbers with {other!r} as their decimal mark in {columns}{out}. It is read with "
                f"dataset.decimal: {json.dumps(file.decimal)}. This writes them with {file.decimal!r}, "
                f"{with_decimals(replace(file, path=table.path), names, other, table.key)}"
            )


def _first(column: pandas.Series[Any]) -> Any:
    return column.dropna().iloc[0]


def _column(names: Sequence[str]) -> str:
    return "column" if len(names) == 1 else "columns"


def _which_are(names: Sequence[str]) -> str:
    return "which is" if len(names) == 1 else "which are"
