"""How a column of a table is read, as numbers, categories or groups, and errors about columns that cannot be.

Targets are in `targets`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from bnexp.data.rows import Where
from bnexp.data.sources.alike import all_wrong, is_missing, shown
from bnexp.data.sources.dates import may_be_dates
from bnexp.data.sources.numerals import are_dates
from bnexp.errors import SettingError, counted

if TYPE_CHECKING:
    import pandas

MOST_WHOLE_NUMBER_CLASSES = 20
"""A target with more different whole numbers is read as a regression. fastai's `cont_cat_split` has the same limit."""
MOST_CATEGORIES = 255
"""A column of text with more different values probably holds names, dates or free text, and is refused.

scikit-learn's histogram gradient boosting has the same limit, and the 249 countries of ISO 3166 are fewer.
"""
LARGEST = 1e18
"""Larger numbers are refused: float32 ends at 3.4e38, so it holds the sum of at most 340 squares of this number."""
FEWEST_STEPS = 256
"""A column is refused if float32 divides its range, from lowest to highest number, into fewer steps (8 bits)."""
FEW_MISTAKES = 0.05
"""If at most this share of the cells in a column of dates or numbers are neither, these cells may be mistakes."""
DIGITS = "0123456789+-"
NO_VALUE = "does not list column {!r}; it has no value in any row. Leave it out (dataset.drop)."


def is_text(column: pandas.Series[Any]) -> bool:
    """Return True if a column holds categories: texts, booleans, dates."""
    from pandas.api.types import is_bool_dtype, is_numeric_dtype

    return bool(is_bool_dtype(column.dtype)) or not is_numeric_dtype(column.dtype)


def different_values(column: pandas.Series[Any], key: str) -> int:
    """Count a column's different values.

    Raises:
        SettingError: if its cells are not single values, but lists, for example.
    """
    try:
        return int(column.nunique())
    except TypeError as error:
        raise SettingError(
            key,
            f"concerns column {column.name!r}, which holds {type(column.iloc[0]).__name__} in its first row; "
            "expected one number or text in each row. "
            + ("Leave it out (dataset.drop)." if key == "dataset.drop" else "Name another column."),
        ) from error


def groups(column: pandas.Series[Any]) -> NDArray[np.int64]:
    """Return the number of each row's group, (N,); rows without a value are one group."""
    different_values(column, "dataset.group")
    return np.asarray(column.factorize(use_na_sentinel=False)[0], "int64")


# --- numbers ------------------------------------------------------------------------


def numbers(column: pandas.Series[Any], where: Where) -> NDArray[np.float32]:
    """Return a column of numbers, (N, 1); a missing number is NaN.

    Raises:
        SettingError: if a number is infinite or too large, all are missing, or float32 cannot distinguish them.
    """
    values = finite_numbers(column, "dataset", where)
    if np.isnan(values).all():
        raise SettingError("dataset.drop", NO_VALUE.format(column.name))
    seen = f"does not list column {column.name!r}; its numbers"
    refuse_lost_digits("dataset.drop", seen, values, "Leave it out (dataset.drop), or subtract the lowest from all.")
    return values.astype("float32")[:, None]


def finite_numbers(column: pandas.Series[Any], key: str, where: Where, decimal: str = ".") -> NDArray[np.float64]:
    """Return a column's numbers, (N,); a missing number is NaN.

    Raises:
        SettingError: if a filled cell holds no number, or its number is infinite or beyond LARGEST.
    """
    values = as_numbers(column, decimal).to_numpy(dtype="float64", na_value=np.nan)
    wrong = (~np.isfinite(values) & ~column.isna().to_numpy()) | (np.abs(values) > LARGEST)
    if wrong.any():
        rows = np.flatnonzero(wrong)
        row = int(next((row for row in rows if not is_gap(column.iloc[row])), rows[0]))
        most = f" of at most {LARGEST:g}" if np.isfinite(values[row]) else ""
        raise SettingError(
            key,
            f"holds {shown(column.iloc[row])} in {where(row)}, column {column.name!r}; expected a finite "
            f"number{most}.{all_wrong(rows_of_cells(column, rows), where)} Fix the file"
            + (", or leave the column out (dataset.drop)." if key == "dataset" else ", or take that row out."),
        )
    return values


def as_numbers(column: pandas.Series[Any], decimal: str = ".") -> pandas.Series[Any]:
    """Return a column's cells as numbers, also texts of numbers with this decimal mark; NaN where a cell holds none.

    >>> import pandas
    >>> as_numbers(pandas.Series(["1,5", "N/A", "2.5"]), decimal=",").tolist()
    [1.5, nan, nan]
    """
    import pandas

    is_other = decimal != "." and column.dtype.kind == "O"
    written = column.astype(str).str.translate(str.maketrans(",.", ".,")).where(column.notna()) if is_other else column
    return pandas.to_numeric(written, errors="coerce")


def is_gap(cell: object) -> bool:
    """Return True if a cell is a text that stands for a missing value."""
    return isinstance(cell, str) and is_missing(cell)


def have_none(rows: int) -> str:
    """Return the text for a number of rows without a value.

    >>> have_none(1), have_none(3)
    ('1 row has none', '3 rows have none')
    """
    return f"{counted(rows, 'row')} {'has' if rows == 1 else 'have'} none"


def refuse_missing(frame: pandas.DataFrame, names: Sequence[str], where: Where) -> None:
    """Raise SettingError if numbers are missing in some of these columns; the error names each of them."""
    counts = {name: count for name in names if (count := int(frame[name].isna().sum()))}
    if not counts:
        return
    first, *others = counts
    row = int(np.flatnonzero(frame[first].isna())[0])
    more = ", ".join(f"{name!r} ({counts[name]})" for name in others)
    raise SettingError(
        "dataset.missing",
        f"is refuse; {where(row)} has no value in column {first!r} ({have_none(counts[first])})"
        + (f", and other rows have none in {more}. " if more else ". ")
        + "Use mean or median (of the training part), or leave the column out (dataset.drop).",
    )


def refuse_lost_digits(key: str, seen: str, numbers: NDArray[Any], cure: str) -> None:
    """Raise SettingError if float32 would merge different numbers of a column, such as ids or times."""
    known = numbers[~np.isnan(numbers)]
    if not len(known) or (known == known.astype("float32").astype(known.dtype)).all():
        return
    low, high = known.min().item(), known.max().item()
    if 0 < high - low < FEWEST_STEPS * np.spacing(np.float32(max(abs(low), abs(high)))):
        raise SettingError(
            key,
            f"{seen}, from {low:.15g} to {high:.15g}, lie too close together for float32 to tell apart. {cure}",
        )


# --- categories ---------------------------------------------------------------------


def categories(column: pandas.Series[Any]) -> pandas.DataFrame:
    """Return a column `name=value` of 0 and 1 for each value of a column; missing cells count as one value."""
    import pandas

    has_missing = bool(column.isna().any())
    return pandas.get_dummies(
        column.astype(object), prefix=str(column.name), prefix_sep="=", dummy_na=has_missing, dtype="float32"
    )


def refuse_no_category(
    column: pandas.Series[Any],
    where: Where,
    decimal: str | None = None,
    thousands: str | None = None,
    cure_of_texts: Callable[[pandas.Series[Any]], str] | None = None,
) -> None:
    """Raise SettingError if a column holds numbers with a text among them, dates, or text with too many values.

    `decimal` is the decimal mark of numbers that are stored as text; None if the table is no text file. `thousands` is
    the mark for thousands, if any. `cure_of_texts` returns what else helps if the column holds texts, or "".
    """
    count = different_values(column, "dataset.drop")
    if not count:
        raise SettingError("dataset.drop", NO_VALUE.format(column.name))
    most = min(MOST_CATEGORIES, max(MOST_WHOLE_NUMBER_CLASSES, len(column) // 2))
    if count > MOST_WHOLE_NUMBER_CLASSES or _has_misplaced_mark(column, decimal, thousands):
        known = "Fix the file, with an empty cell for an unknown number"
        words = "" if decimal is None else ", name the cell in dataset.na_values if it means a missing value"
        cure = f"{known}{words}, or name the column in dataset.drop or dataset.categories."
        refuse_strange_cell(column, "dataset", where, cure, decimal or ".")
    if count > most or column.dtype.kind in "mM":
        what = "dates or times" if are_dates(column) else "text"
        row = int(np.flatnonzero(column.notna())[0])
        raise SettingError(
            "dataset.drop",
            f"does not list column {column.name!r}; it holds {what} with {count} different values, such as "
            f"{shown(column.iloc[row])} in {where(row)}; expected {most} or fewer. {leave_out(column)}, or name it in "
            "dataset.categories to have a column for each value."
            f"{cure_of_texts(column) if cure_of_texts and what == 'text' else ''}",
        )


def _has_misplaced_mark(column: pandas.Series[Any], decimal: str | None, thousands: str | None) -> bool:
    """Return True if a cell among numbers is no number only because of misplaced marks for thousands, as in 12,34,5."""
    if decimal is None or thousands is None:
        return False
    strange = column.iloc[no_numbers(column, decimal)].astype(str).str.strip()
    return bool(strange.map(lambda cell: thousands in cell and set(cell) <= {*DIGITS, thousands, decimal}).any())


def leave_out(column: pandas.Series[Any]) -> str:
    """Return the start of a cure that leaves a column of text out, or reads its dates if it may hold dates."""
    of_dates = "Name it in dataset.dates to have its years, months, days and weekdays, leave it out"
    return f"{of_dates if may_be_dates(column) else 'Leave it out'} (dataset.drop)"


def no_numbers(column: pandas.Series[Any], decimal: str = ".") -> NDArray[np.int64]:
    """Return the rows of a column that hold no number, if more than half of its filled cells are numbers; else none.

    Rows with words for a missing value are returned only if no other text is among the numbers. This happens in a table
    that stores its numbers as text. `decimal` is the decimal mark of the numbers.
    """
    import pandas

    counts = column.value_counts(sort=False)  # different values are far fewer than cells
    values = pandas.Series(counts.index.astype(object))
    strange = as_numbers(values, decimal).isna().to_numpy()
    gaps = strange & np.array([is_gap(value) for value in values], bool)
    culprits = strange & ~gaps if (strange & ~gaps).any() else gaps
    if column.dtype.kind in "mMb" or counts[culprits].sum() >= counts[~strange].sum():
        return np.empty(0, "int64")
    return np.flatnonzero(column.isin(counts.index[culprits]))


def refuse_strange_cell(column: pandas.Series[Any], key: str, where: Where, cure: str, decimal: str) -> None:
    """Raise SettingError, with the line, if more than half of the cells of a column are numbers, but not all.

    The message lists infinite numbers, too: no other message would, as long as the column is no column of numbers.
    """
    strange = no_numbers(column, decimal)
    if len(strange):
        row = int(strange[0])
        infinite = np.flatnonzero(np.isinf(as_numbers(column, decimal).to_numpy("float64", na_value=np.nan)))
        strange = np.concatenate([strange, infinite])
        raise SettingError(
            key,
            f"holds {shown(column.iloc[row])} in {where(row)}, column {column.name!r}; most cells of the column are "
            f"numbers.{all_wrong(rows_of_cells(column, strange), where)} {cure}",
        )


def rows_of_cells(column: pandas.Series[Any], rows: NDArray[np.int64]) -> dict[str, list[int]]:
    """Return the rows, among `rows`, of each different cell of a column."""
    found: dict[str, list[int]] = {}
    for row, cell in zip(rows.tolist(), column.iloc[rows], strict=True):
        found.setdefault(str(cell), []).append(row)
    return found
