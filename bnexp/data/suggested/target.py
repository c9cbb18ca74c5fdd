"""Suggestion for a table's target: the column that the user names, one with a common name, or the last suitable one."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

from bnexp.data.sources.column import MOST_CATEGORIES, MOST_WHOLE_NUMBER_CLASSES, different_values, is_text
from bnexp.data.sources.column_names import refuse_unknown_column
from bnexp.data.sources.dates import may_be_dates
from bnexp.data.sources.ids import counts_rows
from bnexp.data.sources.other_forms import NUMBERED
from bnexp.data.suggested.choice import Choice
from bnexp.data.suggested.columns import is_id_or_time
from bnexp.errors import counted

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
OTHERS = "--target names another"


def likely_target(frame: pandas.DataFrame, target: str | None) -> tuple[str, str]:
    """Return the name of the column that is probably the target, and the reason.

    `target` is the name that the user gives, or None.

    Raises:
        SettingError: if no column has the name `target`.
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
    if _are_numbered(columns) and _holds_classes(frame[columns[0]]) and not _holds_classes(frame[columns[-1]]):
        return columns[0], f"the first column: it holds few classes, and the last one quantities; {OTHERS}"
    last = next((name for name in reversed(columns) if _can_be_learned(frame, name)), columns[-1])
    which = "the last column" if last == columns[-1] else "the last column that can be learned"
    return last, f"{which}; {OTHERS}"


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
    if column.isna().any() or not 2 <= len(counts) <= MOST_WHOLE_NUMBER_CLASSES or counts.min() < FEWEST_ROWS:
        return False
    return is_text(column) or bool((column % 1 == 0).all())


def task_choices(column: pandas.Series[Any]) -> Iterator[Choice]:
    """Yield `task: regression` if the target has few whole numbers, and one of them is too rare to be a class."""
    different_values(column, "dataset.target")
    counts = column.value_counts()
    are_few = 2 < len(counts) <= MOST_WHOLE_NUMBER_CLASSES
    if are_few and not is_text(column) and counts.min() < FEWEST_ROWS and (column.dropna() % 1 == 0).all():
        seen = f"{len(counts)} different whole numbers, {counts.idxmin():g} in {counted(int(counts.min()), 'row')} only"
        yield Choice("task", "regression", f"{seen}: quantities, or classes too rare to be learned")


def _can_be_learned(frame: pandas.DataFrame, name: str) -> bool:
    """Return True if a column can be a target: several classes or numbers, and no gaps, ids, times or rare texts."""
    column: pandas.Series[Any] = frame[name]
    if is_id_or_time(name):
        return False
    try:
        different = column.nunique()
    except TypeError:  # cells hold lists, for example
        return False
    if different < 2 or column.isna().any():
        return False
    if not is_text(column):
        return not counts_rows(frame, name)
    is_rare = column.value_counts().min() < FEWEST_ROWS
    return not is_rare and different <= MOST_CATEGORIES and not may_be_dates(column)
