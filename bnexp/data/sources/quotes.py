"""Quotes of a CSV file that swallow rows: a quote that is never closed, or that is closed only in a later row.

A quoted field may contain line breaks. It has swallowed rows if its quote is closed in the middle of a text, or if each
of its lines would be a row by itself. A row has as many fields as there are columns, and a number in each column of
numbers. In each column with few different values, most rows have one of these values.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from itertools import islice

from bnexp.data.sources.csv_file import CsvFile
from bnexp.data.sources.line_numbers import Record, records
from bnexp.data.sources.numerals import plain_number
from bnexp.errors import SettingError

FEW_VALUES = 20
"""A column with at most this many different values, such as classes, helps to recognize a row."""
SAMPLE = 2000
"""Number of one-line records that serve as examples of rows.

A value that occurs in 1 of 400 rows is among them with a probability of 0.993.
"""


def refuse_swallowed_rows(file: CsvFile, rows: int | None = None) -> None:
    """Raise SettingError, with the line, if a quoted field has swallowed rows.

    `rows` is the number of rows that pandas read. The file is read again only if it has quotes and more lines than
    rows. `rows` is None if the last quote of the file is not closed. Then only earlier quotes are checked.
    """
    if rows is not None and not _may_have_swallowed(file, rows):
        return
    known = [record.fields for record in islice(_in_one_line(file), SAMPLE)]
    found = records(file) if rows is not None else _but_last(records(file))
    for record in found:
        if record.lines > 1 and (line := _swallowing(record, file.separator, known)) is not None:
            raise SettingError(
                "dataset.path",
                f"is {str(file.path)!r}; {file.path}:{line}: a quote is opened, and everything up to line "
                f"{record.begins + record.lines - 1} is read as one row. Remove this quote, or close it where the "
                'field ends. To keep a quote inside a quoted text, write it twice ("").',
            )


def _may_have_swallowed(file: CsvFile, rows: int) -> bool:
    """Return True if a file has quotes, and more lines than its rows and the line of column names need."""
    quotes, lines, last = 0, 0, ""
    with file.open() as text:
        while chunk := text.read(2**20):
            quotes, lines, last = quotes + chunk.count('"'), lines + max(map(chunk.count, "\n\r")), chunk[-1:]
    return quotes > 0 and lines + (last not in "\r\n") > rows + 1


def _but_last(found: Iterator[Record]) -> Iterator[Record]:
    before = next(found, None)
    for record in found:
        assert before is not None
        yield before
        before = record


def _in_one_line(file: CsvFile) -> Iterator[Record]:
    """Yield each record that is one line long, except the first record, which holds the column names."""
    first = True
    for record in records(file):
        if not first and record.lines == 1:
            yield record
        first = False


def _swallowing(record: Record, separator: str, known: Sequence[Sequence[str]]) -> int | None:
    """Return the line of the quote that has swallowed rows; None if no quote has."""
    end = rf"[^{re.escape(separator)}\r\n]*"
    field, at = re.compile(rf'"(?P<quoted>[^"]*(?:""[^"]*)*)(?:"(?P<rest>{end}))?|{end}'), 0
    while at < len(record.text):
        match = field.match(record.text, at)
        assert match is not None
        quoted = match["quoted"] or ""
        if "\n" in quoted or "\r" in quoted:
            line = record.begins + _ends(record.text[:at])
            if (match["rest"] or "").strip() or _are_rows(record, separator, known):
                return line
        at = match.end() + 1
    return None


def _ends(text: str) -> int:
    return len(re.findall(r"\r\n|\r|\n", text))


def _are_rows(record: Record, separator: str, known: Sequence[Sequence[str]]) -> bool:
    """Return True if each line of a record would be a row by itself."""
    lines = [line.replace('"', "").split(separator) for line in re.split(r"\r\n|\r|\n", record.text.rstrip("\r\n"))]
    like = [fields for fields in known or lines if len(fields) == len(record.fields)]
    if not like or any(len(fields) != len(record.fields) for fields in lines):
        return False
    known_columns = 0
    for values, here in zip(zip(*like, strict=True), zip(*lines, strict=True), strict=True):
        if all(map(_is_number, values)):
            known_columns += 1
            if not all(map(_is_number, here)):
                return False
        elif len(set(values)) <= min(FEW_VALUES, len(values) // 2):
            known_columns += 1
            if 2 * sum(value in set(values) for value in here) < len(here):
                return False
    return known_columns > 0


def _is_number(cell: str) -> bool:
    """Return True for a number with either decimal mark, and for an empty cell."""
    return not cell.strip() or plain_number(cell.replace(",", ".")) is not None
