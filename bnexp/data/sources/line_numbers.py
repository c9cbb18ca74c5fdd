"""The lines of a CSV file: the line of each row, and errors about lines that cannot be read correctly."""

from __future__ import annotations

import csv
import functools
import itertools
import json
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from bnexp.data.rows import Where, row_of
from bnexp.data.sources.alike import MOST_SHOWN, shown
from bnexp.data.sources.blanks import SEPARATORS, blanks_between
from bnexp.data.sources.csv_file import CsvFile
from bnexp.data.sources.header import is_data, lines_below_names, repeated_names
from bnexp.data.sources.other_forms import FEW_LINES, numbering, without_records
from bnexp.errors import SettingError, counted, listed
from bnexp.system.given_data import called

if TYPE_CHECKING:
    import pandas

LONGEST_FIELD = 2**31 - 1
"""Most characters that a field may have. Python's csv allows 131,072 by default."""
MOST_UNEVEN = 0.25
"""The largest share of rows with another number of fields that are skipped to find the mistakes of the others."""


@dataclass(frozen=True)
class Record:
    """One record of a CSV file: its first line (counted from 1), its number of lines, its text and its fields.

    `number` counts records, and blank lines, from 0, as `skiprows` of pandas does.
    """

    number: int
    begins: int
    lines: int
    text: str
    fields: list[str]


def records(file: CsvFile) -> Iterator[Record]:
    """Yield each record of a CSV file that is read as a row, or as the names: all but blank lines and `skipped`."""
    skipped = frozenset(file.skipped or ())
    taken: list[str] = []

    def lines_of_file(text: Iterable[str]) -> Iterator[str]:
        for line in text:
            taken.append(line)
            yield line

    limit = csv.field_size_limit(LONGEST_FIELD)
    blanks = " \t\r\n".replace(file.separator, "")
    try:
        with file.open("replace") as text:
            begins = 1
            for number, fields in enumerate(csv.reader(lines_of_file(text), delimiter=file.separator)):
                if (whole := "".join(taken)).strip(blanks) and number not in skipped:
                    yield Record(number, begins, len(taken), whole, fields)
                begins += len(taken)
                taken.clear()
    finally:
        csv.field_size_limit(limit)


def for_further_mistakes(file: CsvFile) -> CsvFile | None:
    """Return a file that is read to find mistakes besides uneven rows and repeated names of columns.

    Uneven rows have more or fewer fields than the first line. The result is None if the file has neither, or if more
    than a quarter of its rows are uneven: then the separator is probably wrong.
    """
    rows, names, uneven = -1, list[str](), list[int]()
    with suppress(UnicodeError):  # UTF-16 without its byte order mark
        for rows, record in enumerate(records(file)):
            names = names if rows else record.fields
            uneven += [] if len(record.fields) == len(names) else [record.number]
    is_faulty = bool(uneven or _repeated(names))
    return replace(file, skipped=tuple(uneven)) if is_faulty and len(uneven) <= MOST_UNEVEN * rows else None


def _repeated(names: Sequence[str]) -> list[str]:
    """List the names that two or more columns have.

    >>> _repeated(["a", "b", "a", "", ""])
    ['a']
    """
    return [name for name, count in Counter(names).items() if name and count > 1]


def line_numbers(file: CsvFile, rows: int) -> list[int] | None:
    """Return the line in which each of the `rows` rows of a CSV file begins; None if they are not clear.

    They are not for a DataFrame that was given in Python, and if the file has another number of records. The first
    record holds the names of the columns.
    """
    if called(str(file.path)) is not None:
        return None
    _, *begins = [record.begins for record in records(file)] or [0]
    return begins if len(begins) == rows else None


def lines_of(file: CsvFile, rows: int) -> Where:
    """Return a function that names the line of a row in a CSV file of `rows` rows.

    Only errors need it, so the file is read again only at the first call.
    """
    lines = functools.cache(lambda: line_numbers(file, rows))
    other = row_of(file.path)
    return lambda row: other(row) if (found := lines()) is None else f"{file.path}:{found[row]}"


def open_quote(file: CsvFile) -> str:
    """Return file and line of the quote that is not closed by the end of the file."""
    opens = 1
    for record in records(file):
        opens = record.begins + "".join(record.fields[:-1]).count("\n")
    return f"{file.path}:{opens}"


def no_table(file: CsvFile, error: Exception) -> str:
    """Return why pandas found no table in a CSV file, what was expected, and the cure."""
    import pandas

    expected = "Expected a line of column names, then one line a row."
    if isinstance(error, pandas.errors.EmptyDataError):
        return f"it is empty. {expected}"
    reason = " ".join(str(error).removeprefix("Error tokenizing data. C error: ").split())
    if reason.startswith("EOF inside string"):
        return f"{open_quote(file)}: a quote is opened and not closed. Close it, or take it out."
    if isinstance(error, pandas.errors.ParserWarning):
        reason = "its lines have more fields than its first line has names"
    other, long = _cure_of_separator(file), _cure_of_long_row(file)
    if reason.startswith("Expected") and long and not other:
        return f"it is no table. {expected}{long}"
    cure = other or long or " Fix the file."
    return f"it is no table: {reason}. {expected}{cure}"


def _cure_of_long_row(file: CsvFile) -> str:
    """Return sentences about the first row with more fields than the first line has names, or "".

    If this row is the second line, a name is missing, as in tables of R, or a title is above the names.
    """
    rows = records(file)
    names = len(next(rows).fields)
    for number, record in enumerate(rows):
        count = len(record.fields)
        if count <= names:
            continue
        place = f"{file.path}:{record.begins}"
        seen = f" {place} has {count} fields, and the first line {names}."
        if number > 0:
            cure = f"{seen} Put quotes around a field that holds {file.separator!r}, or take that row out."
            return cure + _others(file, names, record.begins)
        if count == names + 1 > 2:
            return f"{seen} If the first column has no name, as in a table of R, write one into the first line."
        return f"{seen} If {place} holds the names, take out what stands above it."
    return ""


def _others(file: CsvFile, names: int, line: int) -> str:
    """Return sentences about the rows, except the one at `line`, with more or fewer fields than names, or ""."""
    found: dict[str, list[str]] = {"many": [], "few": []}
    for record in itertools.islice(records(file), 1, None):
        if record.begins != line and len(record.fields) != names:
            found["many" if len(record.fields) > names else "few"].append(f"{file.path}:{record.begins}")
    return "".join(
        f" {counted(len(places), 'other row')} {'has' if len(places) == 1 else 'have'} too {how} fields: "
        f"{listed(places, MOST_SHOWN)}."
        for how, places in found.items()
        if places
    )


def refuse_note_of_excel(file: CsvFile) -> None:
    """Raise SettingError if a file begins with Excel's line that names the separator."""
    with file.open("replace") as text:
        first = text.readline(8).strip()
    if first.lower().startswith("sep="):
        cure = f"Take that line out, and use dataset.separator: {json.dumps(first[4:5])}."
        raise SettingError(
            "dataset.path", f"is {str(file.path)!r}; {file.path}:1 is {first!r}, a note for Excel. {cure}"
        )


def _first_line(file: CsvFile) -> str:
    return f"{file.path}:{next(records(file)).begins}"


def refuse_short_rows(file: CsvFile, frame: pandas.DataFrame) -> None:
    """Raise SettingError, with the line, if a row has fewer fields than there are columns. pandas fills it up."""
    if not frame.iloc[:, -1].isna().any():
        return
    columns = len(frame.columns)
    for record in records(file):
        count = len(record.fields)
        if count < columns:
            raise SettingError(
                "dataset.path",
                f"is {str(file.path)!r}; {file.path}:{record.begins} has {counted(count, 'field')}, and the "
                f"first line names {columns} columns. Complete that row, or take it out."
                + _others(file, columns, record.begins),
            )


def refuse_faulty_names(file: CsvFile, names: pandas.Series[Any], frame: pandas.DataFrame) -> None:
    """Raise SettingError if the names are a row of data, take two lines, are repeated, or if there is only one name."""
    written = [str(name) for name in names.fillna("")]
    again = repeated_names(frame, written)
    if len(names) > 1 and is_data(frame.drop(index=again.tolist()) if len(again) else frame, written):
        raise SettingError(
            "dataset.path",
            f"is {str(file.path)!r}; {_first_line(file)} was read as the names of the columns, though it looks "
            f"like a row of data that begins with {shown(names.dropna().iloc[0])}. Write a line of names above it. "
            f"If it holds names, put a letter before each number. This numbers the columns: {numbering(file)}",
        )
    if len(again):
        lines = line_numbers(file, len(frame))
        also, which = "", "that line"
        if len(again) > 1:
            also, which = f" (and {counted(len(again) - 1, 'line')} below it)", "these lines"
        first = lines_of(file, len(frame))(int(again[0]))
        command = "" if lines is None else f" This command does it: {_without(file, [lines[row] for row in again])}"
        raise SettingError(
            "dataset.path",
            f"is {str(file.path)!r}; {first} repeats the names of the columns{also}. Take {which} out.{command}",
        )
    if below := lines_below_names(frame, file.decimal):
        lines = [record.begins for record in itertools.islice(records(file), 1, 1 + below)]
        which = "that line" if below == 1 else f"lines {lines[0]} to {lines[-1]}"
        raise SettingError(
            "dataset.path",
            f"is {str(file.path)!r}; {file.path}:{lines[0]} holds no numbers above columns of numbers. It may be a "
            f"second line of names or of units. Remove {which}. This command does it: {_without(file, lines)}",
        )
    refuse_repeated_columns(file)
    if len(names) == 1:
        only = repr(written[0][:80])
        if cure := _cure_of_separator(file):
            seen = f"is {file.separator!r}; {file.path} has only one column with it, {only}. Expected two or more."
            raise SettingError("dataset.separator", seen + cure)
        seen = f"is {str(file.path)!r}; it has a single column, {only}, so there is nothing to learn from."
        raise SettingError("dataset.path", f"{seen} Expected a target column, and one or more other columns.")


def refuse_repeated_columns(file: CsvFile) -> None:
    """Raise SettingError if several columns have one name, unless the file is read for further mistakes."""
    if file.skipped is None and (twice := _repeated(next(records(file)).fields)):
        seen = listed([f"two columns are called {name!r}" for name in twice], MOST_SHOWN)
        one = "one" if len(twice) == 1 else "one of each"
        raise SettingError("dataset.path", f"is {str(file.path)!r}; {seen}. Rename {one}.")


def _without(file: CsvFile, lines: Sequence[int]) -> str:
    """Return a command that writes a table without the records that begin in these lines."""
    left_out = set(lines)
    return without_records(file, [record.number for record in records(file) if record.begins in left_out])


def likely_separator(file: CsvFile) -> str | None:
    """Return the separator that is in the first line more often than the config's; None if there is none."""
    with file.open("replace") as text:
        lines = [*itertools.islice(text, FEW_LINES)]
    first, sign = lines[0] if lines else "", blanks_between(lines)
    if sign == " " != file.separator:
        return sign
    if sign == "" and file.separator not in first:
        return None
    likely = max(SEPARATORS.replace(file.separator, ""), key=first.count)
    return likely if first.count(likely) > first.count(file.separator) else None


def _cure_of_separator(file: CsvFile) -> str:
    """Return a sentence with the likely separator, or ""."""
    likely = likely_separator(file)
    return "" if likely is None else f" Its first line holds {likely!r}: use dataset.separator: {json.dumps(likely)}."
