"""Quotes of a CSV file that swallow rows: one that is never closed, or that a quote of a later row closes.

A quoted field may hold line ends. It has swallowed rows if its quote is closed in the middle of a text, or if each of
its lines would be a row by itself. A row has as many fields as there are columns, and a number in each column of
numbers. In each column of few values, most rows have a known value.
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
"""A column of no more different values has values by which a row is known, as classes have."""
SAMPLE = 2000
"""Records of one line that show what a row looks like.

A value that 1 row in 400 holds is among them with a probability of 0.993.
"""


def refuse_swallowed_rows(file: CsvFile, rows: int | None = None) -> None:
    """Raise SettingError, with the line, if a quoted field has swallowed rows.

    `rows` is how many were read: a file is read once more only if it has
    quotes and more lines than rows. None stands for a file whose last quote
    is not closed; only quotes before that one are looked at.
    """
    if rows is not None and not _may_have_swallowed(file, rows):
        return
    known = [record.fields for record in islice(_in_one_line(file), SAMPLE)]
    found = records(file) if rows is not None else _but_last(records(file))
    for record in found:
        if record.lines > 1 and (line := _swallowing(record, file.separator, known)) is not None:
            raise SettingError(
                "dataset.path",
                f"is {str(file.path)!r}; {file.path}:{line}: a quote is opened, and what follows up to line "
                f"{record.begins + record.lines - 1} is read as one row. Take this quote out (a quote in a text is "
                'written twice, "", in a text within quotes), or close it where the field ends.',
            )


def _may_have_swallowed(file: CsvFile, rows: int) -> bool:
    """Return True if a file has quotes and more lines than its rows and the line of names take."""
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
    """Yield the records behind the first that stand in one line each."""
    first = True
    for record in records(file):
        if not first and record.lines == 1:
            yield record
        first = False


def _swallowing(record: Record, separator: str, known: Sequence[Sequence[str]]) -> int | None:
    """Return the line of the quote that has swallowed rows; None if there is none."""
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
