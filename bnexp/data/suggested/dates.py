"""Which columns of a table hold dates that can be read, also as whole numbers, and why other dates are left out."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from bnexp.data.rows import Where
from bnexp.data.sources.alike import shown
from bnexp.data.sources.column import FEW_MISTAKES, is_text
from bnexp.data.sources.dates import are_numbered_dates, emptied, may_be_dates, no_dates, numbers_of_dates
from bnexp.data.suggested.missing_values import MOST_WORDS
from bnexp.errors import SettingError, counted

if TYPE_CHECKING:
    import pandas


def are_dates_to_read(column: pandas.Series[Any]) -> bool:
    """Return True if a column mostly holds dates, or only whole numbers such as 20240131."""
    return may_be_dates(column) if is_text(column) else are_numbered_dates(column)


def why_no_dates(column: pandas.Series[Any], where: Where) -> str | None:
    """Return why a column of dates cannot be read; None if it can, or once a few mistakes are corrected."""
    dates = emptied(column)
    strange = no_dates(dates)
    if len(strange):
        if strange.nunique() <= MOST_WORDS or len(strange) <= FEW_MISTAKES * len(column):
            return None
        return f"dates, and in {counted(len(strange), 'row')} something else, such as {shown(strange.iloc[0])}"
    if dates.nunique() == 1:
        return f"one date in all rows: {dates.dropna().iloc[0]}"
    try:
        numbers_of_dates(dates, where)
    except SettingError as error:
        ((_, text),) = error.problems
        return f"dates that cannot be read: {text.removeprefix(f'names {column.name!r}; ').rstrip('.')}"
    return None
