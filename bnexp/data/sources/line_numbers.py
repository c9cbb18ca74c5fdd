"""What stands in which line of a CSV file: the line of a row, and what makes a file none that can be read right."""

from __future__ import annotations

import csv
import functools
import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bnexp.data.rows import Where, row_of
from bnexp.data.sources.alike import shown
from bnexp.data.sources.header import has_second_line, is_data, repeated_names
from bnexp.errors import SettingError, counted

if TYPE_CHECKING:
    import pandas

SEPARATORS = ",;\t|"
LONGEST_FIELD = 2**31 - 1
"""Characters that a field may have; Python's csv takes 131,072 if nothing is said."""


@dataclass(frozen=True)
class Record:
    """One record of a CSV file: the line that it begins in, from 1, how many lines it has, its text and its fields."""

    begins: int
    lines: int
    text: str
    fields: list[str]


def records(path: Path, separator: str) -> Iterator[Record]:
    """Yield each record of a CSV file that is not blank."""
    taken: list[str] = []

    def lines_of_file(file: Iterable[str]) -> Iterator[str]:
        for line in file:
            taken.append(line)
            yield line

    limit = csv.field_size_limit(LONGEST_FIELD)
    try:
        with open(path, newline="", encoding="utf-8-sig", errors="replace") as file:
            begins = 1
            for fields in csv.reader(lines_of_file(file), delimiter=separator):
                if len(fields) > 1 or "".join(fields).strip():
                    yield Record(begins, len(taken), "".join(taken), fields)
                begins += len(taken)
                taken.clear()
    finally:
        csv.field_size_limit(limit)


def lines_of(path: Path, separator: str, rows: int) -> Where:
    """Return what maps a row to its line in a CSV file of `rows` rows; the first record holds the columns' names."""

    @functools.cache
    def lines() -> list[int]:
        """Find the lines by reading the file once more, as only a mistake asks for it."""
        return [record.begins for record in records(path, separator)]

    def where(row: int) -> str:
        return f"{path}:{lines()[row + 1]}" if len(lines()) == rows + 1 else row_of(path)(row)

    return where


def open_quote(path: Path, separator: str) -> str:
    """Return file and line of the quote that is not closed by the end of the file."""
    opens = 1
    for record in records(path, separator):
        opens = record.begins + "".join(record.fields[:-1]).count("\n")
    return f"{path}:{opens}"


def no_table(path: Path, separator: str, error: Exception) -> str:
    """Return why pandas found no table in a CSV file, what was expected, and the cure."""
    import pandas

    expected = "Expected a line of column names, then one line a row."
    if isinstance(error, pandas.errors.EmptyDataError):
        return f"it is empty. {expected}"
    reason = " ".join(str(error).removeprefix("Error tokenizing data. C error: ").split())
    if reason.startswith("EOF inside string"):
        return f"{open_quote(path, separator)}: a quote is opened and not closed. Close it, or take it out."
    if isinstance(error, pandas.errors.ParserWarning):
        reason = "its lines have more fields than its first line has names"
    cure = _cure_of_separator(path, separator) or _cure_of_long_row(path, separator) or " Mend the file."
    return f"it is no table: {reason}. {expected}{cure}"


def _cure_of_long_row(path: Path, separator: str) -> str:
    """Return sentences about the first row with more fields than the first line has names, or nothing.

    It may be the second line: then a name is missing, as in tables of R, or a title stands above the names.
    """
    rows = records(path, separator)
    names = len(next(rows).fields)
    for number, record in enumerate(rows):
        count = len(record.fields)
        if count <= names:
            continue
        place = f"{path}:{record.begins}"
        seen = f" {place} has {count} fields, and the first line {names}."
        if number > 0:
            return f"{seen} Put quotes around a field that holds {separator!r}, or take that row out."
        if count == names + 1 > 2:
            return f"{seen} If the first column has no name, as in a table of R, write one into the first line."
        return f"{seen} If {place} holds the names, take out what stands above it."
    return ""


def refuse_note_of_excel(path: Path) -> None:
    """Raise SettingError if a file begins with Excel's line that names the separator."""
    with open(path, encoding="utf-8-sig", errors="replace") as file:
        first = file.readline(8).strip()
    if first.lower().startswith("sep="):
        cure = f"Take that line out, and use dataset.separator: {json.dumps(first[4:5])}."
        raise SettingError("dataset.path", f"is {str(path)!r}; {path}:1 is {first!r}, a note for Excel. {cure}")


def _first_line(path: Path, separator: str) -> str:
    return f"{path}:{next(records(path, separator)).begins}"


def refuse_short_rows(path: Path, separator: str, frame: pandas.DataFrame) -> None:
    """Raise SettingError, with the line, if a row has fewer fields than there are columns; pandas fills them up."""
    if not frame.iloc[:, -1].isna().any():
        return
    columns = len(frame.columns)
    for record in records(path, separator):
        count = len(record.fields)
        if count < columns:
            raise SettingError(
                "dataset.path",
                f"is {str(path)!r}; {path}:{record.begins} has {counted(count, 'field')}, and the "
                f"first line names {columns} columns. Complete that row, or take it out.",
            )


def refuse_faulty_names(
    path: Path, separator: str, names: pandas.Series[Any], frame: pandas.DataFrame, decimal: str = "."
) -> None:
    """Raise SettingError if the names are a row of data, stand in two lines or twice, or there is but one."""
    written = [str(name) for name in names.fillna("")]
    again = repeated_names(frame, written)
    if len(names) > 1 and is_data(frame.drop(index=again.tolist()) if len(again) else frame, written):
        raise SettingError(
            "dataset.path",
            f"is {str(path)!r}; {_first_line(path, separator)} was taken for the names of the columns, though it looks "
            f"like a row of data, as {shown(names.dropna().iloc[0])}. Write a line of names above it. "
            "If it holds names, put a letter before each number.",
        )
    if len(again):
        place = lines_of(path, separator, len(frame))(int(again[0]))
        raise SettingError(
            "dataset.path", f"is {str(path)!r}; {place} repeats the names of the columns. Take that line out."
        )
    if has_second_line(frame, decimal):
        raise SettingError(
            "dataset.path",
            f"is {str(path)!r}; {lines_of(path, separator, len(frame))(0)} holds no numbers above columns of numbers, "
            "as a second line of names or of units. Take that line out.",
        )
    twice = names[names.notna() & names.duplicated()]
    if len(twice):
        raise SettingError("dataset.path", f"is {str(path)!r}; two columns are called {twice.iloc[0]!r}. Rename one.")
    if len(names) == 1:
        raise SettingError(
            "dataset.separator",
            f"is {separator!r}; {path} has but one column with it, {names.iloc[0][:80]!r}. Expected two or more."
            f"{_cure_of_separator(path, separator)}",
        )


def likely_separator(path: Path, separator: str) -> str | None:
    """Return the separator that the first line holds more often than this one; None if there is none."""
    with open(path, encoding="utf-8-sig", errors="replace") as file:
        first = file.readline()
    likely = max(SEPARATORS.replace(separator, ""), key=first.count)
    return likely if first.count(likely) > first.count(separator) else None


def _cure_of_separator(path: Path, separator: str) -> str:
    """Return a sentence with the likely separator, or nothing."""
    likely = likely_separator(path, separator)
    return "" if likely is None else f" Its first line holds {likely!r}: use dataset.separator: {json.dumps(likely)}."
