"""Columns that reveal the target: its copies, kinds that one class has alone, and columns filled for one class only."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from bnexp.data.sources.alike import shown
from bnexp.data.sources.column import MOST_WHOLE_NUMBER_CLASSES, is_text
from bnexp.data.sources.dates import may_be_dates
from bnexp.data.sources.one_hot import one_hot_beside

if TYPE_CHECKING:
    import pandas

ONE_HOT = "it reveals the target: in each row, exactly one of {} and the columns like this one is 1"
ROUNDING = 1e-9
"""A column is a copy of another one, perhaps in another unit, if their correlation is less than this below 1."""
FEWEST_ROWS_OF_A_PART = 10
"""With this number of rows per category, it is no coincidence that all rows of each category have one class."""
COINCIDENCE = 1e-6
"""Gaps are no coincidence if rows drawn at random are all of one class with a smaller probability than this."""
SHARE_OF_CLASS = 0.1
"""The smallest share of a class that gaps must concern, so that the column is left out because of them."""


def revealing(frame: pandas.DataFrame, names: Sequence[str], target: str) -> dict[str, str]:
    """Return the columns, among `names`, that reveal the target -> why."""
    whys = (_why_copy, _why_part, _why_gaps)
    found = {name: next(filter(None, (why(frame, name, target) for why in whys)), None) for name in names}
    one_hot = dict.fromkeys(one_hot_beside(frame, target, names), ONE_HOT.format(target))
    return one_hot | {name: why for name, why in found.items() if why is not None}


def is_copy(frame: pandas.DataFrame, name: str, target: str) -> bool:
    """Return True if a column is a copy or a multiple of the target, or its values match the target's one to one."""
    return _why_copy(frame, name, target) is not None


def _why_copy(frame: pandas.DataFrame, name: str, target: str) -> str | None:
    for known in _known_pairs(frame, name, target):
        values, classes = known[name].nunique(), known[target].nunique()
        if values == classes == len(known.drop_duplicates()) and 2 <= values <= len(known) // 2:
            return f"it reveals the target: its values and the values of {target} match one to one"
    if {known[name].dtype.kind, known[target].dtype.kind} <= {*"iuf"} and classes > MOST_WHOLE_NUMBER_CLASSES:
        one, other = (known[each].to_numpy("float64") for each in (name, target))
        if values > 1 and abs(np.corrcoef(one, other)[0, 1]) > 1 - ROUNDING:
            return f"it reveals the target: a copy of {target}, perhaps in another unit"
    return None


def _why_part(frame: pandas.DataFrame, name: str, target: str) -> str | None:
    """Return why a category reveals the class: each value has many rows, all of one class; else None.

    For example, the kind of a product reveals the product's category.
    """
    if not is_text(frame[name]) or may_be_dates(frame[name]) or not _are_classes(frame[target]):
        return None
    for known in _known_pairs(frame, name, target):
        values = known[name].nunique()
        if known[target].nunique() > 1 and len(known.drop_duplicates()) <= values <= len(known) / FEWEST_ROWS_OF_A_PART:
            return f"it reveals the target: each of its values occurs with only one value of {target}"
    return None


def _why_gaps(frame: pandas.DataFrame, name: str, target: str) -> str | None:
    """Return why the empty cells of a column, or the other cells, reveal the class: all are of one class; else None.

    For example, only one class has a date of death.
    """
    known = frame[frame[target].notna()]
    empty, classes = known[name].isna(), known[target]
    if not empty.any() or not _are_classes(classes) or classes.nunique() < 2:
        return None
    for cells, kind in ((empty, "empty"), (~empty, "filled")):
        count, of_cells = int(cells.sum()), classes[cells].unique()
        rows = int((classes == of_cells[0]).sum()) if count else 0
        is_chance = (rows / len(known)) ** count > COINCIDENCE
        if len(of_cells) == 1 and count >= SHARE_OF_CLASS * rows and not is_chance:
            where = f"are in rows of one value of {target}, {shown(of_cells[0])}"
            return f"it reveals the target: all its {count:,} {kind} cells {where}"
    return None


def _are_classes(column: pandas.Series[Any]) -> bool:
    return is_text(column) or column.nunique() <= MOST_WHOLE_NUMBER_CLASSES


def _known_pairs(frame: pandas.DataFrame, name: str, target: str) -> list[pandas.DataFrame]:
    """Return a column and the target where both have a value; of texts with gaps also wherever the target has one.

    There an empty cell is a value like any other, as where a reason is given for one class only.
    """
    pairs = frame[[name, target]].dropna(subset=[target])
    filled = [pairs.fillna({name: ""})] if is_text(frame[name]) and pairs[name].isna().any() else []
    return [*filled, pairs.dropna()]
