"""Suggestion for a table's target: the column that the user names, one with a common name, or the last suitable one."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from bnexp.data.sources.column import (
    MOST_CATEGORIES,
    MOST_WHOLE_NUMBER_CLASSES,
    different_values,
    is_text,
    no_numbers,
)
from bnexp.data.sources.column_names import refuse_unknown_column
from bnexp.data.sources.dates import may_be_dates
from bnexp.data.sources.ids import counts_rows
from bnexp.data.sources.numerals import numerals
from bnexp.data.sources.other_forms import NUMBERED
from bnexp.data.suggested.choice import Choice
from bnexp.data.suggested.columns import is_id_or_time
from bnexp.errors import SettingError, counted, listed

if TYPE_CHECKING:
    import pandas

USUAL_TARGETS = (
    *("target", "label", "labels", "survived", "churn", "churned", "exited", "attrition", "fraud", "is_fraud", "spam"),
    *("class", "classes", "y", "outcome", "response", "diagnosis", "species", "variety", "deposit", "default"),
    *("income", "risk", "quality", "price", "saleprice", "medv", "mpg", "charges", "rating", "score", "category"),
)
"""Common names of target columns, the most certain ones first."""
KINDS = ("class", "classes", "species", "variety", "category", "income")
"""Names of target columns that hold a few categories.

A column with one of these names and many numbers is no target: it holds ids (as of school classes) or amounts.
"""
WORDS = ("target", "label", "class", "outcome")
"""First or last words of the longer name of a target column, as in `species_label`."""
FEWEST_ROWS = 3
"""The fewest rows that a class needs, so that each of three parts can have one."""
FEW_ROWS = 0.1
"""If at most this share of the rows have a class that is too rare, these may be mistakes, and the others classes."""
MOST_NAMED = 3
ID_OR_TIME, COUNTS = "its name means an id, a person or a time", "it counts the rows"
"""Reasons for which a column of numbers is passed over, though it can be learned."""
OTHERS = "--target names another"


def likely_target(frame: pandas.DataFrame, target: str | None) -> tuple[str, str]:
    """Return the name of the column that is probably the target, and the reason.

    `target` is the name that the user gives, or None.

    Raises:
        SettingError: if no column has the name `target`; or if none is given, and no column can be a target.
    """
    columns = list(frame.columns)
    if target is not None:
        refuse_unknown_column(columns, "target", target)
        return target, "it was named by --target"
    plain_names = {name: re.sub("[ -]", "_", name.strip().lower()) for name in columns}
    names = {name: plain for name, plain in plain_names.items() if not _holds_no_kinds(plain, frame[name])}
    # if there is a column x, then y is a coordinate, unless it is the first or the last column
    is_place = "x" in names.values() and "y" not in (plain_names[columns[0]], plain_names[columns[-1]])
    for usual in USUAL_TARGETS:
        for name, plain in names.items():
            if plain == usual and not (plain == "y" and is_place):
                return name, f"its name says so; {OTHERS}"
    for word in WORDS:
        for name, plain in names.items():
            if word in (plain.split("_")[0], plain.split("_")[-1]):
                return name, f"its name says so; {OTHERS}"
    first, last = frame[columns[0]], frame[columns[-1]]
    if _are_numbered(columns) and _holds_classes(first) and not _holds_classes(last):
        if not is_text(last):
            return columns[0], f"the first column: it holds few classes, and the last one quantities; {OTHERS}"
        if is_text(first) and _why_passed_over(frame, columns[-1]) is not None:
            return columns[0], f"the first column: it holds few classes, and the last one texts; {OTHERS}"
    return _last(frame, columns)


def _last(frame: pandas.DataFrame, columns: Sequence[str]) -> tuple[str, str]:
    """Return the last column that can be a target, and why each column after it is passed over.

    Raises:
        SettingError: if none can be.
    """
    passed: dict[str, str] = {}
    for name in reversed(columns):
        if (why := _why_passed_over(frame, name)) is None:
            if not passed:
                return name, f"the last column; {OTHERS}"
            return name, f"the last column that can be learned; passed over: {_reasons(passed)}; {OTHERS}"
        passed[name] = why
    for name, why in passed.items():
        if why in (ID_OR_TIME, COUNTS) and not is_text(frame[name]) and frame[name].nunique() > 1:
            return name, f"no other column can be learned, and this one only perhaps: {why}; {OTHERS}"
    raise SettingError(
        "dataset.target",
        f"is not known; no column of the table looks like one that can be learned: {_reasons(passed)}. If one is, name "
        "it with --target.",
    )


def _reasons(passed: Mapping[str, str]) -> str:
    return listed([f"{name} ({why})" for name, why in passed.items()], MOST_NAMED)


def _holds_no_kinds(plain: str, column: pandas.Series[Any]) -> bool:
    """Return True if a column is named like categories (`KINDS`), but has too many different numbers for categories.

    More than two are too many for an income.
    """
    most = 2 if plain == "income" else MOST_WHOLE_NUMBER_CLASSES
    return not {*KINDS}.isdisjoint(plain.split("_")) and not is_text(column) and column.nunique() > most


def _are_numbered(columns: Sequence[str]) -> bool:
    """Return True if the columns have the numbered names that a command suggested by bnexp gives to unnamed columns."""
    return list(columns) == [f"{NUMBERED}{number}" for number in range(len(columns))]


def _holds_classes(column: pandas.Series[Any]) -> bool:
    """Return True if a column holds few texts or whole numbers, each in several rows."""
    counts = column.value_counts()
    if not 2 <= len(counts) <= MOST_WHOLE_NUMBER_CLASSES or counts.min() < FEWEST_ROWS:
        return False
    return is_text(column) or bool((column.dropna() % 1 == 0).all())


def task_choices(column: pandas.Series[Any]) -> Iterator[Choice]:
    """Yield `task: regression` if the target has few whole numbers, and one of them is too rare to be a class."""
    different_values(column, "dataset.target")
    counts = column.value_counts()
    are_few = 2 < len(counts) <= MOST_WHOLE_NUMBER_CLASSES
    if are_few and not is_text(column) and counts.min() < FEWEST_ROWS and (column.dropna() % 1 == 0).all():
        seen = f"{len(counts)} different whole numbers, {counts.idxmin():g} in {counted(int(counts.min()), 'row')} only"
        yield Choice("task", "regression", f"{seen}: quantities, or classes too rare to be learned")


def _why_passed_over(frame: pandas.DataFrame, name: str) -> str | None:
    """Return why a column is probably no target; None if it may be one, perhaps with a few mistakes to be corrected."""
    column: pandas.Series[Any] = frame[name]
    if is_id_or_time(name):
        return ID_OR_TIME
    try:
        different = column.nunique()
    except TypeError:
        return "it holds lists or the like"
    if different < 2:
        return "the same value in all rows" if different else "no value in any row"
    known = column.dropna()
    if 2 * len(known) < len(column):
        return f"{counted(len(column) - len(known), 'row')} of {len(column):,} without a value"
    if not is_text(column):
        return COUNTS if counts_rows(frame.loc[known.index], name) else None
    if may_be_dates(column):
        return "it holds dates"
    if len(no_numbers(column)) or numerals(known) is not None:
        return None
    if different > MOST_CATEGORIES:
        return f"{different:,} different values of text"
    return _why_no_classes(known)


def _why_no_classes(column: pandas.Series[Any]) -> str | None:
    """Return why the texts of a column are no classes; None if they are, or if only a few of the rows are too rare."""
    counts = column.value_counts()
    rare = counts[counts < FEWEST_ROWS]
    usual = len(counts) - len(rare)
    if rare.sum() <= FEW_ROWS * len(column) and 2 <= usual <= (MOST_WHOLE_NUMBER_CLASSES if len(rare) else usual):
        return None
    rows = "1 row" if rare.max() == 1 else "1 or 2 rows"
    return f"{len(rare):,} of its {len(counts):,} values are in {rows} only"
