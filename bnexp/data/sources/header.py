"""The first line of a table: checks whether it holds the names of the columns or a row of data."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from bnexp.data.sources.column import as_numbers, is_gap, no_numbers
from bnexp.data.sources.numerals import plain_number

if TYPE_CHECKING:
    import pandas

FEW_NAMES, MANY_NAMES, SURELY_NAMES = 3, 5, 8
"""Fewest numbers that count as names: in equal steps; in order, and perhaps names; in order, and surely names.

With three numbers there are two steps to compare. A row of random numbers is in order, up or down, in 2 of 5! = 120
cases if it has five numbers, and in 2 of 8! = 40,320 if it has eight.
"""


def is_data(frame: pandas.DataFrame, names: Sequence[str]) -> bool:
    """Return True if the names of the columns are surely a row of data.

    They are data if more than half of them look like the cells below: a number above numbers, or a text that also
    occurs below. Half of them is enough if one is a number. They are not data if a text is above numbers. They may be
    names if they are numbers in order, such as years or wavelengths.
    """
    return _looks_like_data(frame, names) and not (_in_order(names) or _are_names(names))


def is_row(first: Sequence[str], rows: Sequence[Sequence[str]], decimal: str) -> bool:
    """Return True if the fields of a file's first line are surely a row of data. `rows` are the lines below it.

    >>> is_row(["0", "0", "0"], [["1", "1", "1"], ["2", "4", "8"]], "."), is_row(["x", "y"], [["1", "2"]], ".")
    (True, False)
    """
    import pandas

    frame = pandas.DataFrame([*rows])
    if len(frame.columns) < len(first):
        return False
    columns = [(column, as_numbers(column, decimal)) for _, column in frame.items()]
    cells = [column if numbers.isna().any() else numbers for column, numbers in columns]
    return is_data(pandas.concat(cells, axis=1), first)


def warnings_of_names(frame: pandas.DataFrame, names: Sequence[str], place: str) -> Iterator[str]:
    """Yield a warning if the names of the columns may be a row of data."""
    if _looks_like_data(frame, names) and not (_are_names(names) or is_data(frame, names)):
        yield (
            f"{place} was read as the names of the columns, though it holds numbers, as the rows below do. "
            "If it is a row of data, write a line of names above it."
        )


def repeated_names(frame: pandas.DataFrame, names: Sequence[str]) -> NDArray[np.int64]:
    """Return the rows that repeat the names of the columns, as in a file that was joined from several files."""
    if any(frame.iloc[:, position].dtype.kind != "O" for position in range(len(names))):
        return np.empty(0, "int64")  # a column of numbers holds no name
    repeats = [frame.iloc[:, position].eq(name).to_numpy(bool) for position, name in enumerate(names)]
    return np.flatnonzero(np.logical_and.reduce(repeats))


def _looks_like_data(frame: pandas.DataFrame, names: Sequence[str]) -> bool:
    numbers = texts = 0
    for position, name in enumerate(names):
        column = frame.iloc[:, position]
        holds_numbers = column.dtype.kind in "iuf" and bool(column.notna().any())
        if holds_numbers and name and not _is_number(name):
            return False
        numbers += holds_numbers and bool(name)
        texts += not holds_numbers and bool(name) and bool(column.astype(str).eq(name).any())
    return 2 * (numbers + texts) > len(names) or (0 < 2 * (numbers + texts) == len(names) and numbers > 0)


def _is_number(name: str) -> bool:
    return plain_number(name) is not None or name in ("?", "inf", "-inf", "nan", "NA", "NaN")


def _numbers(names: Sequence[str]) -> list[float]:
    """Return the numbers among the names, except those with an exponent, which are no names of columns."""
    return [float(name) for name in names if (match := plain_number(name)) is not None and not match["exponent"]]


def _in_order(names: Sequence[str]) -> bool:
    """Return True if the numbers among the names are whole and ascend, or are MANY_NAMES or more and sorted either way.

    >>> _in_order(["2015", "2018", "label"]), _in_order(["5.1", "3.5", "1.4", "0.2"]), _in_order(["6", "148", "72"])
    (True, False, False)
    """
    found = _numbers(names)
    if not found or len(found) < sum(map(_is_number, names)):
        return False
    ascending, descending = all(map(float.__lt__, found, found[1:])), all(map(float.__gt__, found, found[1:]))
    return (ascending or descending) if len(found) >= MANY_NAMES else ascending and all(map(float.is_integer, found))


def _are_names(names: Sequence[str]) -> bool:
    """Return True if the numbers among the names are surely names: three or more in equal steps, or many in order.

    >>> _are_names(["2019", "2020", "2021", "label"]), _are_names(["6", "148", "720"])
    (True, False)
    """
    steps = np.diff(_numbers(names))
    in_one_step = len(steps) + 1 >= FEW_NAMES and bool(np.ptp(steps) < 1e-6 * abs(steps[0]))
    return in_one_step or (len(steps) + 1 >= SURELY_NAMES and _in_order(names))


def lines_below_names(frame: pandas.DataFrame, decimal: str = ".") -> int:
    """Count the first rows without numbers in columns of numbers, such as lines of units, types or other names.

    A word for a missing value does not count, because a column of differences may begin with one. `decimal` is the
    decimal mark of numbers that are stored as text.
    """
    numbers_begin = []
    for name in frame.columns[[dtype.kind == "O" for dtype in frame.dtypes]]:
        strange = no_numbers(frame[name], decimal)
        is_at_the_top = len(strange) > 0 and np.array_equal(strange, np.arange(len(strange)))
        if is_at_the_top and not is_gap(frame[name].iloc[0]):
            is_filled = frame[name].iloc[len(strange) :].notna().to_numpy()
            numbers_begin.append(len(strange) + int(np.argmax(is_filled)))
    is_line = len(numbers_begin) > 1 and 2 * len(numbers_begin) >= len(frame.columns)
    return min(numbers_begin) if is_line else 0
