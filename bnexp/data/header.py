"""The first line of a table: names of the columns, or a row of data that was taken for them."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    import pandas

FEW_NAMES = 3
"""So many numbers in one step, or more, are taken for names: years, or places counted from 0."""


def is_data(frame: pandas.DataFrame, names: Sequence[str]) -> bool:
    """Return True if the names of the columns must be a row of data.

    So it is if more than half of them look like the cells below them (a
    number above numbers, a text that stands below too), or half where one is
    a number, and none is a text above numbers. Numbers that ascend may be
    names, such as years.
    """
    return _looks_like_data(frame, names) and not _ascend(names)


def warnings_of_names(frame: pandas.DataFrame, names: Sequence[str], place: str) -> Iterator[str]:
    """Yield a warning if the names of the columns may be a row of data."""
    if _looks_like_data(frame, names) and _ascend(names) and not _in_one_step(names):
        yield (
            f"{place} was taken for the names of the columns, though it holds numbers, as the rows below do. "
            "If it is a row of data, write a line of names above it."
        )


def repeated_names(frame: pandas.DataFrame, names: Sequence[str]) -> NDArray[np.int64]:
    """Return the rows that repeat the names of the columns, as where files were put one behind the other."""
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
    return bool(re.fullmatch(r"\s*[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?\s*|\?|-?inf|nan|NA|NaN", name))


def _ascend(names: Sequence[str]) -> bool:
    """Return True if the numbers among the names are whole and each is above the one before."""
    numbers = [float(name) for name in names if re.fullmatch(r"\s*\d+\s*", name)]
    return len(numbers) == sum(map(_is_number, names)) > 0 and all(low < high for low, high in pairwise(numbers))


def _in_one_step(names: Sequence[str]) -> bool:
    """Return True if the numbers among the names are three or more in equal steps.

    >>> _in_one_step(["2019", "2020", "2021", "label"]), _in_one_step(["6", "148", "720"])
    (True, False)
    """
    numbers = [int(name) for name in names if re.fullmatch(r"\s*\d+\s*", name)]
    return len(numbers) >= FEW_NAMES and len({high - low for low, high in pairwise(numbers)}) == 1
