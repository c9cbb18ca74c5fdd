"""How the target column is read, as class numbers or as the numbers of a regression, and errors about it."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from numpy.typing import NDArray

from bnexp.data.rows import Where, numbered
from bnexp.data.sources.alike import shown
from bnexp.data.sources.column import (
    MOST_WHOLE_NUMBER_CLASSES,
    different_values,
    finite_numbers,
    have_none,
    is_text,
    refuse_lost_digits,
    refuse_strange_cell,
)
from bnexp.data.sources.numerals import are_dates
from bnexp.errors import SettingError

if TYPE_CHECKING:
    import pandas

FEW_CLASSES = 10
"""A target with more different whole numbers, such as ages, causes a warning. The ten digits are still classes."""
_NUMBER = re.compile(r"-?\d+(\.\d+)?")

TaskKey = Literal["auto", "classification", "regression"]


def target(
    column: pandas.Series[Any], task: TaskKey, where: Where, key: str = "dataset.target", *, decimal: str = "."
) -> tuple[NDArray[np.float32], tuple[str, ...] | None]:
    """Return the targets, (N,), and the names of their classes, which are None for a regression.

    `key` is the config key that errors name. `decimal` is the decimal mark of numbers that are stored as text.

    Raises:
        SettingError: if a target is missing or infinite, if there is only one class, or if a regression has text in
            any row or numbers that float32 cannot distinguish.
    """
    _refuse_missing_target(column, where, key)
    different = different_values(column, key)
    if not is_text(column) or task == "regression":
        numbers = finite_numbers(column, key, where, decimal)
        whole = bool((numbers == np.floor(numbers)).all())
        if task == "regression" or (task == "auto" and not (whole and different <= MOST_WHOLE_NUMBER_CLASSES)):
            refuse_lost_digits(key, f"is {column.name!r}; its numbers", numbers, "Subtract the lowest from all.")
            return numbers.astype("float32"), None
        # int64, because whole numbers sort by value, and float64 would merge the largest
        y_N, classes = numbered(column.to_numpy("int64") if whole else numbers)
    else:
        if task == "auto" and different > MOST_WHOLE_NUMBER_CLASSES:
            cure = "Fix the file, take that row out, or give dataset.task: classification."
            refuse_strange_cell(column, key, where, cure, decimal)
            _refuse_dates(column, key, where)
        y_N, classes = numbered(column.astype(str))
    if len(classes) < 2:
        raise SettingError(
            key,
            f"is {column.name!r}; it has one value in all rows ({classes[0]}), expected two classes or more. "
            "Name another column.",
        )
    return y_N, classes


def are_many_numbers(classes: tuple[str, ...] | None, more_than: int) -> bool:
    """Return True if there are more than `more_than` classes, and the name of each is a number.

    >>> are_many_numbers(("1", "2", "3"), 2), are_many_numbers(("1", "2", "b"), 2)
    (True, False)
    """
    return classes is not None and len(classes) > more_than and all(_NUMBER.fullmatch(name) for name in classes)


def warnings_of_many_numbers(key: str, name: str, classes: tuple[str, ...] | None, task: TaskKey) -> Iterator[str]:
    """Yield a warning if many numbers are read as classes although the config does not set the task."""
    if task == "auto" and classes is not None and are_many_numbers(classes, FEW_CLASSES):
        yield (
            f"{key} {name!r} holds {len(classes)} different whole numbers. Each is read as a class, without any "
            "order. Use dataset.task: regression if they are quantities, or dataset.task: classification if they are "
            "classes."
        )


def _refuse_missing_target(column: pandas.Series[Any], where: Where, key: str) -> None:
    missing = column.isna().to_numpy()
    if missing.all():
        raise SettingError(key, f"is {column.name!r}; it has no value in any row. Name another column.")
    if missing.any():
        row = int(np.flatnonzero(missing)[0])
        raise SettingError(
            key,
            f"is {column.name!r}; {where(row)} has no value in it ({have_none(int(missing.sum()))}). "
            "Fill it in, or take those rows out.",
        )


def _refuse_dates(column: pandas.Series[Any], key: str, where: Where) -> None:
    """Raise SettingError if the target column holds dates or times."""
    if are_dates(column):
        raise SettingError(
            key,
            f"is {column.name!r}; it holds dates or times, such as {shown(column.iloc[0])} in {where(0)}; expected "
            "numbers or classes. Name another column, or give dataset.task: classification to read each as a class.",
        )
