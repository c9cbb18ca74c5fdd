"""Suggestions for the columns of a table: columns to leave out, groups, dates, missing numbers, and duplicate rows."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from bnexp.config.yaml_text import in_one_line
from bnexp.data.rows import Where
from bnexp.data.sources.alike import shown
from bnexp.data.sources.column import (
    LARGEST,
    MOST_WHOLE_NUMBER_CLASSES,
    different_values,
    is_text,
    no_numbers,
    numbers,
    refuse_no_category,
)
from bnexp.data.sources.dates import emptied
from bnexp.data.sources.free_text import FEWEST_WORDS, words_of
from bnexp.data.sources.ids import counts_rows, id_like
from bnexp.data.sources.numerals import are_dates, unit_of
from bnexp.data.sources.table import NO_NAME
from bnexp.data.suggested.choice import Choice
from bnexp.data.suggested.dates import are_dates_to_read, why_no_dates
from bnexp.data.suggested.decimals import are_few, why_marked
from bnexp.data.suggested.revealing import is_copy, revealing
from bnexp.data.suggested.weights import is_row_weight
from bnexp.errors import SettingError, counted, listed

if TYPE_CHECKING:
    import pandas

MOST_NAMED = 5
_ID = re.compile(
    r"(?i:(.*[_ .-])?((p|s|ps|u|uu|gu)?id|ident|identifier|identification)([_ .-]?(no|nr|num|number|code))?)"
    r"|.*Id|.*ID|.*Identifier"
)
_TIME = re.compile(r"(?i:(.*[_ .-])?(year|month|week|weekday|day|days|date|hour|minute|time|timestamp|yr|dt))")
_SOMEONE = re.compile(
    r"(?i:(patient|subject|user|person|participant|customer|client|speaker|student|household|animal|individual|respondent)"
    r"([_ .-]?(id|no|nr|number|code|name))?)"
)
MOSTLY = 0.5
"""If more than this share of the rows repeat another row, they are different cases with few different values."""
FEWEST_GROUPS = 5
"""The fewest persons, or the like, that can be split between the parts. Other ids need more values than a category."""
FEWEST_PARTS = 3
"""The fewest groups that must have a row of each class, so that each of three parts can have one."""


def numeric(frame: pandas.DataFrame, names: Sequence[str]) -> list[str]:
    """List the columns with numbers among the columns `names`."""
    return [name for name in names if frame[name].dtype.kind in "iuf"]


def is_id_or_time(name: str) -> bool:
    """Return True if the name of a column means an id, a person or a time.

    >>> is_id_or_time("patient_id"), is_id_or_time("pidnum"), is_id_or_time("Subject"), is_id_or_time("Year")
    (True, True, True, True)
    >>> is_id_or_time("identifier"), is_id_or_time("SampleIdentifier"), is_id_or_time("case_ident")
    (True, True, True)
    >>> is_id_or_time("width"), is_id_or_time("bid"), is_id_or_time("acid_number")
    (False, False, False)
    """
    return _is_id_or_someone(name) or _TIME.fullmatch(name.strip()) is not None


def column_choices(frame: pandas.DataFrame, target: str, where: Where, decimal: str = ".") -> Iterator[Choice]:
    """Yield the choices of `drop`, `group`, `dates`, `missing` and `duplicates` that the table needs.

    `decimal` is the decimal mark of numbers that are stored as text.
    """
    inputs = [name for name in frame.columns if name != target]
    ids = _ids(frame, inputs)
    group = _group(frame, [name for name in inputs if name not in ids], target)
    others = [name for name in inputs if name != group]
    left_out = dict.fromkeys(ids, "a different whole number in every row, like an id")
    left_out |= {name: why for name in others if (why := _why_left_out(frame, name, where, decimal)) is not None}
    rare = _rare_groups(frame, others, target) if group is None else []
    many = [name for name in rare if frame[name].nunique() > MOST_WHOLE_NUMBER_CLASSES]
    left_out |= dict.fromkeys(many, "ids that repeat, which a network learns by heart")
    asked = [name for name in others if name not in left_out]
    copies = revealing(frame, asked, target)
    if len(left_out) + len(copies) < len(others):
        left_out = {name: (left_out | copies)[name] for name in others if name in left_out or name in copies}
    if len(left_out) == len(others):
        left_out = {name: why for name, why in left_out.items() if name.startswith(NO_NAME) or not _varies(frame[name])}
    kept = [name for name in others if name not in left_out]
    dates = [name for name in kept if are_dates_to_read(frame[name])]
    if left_out:
        yield Choice("drop", list(left_out), list(left_out.values()))
    if group is not None:
        count = different_values(frame[group], "dataset.group")
        yield Choice("group", group, f"{count:,} values in {len(frame):,} rows: the rows of one stay in one part")
    if dates:
        yield Choice("dates", dates, "each becomes numbers: year, month, day, weekday, and hour if there are times")
    numbered = dict.fromkeys((*numeric(frame, kept), *dates))
    holed = {name: count for name in numbered if (count := int(emptied(frame[name]).isna().sum()))}
    if holed:
        named = listed([f"{name} ({count:,})" for name, count in holed.items()], MOST_NAMED)
        yield Choice("missing", "median", f"missing values: {named}; the median of the training part stands in")
    yield from _duplicates(frame, [*kept, target])


def _duplicates(frame: pandas.DataFrame, used: Sequence[str]) -> Iterator[Choice]:
    """Yield `duplicates: keep` if repeated rows are probably different cases. By default, they are dropped.

    They are different cases if they differ in columns that are left out. A column without a name is ignored here,
    because it mostly numbers the rows.
    """
    try:
        whole = int(frame[[name for name in frame.columns if not name.startswith(NO_NAME)]].duplicated().sum())
    except TypeError:  # cells hold lists, for example
        return
    repeated = int(frame[list(used)].duplicated().sum())
    if whole > MOSTLY * len(frame):
        seen = f"{_repeat(whole)} another one in all columns"
        yield Choice("duplicates", "keep", f"{seen}: with few different values, different cases look alike")
    elif repeated - whole > whole:
        seen = f"{_repeat(repeated - whole)} another one in the columns that are used, but not in all"
        also = f"; {_repeat(whole)} one in all" if whole else ""
        yield Choice("duplicates", "keep", f"{seen}: they are different cases{also}")


def _repeat(rows: int) -> str:
    return f"{counted(rows, 'row')} {'repeats' if rows == 1 else 'repeat'}"


def _why_left_out(frame: pandas.DataFrame, name: str, where: Where, decimal: str) -> str | None:
    """Return why a column cannot be an input; None if it can."""
    column = frame[name]
    if column.isna().all():
        return "no value in any row"
    if name.startswith(NO_NAME):
        counts = column.dtype.kind in "iuf" and counts_rows(frame, name)
        return "it has no name, and counts the rows" if counts else "it has no name; to use it, name it in the file"
    try:
        if different_values(column, "dataset.drop") == 1 and not column.isna().any():
            return f"the same value in all rows: {column.iloc[0]}"
    except SettingError:
        return "it holds lists or the like, and no single values"
    try:
        if are_dates_to_read(column):
            return why_no_dates(column, where)
        if not is_text(column):
            numbers(column, where)
            if is_row_weight(name):
                return "its name says how much each row counts, as in a survey"
            return None
        refuse_no_category(column, where)
    except SettingError:
        return _why_no_input(column, decimal)
    return why_marked(column, decimal)


def _varies(column: pandas.Series[Any]) -> bool:
    return column.dtype.kind in "iuf" and bool(column.nunique() > 1)


def _ids(frame: pandas.DataFrame, names: Sequence[str]) -> list[str]:
    """List the columns of whole numbers that are ids: they count the rows, or their name means an id or a person."""
    whole = [name for name in numeric(frame, names) if not frame[name].isna().any()]
    found = id_like(frame, whole, list(frame.columns))
    return [name for name in found if _is_id_or_someone(name) or _counts_and_is_no_time(frame, name)]


def _is_id_or_someone(name: str) -> bool:
    return any(words.fullmatch(name.strip()) for words in (_ID, _SOMEONE))


def _counts_and_is_no_time(frame: pandas.DataFrame, name: str) -> bool:
    return counts_rows(frame, name) and not _TIME.fullmatch(name.strip())


def _why_no_input(column: pandas.Series[Any], decimal: str) -> str | None:
    """Return why a refused column cannot be an input; None for numbers with a few mistakes to be corrected."""
    if not is_text(column):
        return _why_no_numbers(column)
    rows = no_numbers(column, decimal)
    strange = column.iloc[rows]
    if (marks := why_marked(column, decimal)) is not None:
        return marks
    if not len(strange):
        if (unit := unit_of(column)) is not None:
            return f"numbers with {unit!r} behind them, such as {shown(column.dropna().iloc[0])}"
        values = counted(different_values(column, "dataset.drop"), "different value")
        if (words := words_of(column)) >= FEWEST_WORDS:
            return (
                f"{values} of text, of {words:.0f} words on average; a dataset text_csv reads them alone, word by word"
            )
        if are_dates(column):
            seen = shown(column.dropna().iloc[0])
            return f"dates or times in a form that is not read, such as {seen}; dates such as 2024-01-31 are read"
        return f"{values} of text, as names, ids and notes have"
    if are_few(column, rows):
        return None
    return f"numbers, and in {counted(len(strange), 'row')} something else, such as {shown(strange.iloc[0])}"


def _why_no_numbers(column: pandas.Series[Any]) -> str | None:
    """Return why refused numbers cannot be an input; None for a few mistakes to be corrected, such as infinity."""
    known = column.dropna().to_numpy("float64")
    wrong = int((~(np.abs(known) <= LARGEST)).sum())
    if not wrong:
        return "its numbers lie too close together for float32 to tell them apart"
    if 2 * wrong < len(known):
        return None
    return f"numbers, and in {counted(wrong, 'row')} infinity or a number above {LARGEST:g}"


def _group(frame: pandas.DataFrame, names: Sequence[str], target: str) -> str | None:
    """Return the first column whose name and values are ids that repeat; None if there is none.

    Ids of persons are preferred to other ids.
    """
    found = [name for name in names if _are_ids_that_repeat(frame, name, target)]
    found.sort(key=lambda name: _SOMEONE.fullmatch(name.strip()) is None)
    return next((name for name in found if not _rare_classes(frame, name, target)), None)


def _rare_groups(frame: pandas.DataFrame, names: Sequence[str], target: str) -> list[str]:
    """List the columns of ids that repeat, but cannot be groups, because a class has too few of them."""
    are_ids = [name for name in names if _are_ids_that_repeat(frame, name, target)]
    return [name for name in are_ids if _rare_classes(frame, name, target)]


def notes_of_groups(frame: pandas.DataFrame, target: str) -> Iterator[str]:
    """Yield a note for each column of ids that repeat, but cannot be groups, because a class has too few of them."""
    for name in _rare_groups(frame, [name for name in frame.columns if name != target], target):
        rare = _rare_classes(frame, name, target)
        too_few = listed([f"{label} ({count})" for label, count in rare.items()], MOST_NAMED)
        cure = f"Add rows with other values of {name!r} to these classes."
        if frame[target].nunique() - len(rare) > 1:  # two classes are left
            cure = "Join these classes with others, or take their rows out."
        yield (
            f"the rows of one {name!r} may be in the training part and in a held-out part, and then held-out rows are "
            f"easier than new ones. `group: {in_one_line(name)}` keeps them together. It needs {FEWEST_PARTS} values "
            f"of {name!r} or more in each class of {target!r}; too few: {too_few}. {cure} Then run `bnexp init` again."
        )


def _rare_classes(frame: pandas.DataFrame, name: str, target: str) -> dict[str, int]:
    """Return the classes with rows of fewer than FEWEST_PARTS groups -> the number of these groups."""
    if frame[target].nunique() > MOST_WHOLE_NUMBER_CLASSES:
        return {}
    counts = frame[name].groupby(frame[target]).nunique()
    return {str(label): int(count) for label, count in counts.items() if count < FEWEST_PARTS}


def _are_ids_that_repeat(frame: pandas.DataFrame, name: str, target: str) -> bool:
    """Return True if the name of a column means a person or an id, and its values repeat."""
    column = frame[name]
    if not _is_id_or_someone(name):
        return False
    try:
        count = int(frame[[name, target]].nunique()[name])
    except TypeError:  # cells hold lists, for example
        return False
    fewest = FEWEST_GROUPS if _SOMEONE.fullmatch(name.strip()) else MOST_WHOLE_NUMBER_CLASSES + 1
    if column.dtype.kind == "f" and (column.dropna() % 1 != 0).any():
        return False
    return bool(fewest <= count < column.notna().sum()) and not is_copy(frame, name, target)
