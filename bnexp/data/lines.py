"""What stands in which line of a CSV file: the line of a row, and what makes a file none that can be read right."""

from __future__ import annotations

import csv
import functools
import json
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from bnexp.data.rows import Where, row_of
from bnexp.errors import SettingError

if TYPE_CHECKING:
    import pandas

SEPARATORS = ",;\t|"
WRITTEN_OTHERWISE = {
    ".": r"\s*[+-]?(\d[\d.]*,\d+|\d{1,3}(,\d{3})+\.\d+)\s*",
    ",": r"\s*[+-]?(\d+\.\d+|\d{1,3}(\.\d{3})+,\d+)\s*",
}
"""Decimal mark -> numbers that are written with the other one, or with marks for thousands."""


def records(path: Path, separator: str) -> Iterator[tuple[int, list[str]]]:
    """Give each record of a CSV file that is not blank: the line that it begins in, from 1, and its fields."""
    with open(path, newline="", encoding="utf-8-sig", errors="replace") as file:
        reader, line = csv.reader(file, delimiter=separator), 1
        for fields in reader:
            if len(fields) > 1 or "".join(fields).strip():
                yield line, fields
            line = reader.line_num + 1


def lines_of(path: Path, separator: str, rows: int) -> Where:
    """Tell file and line of a row of a CSV file that has so many, its first record the names of the columns."""

    def where(row: int) -> str:
        """Find the line by reading the file once more, as only a mistake asks for it."""
        try:
            lines = [line for line, _ in records(path, separator)]
        except csv.Error:  # a field too long for it
            lines = []
        return f"{path}:{lines[row + 1]}" if len(lines) == rows + 1 else row_of(path)(row)

    return where


def open_quote(path: Path, separator: str) -> str:
    """Tell file and line of the quote that is not closed by the end of the file."""
    opens = behind = 1
    try:
        for begins, fields in records(path, separator):
            opens = begins + "".join(fields[:-1]).count("\n")
            behind = begins + "".join(fields).count("\n") + 1
    except csv.Error:  # a field too long for it, in the record behind the last that it gave
        opens = behind
    return f"{path}:{opens}"


def no_table(path: Path, separator: str, error: Exception) -> str:
    """Say why pandas found no table in a CSV file, what was expected, and the cure."""
    import pandas

    expected = "Expected a line of column names, then one line a row."
    if isinstance(error, pandas.errors.EmptyDataError):
        return f"it is empty. {expected}"
    reason = " ".join(str(error).removeprefix("Error tokenizing data. C error: ").split())
    if reason.startswith("EOF inside string"):
        return f"{open_quote(path, separator)}: a quote is opened and not closed. Close it, or take it out."
    if isinstance(error, pandas.errors.ParserWarning):
        reason = "its lines have more fields than its first line has names"
    return f"it is no table: {reason}. {expected}{_cure_of_separator(path, separator) or ' Mend the file.'}"


def refuse_nul(path: Path) -> None:
    """Raise SettingError, with the line, if there is a NUL byte in the file; pandas reads over it."""
    with open(path, "rb") as file:
        if not any(b"\0" in piece for piece in iter(functools.partial(file.read, 2**20), b"")):
            return  # ten times as fast as line by line
        file.seek(0)
        line = next((number for number, content in enumerate(file, 1) if b"\0" in content), None)
    if line is not None:
        raise SettingError(
            "dataset.path",
            f"is {str(path)!r}; {path}:{line} holds a NUL byte, which is no text. Save it as UTF-8 text.",
        )


def refuse_short_rows(path: Path, separator: str, frame: pandas.DataFrame) -> None:
    """Raise SettingError, with the line, if a row has fewer fields than there are columns; pandas fills them up."""
    if not frame.iloc[:, -1].isna().any():
        return
    columns = len(frame.columns)
    with suppress(csv.Error):  # a field too long for it
        for line, fields in records(path, separator):
            if len(fields) < columns:
                raise SettingError(
                    "dataset.path",
                    f"is {str(path)!r}; {path}:{line} has {len(fields)} field{'s' if len(fields) > 1 else ''}, and the "
                    f"first line names {columns} columns. Complete that row, or take it out.",
                )


def refuse_faulty_names(path: Path, separator: str, names: pandas.Series[Any]) -> None:
    """Raise SettingError if the name of a column stands twice, or if there is but one."""
    twice = names[names.notna() & names.duplicated()]
    if len(twice):
        raise SettingError("dataset.path", f"is {str(path)!r}; two columns are called {twice.iloc[0]!r}. Rename one.")
    if len(names) == 1:
        raise SettingError(
            "dataset.separator",
            f"is {separator!r}; {path} has but one column with it, {names.iloc[0][:80]!r}. Expected two or more."
            f"{_cure_of_separator(path, separator)}",
        )


def _cure_of_separator(path: Path, separator: str) -> str:
    """Name the separator that the first line rather holds, in a sentence; or give nothing."""
    with open(path, encoding="utf-8-sig", errors="replace") as file:
        first = file.readline()
    likely = max(SEPARATORS.replace(separator, ""), key=first.count)
    if first.count(likely) <= first.count(separator):
        return ""
    return f" Its first line holds {likely!r}: use dataset.separator: {json.dumps(likely)}."


def refuse_other_decimals(frame: pandas.DataFrame, decimal: str, separator: str, where: Where) -> None:
    """Raise SettingError if a column holds numbers with another decimal mark, and so was read as text."""
    import pandas

    mark = {".": ",", ",": "."}[decimal]
    cure = "Write" if mark == separator else f"Use dataset.decimal: {json.dumps(mark)}, or write"
    for name, column in frame.items():
        cells = column.dropna().astype(str) if column.dtype.kind == "O" else column[:0]
        other = cells.str.fullmatch(WRITTEN_OTHERWISE[decimal]) if len(cells) else cells
        if other.any() and (other | pandas.to_numeric(cells, errors="coerce").notna()).mean() > 0.5:
            row = int(np.flatnonzero(other.reindex(column.index, fill_value=False))[0])
            raise SettingError(
                "dataset",
                f"holds {str(column.iloc[row]).strip()!r} in {where(row)}, column {name!r}; expected numbers with "
                f"{decimal!r} as their decimal mark. {cure} them so, without marks for thousands; or name the column "
                "in dataset.categories.",
            )
