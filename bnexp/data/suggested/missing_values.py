"""Cells that may stand for a missing value: words among numbers, and numbers such as -999."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from bnexp.data.sources.column import as_numbers, is_gap
from bnexp.errors import counted

if TYPE_CHECKING:
    import pandas

MOST_WORDS = 2
"""If a column of numbers has at most this number of different words, they may stand for a missing value."""
FEWEST_NUMBERS = 10
"""A column holds numbers if it has at least this number of different ones: 2, 3, 4 and `more` are categories."""
FEWEST_ROWS = 2
"""The fewest rows with a word or number that stands for a missing value. In a single row, it may be a mistake."""

NUMBER = "NUMBER"
"""The word of a cure that the number replaces."""


def missing_words(frame: pandas.DataFrame, target: str, decimal: str) -> dict[str, str]:
    """Return words that probably stand for a missing value -> the column of each word.

    Only columns count that have numbers and one or two words, each in several rows. A column that has a word with a
    digit, such as 10+, does not count, because the word may be a quantity. A value of the target is never returned.
    """
    classes = {str(value).strip() for value in frame[target].dropna().unique()}
    found: dict[str, str] = {}
    for name in frame.columns:
        if name != target and frame[name].dtype.kind == "O":
            words = _words_among_numbers(frame[name], decimal)
            found |= {word: found.get(word, name) for word in words if word not in classes}
    return found


def _words_among_numbers(column: pandas.Series[Any], decimal: str) -> list[str]:
    cells = column.dropna().astype(str).str.strip()
    counts = cells[~cells.map(is_gap)].value_counts()
    are_numbers = as_numbers(counts.index.to_series(), decimal).notna().to_numpy()
    words = counts[~are_numbers]
    if are_numbers.sum() < FEWEST_NUMBERS or not 0 < len(words) <= MOST_WORDS:
        return []
    is_likely = words.min() >= FEWEST_ROWS and 2 * words.sum() < counts.sum()
    return [] if not is_likely or any(re.search(r"\d", word) for word in words.index) else list(words.index)


def notes_of_sentinels(frame: pandas.DataFrame, names: Sequence[str], cure: str) -> Iterator[str]:
    """Yield a note for each column that repeats a number of nines, such as -999, far from all its other numbers.

    `cure` is what to do if the number stands for a missing value; NUMBER in it becomes the number.
    """
    for name in names:
        numbers = frame[name].dropna().to_numpy("float64")
        values, rows = np.unique(numbers[np.isfinite(numbers)], return_counts=True)
        for value, others, count in ((values[:1], values[1:], rows[:1]), (values[-1:], values[:-1], rows[-1:])):
            if len(others) > 1 and count[0] >= FEWEST_ROWS and _is_far(value[0], others):
                number = f"{value[0]:g}"
                do = cure.replace(NUMBER, number)
                yield (
                    f"column {name!r} holds {number} in {counted(int(count[0]), 'row')}, and {others[0]:g} to "
                    f"{others[-1]:g} in the others. If {number} stands for a missing value, {do}."
                )


def _is_far(value: float, others: np.ndarray[Any, Any]) -> bool:
    """Return True for -9, -99, 99 and the like if it is farther from the others than the others are from each other.

    >>> _is_far(-999.0, np.array([18.0, 90.0])), _is_far(99.0, np.array([18.0, 90.0]))
    (True, False)
    """
    distance = np.abs(others - value).min()
    return bool(re.fullmatch("-9+|9{2,}", f"{value:.15g}") and distance > others.max() - others.min())
