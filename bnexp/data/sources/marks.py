"""Columns with numbers that pandas cannot read, such as 1.234,56 or 15%, and what the user can do about them."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from bnexp.data.rows import Where
from bnexp.data.sources.alike import all_wrong, is_missing, shown
from bnexp.data.sources.column import FEW_MISTAKES, no_numbers, rows_of_cells
from bnexp.data.sources.csv_file import CsvFile
from bnexp.data.sources.numerals import OTHER_DECIMAL, SPACES, Numerals, marks_of, numerals

if TYPE_CHECKING:
    import pandas

FEWEST_GROUPED = 3
"""With fewer different numbers with a mark, or without, nothing shows that the mark stands for thousands."""


def marked_columns(frame: pandas.DataFrame, names: Iterable[str], decimal: str) -> dict[str, Numerals]:
    """Return the columns of text that hold numbers with marks, and the marks of each column."""
    texts = {name: frame[name] for name in names if frame[name].dtype.kind == "O"}
    found = {name: numerals(column, decimal) for name, column in texts.items()}
    return {name: marks for name, marks in found.items() if marks is not None}


def problems_of_marks(
    frame: pandas.DataFrame,
    marked: Mapping[str, Numerals],
    where: Where,
    *,
    target: str,
    marks: tuple[str | None, str | None],
) -> Iterator[tuple[str, str]]:
    """Yield the key and text of problems: numbers with the other decimal mark, and each column with other marks.

    If a column shows that the other decimal mark is the file's, a number such as 3,955 in another column has it, too.
    `marks` are the config's decimal mark (None if the table is no text file) and its mark for thousands, if any.
    """
    decimal, _ = marks
    few = {name: odd for name in marked if len(odd := _few_marked(frame[name], marked[name], decimal or "."))}
    told = [name for name in few if marked[name].decimal == marked[name].marked]
    other = [name for name, one in marked.items() if one.decimal and name not in told]
    may_switch = decimal is not None and not _uses(frame, marked)
    alike = [name for name, one in marked.items() if other and may_switch and one.either and len(one.marks) == 1]
    if other:
        other += alike
        key, text = _problem_of_decimals(frame, marked, other, where, marks)
        if other == [target]:
            yield key, f"{text}; or give dataset.task: classification, if each value is a class."
        else:
            yield key, f"{text}; or name the column in dataset.categories, if each value is a category."
    for name, seen in marked.items():
        if name in alike:
            continue
        if name in few:
            yield _problem_of_few(frame[name], few[name], seen, where, is_target=name == target)
        elif seen.marked is not None:
            yield _problem_of_all(frame[name], seen, where, marks, may_switch=may_switch, is_target=name == target)
    for name, column in ((name, frame[name]) for name in marked):
        if rows_of := _without_number(column, decimal or "."):
            (cell, rows), *_ = rows_of.items()
            yield (
                "dataset.target" if name == target else "dataset",
                f"holds {shown(cell)} in {where(rows[0])}, column {name!r}; expected a finite number."
                f"{all_wrong(rows_of, where)} Fix the file.",
            )


def _problem_of_all(
    column: pandas.Series[Any],
    seen: Numerals,
    where: Where,
    marks: tuple[str | None, str | None],
    *,
    may_switch: bool,
    is_target: bool,
) -> tuple[str, str]:
    """Return the key and text of a problem: marks in many numbers of a column.

    `may_switch` is True if another decimal mark may be the right one.
    """
    decimal, thousands = marks
    may_be_read = decimal is not None and thousands is None and (seen.thousands != decimal or may_switch)
    text = (
        f"{_place(column, seen.marked, where)} holds {seen.marked!r} in it, a number with "
        f"{' and '.join(seen.marks)}. {_cure(seen.thousands if may_be_read else None, decimal)}"
    )
    if seen.either and may_switch:
        text += f" If {seen.either!r} is its decimal mark, use dataset.decimal: {json.dumps(seen.either)}."
    if is_target:
        cure = "Or give dataset.task: classification, if each value is a class."
        return "dataset.target", f"is {column.name!r}; {text} {cure}"
    cure = "Or leave it out (dataset.drop), or name it in dataset.categories, if each value is a category."
    return "dataset.drop", f"does not list column {column.name!r}; {text} {cure}"


def _few_marked(column: pandas.Series[Any], seen: Numerals, decimal: str) -> NDArray[np.int64]:
    """Return the rows whose cells are no plain numbers, if they are few and a sign is in them; else none."""
    rows = no_numbers(column, decimal)
    is_few = seen.marked is not None and seen.thousands is None and len(rows) <= FEW_MISTAKES * len(column)
    return rows if is_few else rows[:0]


def _problem_of_few(
    column: pandas.Series[Any], rows: NDArray[np.int64], seen: Numerals, where: Where, *, is_target: bool
) -> tuple[str, str]:
    """Return the key and text of a problem: some cells with marks in a column whose other cells are plain numbers."""
    place = _place(column, seen.marked, where)
    holds = f"holds {seen.marked!r} in {place}, column {column.name!r}"
    cure = "take that row out" if is_target else "leave the column out (dataset.drop)"
    return (
        "dataset.target" if is_target else "dataset",
        f"{holds}, a number with {' and '.join(seen.marks)}; most cells of the column are plain numbers."
        f"{all_wrong(rows_of_cells(column, rows), where)} Fix the file, or {cure}.",
    )


def _without_number(column: pandas.Series[Any], decimal: str) -> dict[str, list[int]]:
    """Return the rows of each cell that is filled and holds no number, not even one with marks."""
    cells = column.astype(str)
    strange = {cell for cell in cells[column.notna()].unique() if not is_missing(cell)}
    strange = {cell for cell in strange if marks_of(cell.strip(SPACES), decimal) is None}
    return rows_of_cells(column, np.flatnonzero(cells.isin(strange)))


def _cure(thousands: str | None, decimal: str | None) -> str:
    """Return a cure for numbers with this mark for thousands; None stands for marks that no config key can read."""
    if thousands is None:
        return "Write the column's numbers without that in the file."
    switch = f" with dataset.decimal: {json.dumps(OTHER_DECIMAL[thousands])}" if thousands == decimal else ""
    return f"Use dataset.thousands: {json.dumps(thousands)}{switch}."


def _problem_of_decimals(
    frame: pandas.DataFrame,
    marked: Mapping[str, Numerals],
    other: list[str],
    where: Where,
    marks: tuple[str | None, str | None],
) -> tuple[str, str]:
    """Return a problem of numbers with another decimal mark than the config's, as key and text without a final dot."""
    decimal, thousands = marks
    expected, cell = decimal or ".", marked[other[0]].decimal
    mark = OTHER_DECIMAL[expected]
    begin = "is read with the decimal mark" if decimal is None else "is"
    seen = (
        f"{begin} {expected!r}; {_place(frame[other[0]], cell, where)} holds {cell!r} in column {other[0]!r}, a number "
        f"with {mark!r} as its decimal mark"
    )
    if len(other) > 1:
        seen += f" (also in {', '.join(map(repr, other[1:]))})"
    if decimal is None:
        cure = f"Write the column's numbers with {expected!r}"
    elif _uses(frame, marked):
        cure = f"Other numbers of the file have {expected!r}. Write all with one of the two"
    else:
        switch = " without dataset.thousands" if thousands == mark else ""
        cure = f"Use dataset.decimal: {json.dumps(mark)}{switch}, or write them with {expected!r}"
    key = "dataset" if decimal is None else "dataset.decimal"
    return key, f"{seen}. {cure}"


def _uses(frame: pandas.DataFrame, marked: Mapping[str, Numerals]) -> bool:
    """Return True if some number of the table is written with the config's decimal mark."""
    if any(marks.mixed for marks in marked.values()):
        return True
    return any(_has_decimals(frame[name].to_numpy()) for name in frame.columns if frame[name].dtype.kind == "f")


def _has_decimals(values: NDArray[np.float64]) -> bool:
    """Return True if some numbers surely have decimals, as 0.5 and 1.2345 have. 1.234 may mean 1,234."""
    values = np.abs(values[np.isfinite(values)])
    sure = (values < 1) | (values >= 1000) | (values * 1000 % 1 > 0)
    return bool((sure & (values % 1 != 0)).any())


def groups_digits(cells: pandas.Series[Any], mark: str) -> bool:
    """Return True if texts of numbers look as if `mark` stood for thousands: 511 and 6.872, and no 6.87 or 6872.

    All numbers below 1,000 are whole, and the others have three digits after the mark.
    """
    different = {str(cell).strip(SPACES) for cell in cells.dropna().unique()}
    marked = {cell for cell in different if re.fullmatch(rf"[+-]?[1-9]\d{{0,2}}{re.escape(mark)}\d{{3}}", cell)}
    whole = {cell for cell in different if re.fullmatch(r"[+-]?\d{1,3}", cell)}
    return min(len(marked), len(whole)) >= FEWEST_GROUPED and marked | whole == different


def warnings_of_groups(frame: pandas.DataFrame, file: CsvFile) -> Iterator[str]:
    """Yield a warning for each column whose numbers have decimals, though their mark may stand for thousands."""
    floats = [name for name in frame.columns if frame[name].dtype.kind == "f" and _may_be_grouped(frame[name])]
    texts = file.frame(usecols=floats, dtype=str) if floats and file.thousands is None else frame[[]]
    for name in texts.columns:
        if groups_digits(texts[name], file.decimal):
            cell = next(cell for cell in texts[name].dropna() if file.decimal in cell)
            yield (
                f"column {name!r} of {file.path} holds numbers such as {shown(cell)}, and all others in it are whole "
                f"and below 1,000. If {file.decimal!r} marks thousands there, the numbers are read 1,000 times too "
                f"small. {_cure(file.decimal, file.decimal)}"
            )


def _may_be_grouped(column: pandas.Series[Any]) -> bool:
    """Return True if a column has whole numbers and others, all below 1,000 and with at most three decimals."""
    values = column.dropna().to_numpy()
    is_whole = values % 1 == 0
    thousandths = np.abs(values * 1000 - np.round(values * 1000)) < 1e-6
    return bool(is_whole.any() and not is_whole.all() and (np.abs(values) < 1000).all() and thousandths.all())


def _place(column: pandas.Series[Any], cell: str | None, where: Where) -> str:
    """Return the place of the first row with this cell."""
    return where(int(np.flatnonzero((column.astype(str).str.strip(SPACES) == cell).to_numpy())[0]))
