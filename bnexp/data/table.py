"""From a table of named columns to rows: the target, numbers, and categories told apart by a 0 or 1 each."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from numpy.typing import NDArray

from bnexp.data.rows import Rows, numbered
from bnexp.errors import SettingError, nearest

if TYPE_CHECKING:
    import pandas

MOST_WHOLE_NUMBER_CLASSES = 20
"""A target of more different whole numbers is taken for a regression."""
MOST_CATEGORIES = 100
"""A column of text with more different values is taken for a mistake: a name, a date, a free text."""

TaskKey = Literal["auto", "classification", "regression"]
Where = Callable[[int], str]
"""Tells file and line of a row, counted from 0."""


@dataclass(frozen=True)
class Columns:
    """What the columns of a table are: the config's keys, by whatever section they stand in."""

    target: str
    task: TaskKey = "auto"
    drop: Sequence[str] = ()
    categories: Sequence[str] = ()
    group: str | None = None
    missing: str = "refuse"


def from_frame(frame: pandas.DataFrame, columns: Columns, where: Where) -> Rows:
    """Give the rows of a table.

    Raises:
        SettingError: if a column that is named is not there, a number or a
            target is missing, or a column of text has too many values.
    """
    named = {"target": [columns.target], "drop": columns.drop, "categories": columns.categories}
    for key, names in {**named, "group": [columns.group] if columns.group else []}.items():
        for name in names:
            refuse_unknown_column(frame, key, name)
    y_N, classes = target(frame[columns.target], columns.task, where)
    features = frame.drop(columns=[columns.target, *columns.drop, *([columns.group] if columns.group else [])])
    is_category = {str(name): name in columns.categories or _is_text(features[name]) for name in features.columns}
    numeric = [_numbers(features[name], columns, where) for name, category in is_category.items() if not category]
    dummies = [_categories(features[name], columns, where) for name, category in is_category.items() if category]
    if not numeric and not dummies:
        raise SettingError("dataset.drop", "leaves no column to learn from; expected one or more. Drop fewer.")
    x_NF = np.concatenate([*numeric, *dummies], axis=1)
    groups_N = None if columns.group is None else groups(frame[columns.group])
    return Rows("table", x_NF, y_N, classes, groups_N=groups_N, numeric=len(numeric))


def refuse_unknown_column(frame: pandas.DataFrame, key: str, name: str) -> None:
    """Raise SettingError, with the columns and the nearest name, if the table has no such column."""
    if name not in frame.columns:
        raise SettingError(f"dataset.{key}", f"is {name!r}; no column has this name. {nearest(name, frame.columns)}")


def groups(column: pandas.Series[Any]) -> NDArray[np.int64]:
    """Number the groups that a column's values name; missing ones are a group together."""
    return np.asarray(column.factorize(use_na_sentinel=False)[0], "int64")


def target(
    column: pandas.Series[Any], task: TaskKey, where: Where
) -> tuple[NDArray[np.float32], tuple[str, ...] | None]:
    """Give the targets (N,) and the names of their classes, None for a regression.

    Raises:
        SettingError: if a target is missing or infinite, there is but one class, or a regression's target is text.
    """
    missing = column.isna().to_numpy()
    if missing.any():
        row = int(np.flatnonzero(missing)[0])
        raise SettingError(
            "dataset.target",
            f"is {column.name!r}; {where(row)} has no value in it ({missing.sum()} rows have none). "
            "Fill it in, or take those rows out.",
        )
    if task == "regression" or (task == "auto" and not _names_classes(column)):
        return _finite(column, "dataset.target", where), None
    y_N, classes = numbered(_labels(column))
    if len(classes) < 2:
        raise SettingError(
            "dataset.target",
            f"is {column.name!r}; it has one value in all rows ({classes[0]}), expected two classes or more. "
            "Name another column.",
        )
    return y_N, classes


def _names_classes(column: pandas.Series[Any]) -> bool:
    if _is_text(column):
        return True
    numbers = column.to_numpy(dtype="float64")
    return bool((numbers == np.floor(numbers)).all()) and column.nunique() <= MOST_WHOLE_NUMBER_CLASSES


def _labels(column: pandas.Series[Any]) -> NDArray[Any]:
    """Give labels that sort as people count: whole numbers as such, all else as text."""
    if _is_text(column):
        return np.asarray(column.astype(str))
    numbers = column.to_numpy(dtype="float64")
    return numbers.astype("int64") if (numbers == np.floor(numbers)).all() else numbers


def _is_text(column: pandas.Series[Any]) -> bool:
    from pandas.api.types import is_bool_dtype, is_numeric_dtype

    return bool(is_bool_dtype(column.dtype)) or not is_numeric_dtype(column.dtype)


def _finite(column: pandas.Series[Any], key: str, where: Where) -> NDArray[np.float32]:
    """Give a column's numbers, of which some may be missing (NaN)."""
    import pandas

    numbers = pandas.to_numeric(column, errors="coerce").to_numpy(dtype="float64", na_value=np.nan)
    wrong = (~np.isfinite(numbers) & ~column.isna().to_numpy()) | (np.abs(numbers) > np.finfo("float32").max)
    if wrong.any():
        row = int(np.flatnonzero(wrong)[0])
        raise SettingError(
            key,
            f"holds {str(column.iloc[row])[:40]!r} in {where(row)}, column {column.name!r}; expected a finite number. "
            "Mend the file, or leave the column out (dataset.drop).",
        )
    return numbers.astype("float32")


def _numbers(column: pandas.Series[Any], columns: Columns, where: Where) -> NDArray[np.float32]:
    """Give a column of numbers, (N, 1)."""
    numbers = _finite(column, "dataset", where)
    missing = np.isnan(numbers)
    if missing.any() and columns.missing == "refuse":
        row = int(np.flatnonzero(missing)[0])
        raise SettingError(
            "dataset.missing",
            f"is refuse; {where(row)} has no value in column {column.name!r} ({missing.sum()} rows have none). "
            "Use mean or median (of the training part), or leave the column out (dataset.drop).",
        )
    if missing.all():
        raise SettingError(
            "dataset.drop", f"keeps column {column.name!r}; it has no value in any row. Leave it out (dataset.drop)."
        )
    return numbers[:, None]


def _categories(column: pandas.Series[Any], columns: Columns, where: Where) -> NDArray[np.float32]:
    """Give a 0 or 1 for each of a column's values, (N, values); a missing one is a value of its own."""
    import pandas

    count = column.nunique()
    if count > MOST_CATEGORIES and column.name not in columns.categories:
        raise SettingError("dataset.drop", _too_many_values(column, count, where))
    has_missing = bool(column.isna().any())
    return pandas.get_dummies(column.astype(object), dummy_na=has_missing, dtype="float32").to_numpy()


def _too_many_values(column: pandas.Series[Any], count: int, where: Where) -> str:
    import pandas

    numbers = pandas.to_numeric(column, errors="coerce")
    strange = (numbers.isna() & column.notna()).to_numpy()
    if strange.mean() < 0.5:
        row = int(np.flatnonzero(strange)[0])
        return (
            f"keeps column {column.name!r}; most of it are numbers, but {where(row)} holds "
            f"{str(column.iloc[row])[:40]!r}. Mend the file, or leave the column out (dataset.drop)."
        )
    return (
        f"keeps column {column.name!r}; it holds text with {count} different values, as {str(column.iloc[0])[:40]!r} "
        f"in {where(0)}; expected {MOST_CATEGORIES} or fewer. Leave it out (dataset.drop), or name it in "
        "dataset.categories to have a column for each value."
    )
