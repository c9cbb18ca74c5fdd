"""Warnings about the columns of a table: names that look alike, and categories that may be numbers or dates."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

from bnexp.data.sources.alike import shown, warnings_of, warnings_of_missing
from bnexp.data.sources.column import leave_out, no_numbers
from bnexp.data.sources.numerals import are_dates, are_numbers_as_text, unit_of
from bnexp.data.sources.one_hot import one_hot_beside
from bnexp.errors import counted, listed

if TYPE_CHECKING:
    import pandas

MOST_NAMED = 5
MOST_GAPS = 0.5
"""The largest share of rows without a value in a column that is not warned of."""


def warnings_of_categories(column: pandas.Series[Any], decimal: str | None, *, named: bool) -> Iterator[str]:
    """Yield warnings about a column of categories. `named` is True if the config lists it in `dataset.categories`."""
    yield from warnings_of(f"column {column.name!r}", rows_of_values(column))
    if not named:
        yield from _warnings_of_numbers(column, decimal)
        yield from _warnings_of_dates(column)


def _warnings_of_dates(column: pandas.Series[Any]) -> Iterator[str]:
    """Yield a warning if a column of categories holds dates or times."""
    if are_dates(column):
        yield (
            f"column {column.name!r} holds dates or times, such as {shown(column.dropna().iloc[0])}. Each of its "
            f"{counted(column.nunique(), 'value')} is read as a category, without any order. "
            f"{leave_out(column)}, or name it in dataset.categories."
        )


def _warnings_of_numbers(column: pandas.Series[Any], decimal: str | None) -> Iterator[str]:
    """Yield a warning if a column of categories probably holds numbers."""
    strange = no_numbers(column, decimal or ".")
    if len(strange):
        empty = "Empty these cells" if decimal is None else "Empty these cells, or name them in dataset.na_values,"
        rows = counted(len(strange), "row")
        yield (
            f"column {column.name!r} holds numbers, and in {rows} something else, such as "
            f"{shown(column.iloc[strange[0]])}; it is read as categories. {empty} to have numbers, "
            "or name the column in dataset.categories."
        )
    if column.dtype.name != "category" and are_numbers_as_text(column):
        yield (
            f"column {column.name!r} holds numbers that are stored as text; it is read as categories. Store them as "
            "numbers, or name the column in dataset.categories."
        )
    if (unit := unit_of(column)) is not None:
        yield (
            f"column {column.name!r} holds numbers with {unit!r} behind them; it is read as categories. "
            f"Take {unit!r} out of the file to have numbers, or name the column in dataset.categories."
        )


def warnings_of_columns(frame: pandas.DataFrame, classes: str | None, group: str | None) -> Iterator[str]:
    """Yield warnings about the names of the classes and groups in these columns."""
    if classes is not None:
        yield from warnings_of(f"dataset.target {classes!r}", rows_of_values(frame[classes]))
        yield from warnings_of_missing(f"dataset.target {classes!r}", rows_of_values(frame[classes]))
    if group is not None:
        yield from warnings_of(f"dataset.group {group!r}", rows_of_values(frame[group]))


def warnings_of_one_hot(frame: pandas.DataFrame, target: str, inputs: Sequence[str]) -> Iterator[str]:
    """Yield a warning if inputs are one-hot together with the target, so that they give it away."""
    if found := one_hot_beside(frame, target, inputs):
        yield (
            f"exactly one of {listed(map(repr, [*found, target]), MOST_NAMED)} is 1 in each row: together they are "
            f"one-hot, so that the inputs give dataset.target {target!r} away. Use dataset.drop: "
            f"{json.dumps(found, ensure_ascii=False)}. To learn which of them is 1, write its name into one column."
        )


def warnings_of_gaps(frame: pandas.DataFrame, names: Sequence[str]) -> Iterator[str]:
    """Yield a warning for each of these columns of numbers or dates in which most rows have no value."""
    for name in names:
        gaps = int(frame[name].isna().sum())
        if gaps > MOST_GAPS * len(frame):
            yield (
                f"column {name!r} has no value in {gaps:,} of {counted(len(frame), 'row')} ({gaps / len(frame):.0%}). "
                "dataset.missing fills them all with one number. Leave the column out (dataset.drop), unless its few "
                "values matter."
            )


def rows_of_values(column: pandas.Series[Any]) -> dict[str, int]:
    """Return the number of rows for each value of a column, except missing values."""
    return {str(value): int(count) for value, count in column.astype(object).value_counts().items()}
