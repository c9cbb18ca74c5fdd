"""Tables whose rows are in the order of time, which a split at random ignores."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from bnexp.data.sources.dates import ORDERS, are_numbered_dates, may_be_dates, ordinals
from bnexp.data.sources.numerals import MONTH, MONTHS, YEAR, are_several_months

if TYPE_CHECKING:
    import pandas

ROWS = 5000
"""Rows at the beginning of a table that are looked at."""
FEWEST_TIMES = 3
"""A column with fewer different times gives rows no order."""
FEWEST_BEFORE_LAST = 10
"""The fewest rows that must lie outside the commonest time. With fewer, rows may be in order by chance."""
FEWEST_STEPS = 20
"""If some steps from row to row go back in time, this number of steps must show that most of them do not."""
MOST_BACK = 0.2
"""The largest share of steps back in a panel, whose rows begin anew with each subject. By chance, it is 0.5."""
MOSTLY = 0.95
"""The smallest share of filled cells that must hold a time."""
_BIRTH = re.compile(r"(?i).*(birth|born|dob|geburt|naissance|nacimiento)")
_YEAR = re.compile(r"(?i)(.*[_ .-])?(year|yr)")
_PERIOD = re.compile(rf"({YEAR})\W?[QqWwMm]?(\d{{1,2}})", re.ASCII)
"""Matches a quarter, week or month of a year, such as 2024Q1, 2024-W05 or 2024-01."""
_WITH_MONTH = re.compile(
    rf"(?:(?P<day>\d{{1,2}})[ .-]*)?(?P<month>{MONTH})(?:[ .,-]*(?P<year>{YEAR})|(?(day)[ .,-]*|[ .,-]+)(?P<two>\d\d))",
    re.ASCII,
)
"""Matches a date with the name of its month, such as 31-Jan-24, or a month such as Jan 2024 or Jan-24, but not JAN24.

Two digits after a month may be its year, or a day in it.
"""
DAYS = 31
"""The most days of a month."""
LAST_OF_2000S = 68
"""A year of two digits up to this one is of the years 2000 to 2068, as in POSIX."""
FEWEST_MONTHS = 10
"""Whole numbers such as 202401 are months if there are this number of different ones, and all are months."""
FIRST, LAST = 1700, 2200
"""The range of numbers that are read as years."""


def warnings_of_time_order(frame: pandas.DataFrame, names: Sequence[str]) -> Iterator[str]:
    """Yield a warning if the rows of a table are in the order of the dates, or years, of one of these columns."""
    for name in names:
        if (anew := steps_back(frame[name].head(ROWS))) is not None:
            panel = ", which begins anew, as with each subject of a panel," if anew else ""
            yield (
                f"the rows are in the order of column {name!r}{panel} and are split without regard to it. Held-out "
                "rows lie between training rows in time, so the verdict is not about later rows. To test later rows, "
                "write them into a file of their own (dataset.test_path)."
            )
            return


def steps_back(column: pandas.Series[Any]) -> int | None:
    """Count the steps from row to row against the order of a column's times; None if the rows are not in their order.

    In a panel, whose rows begin anew with each subject, some steps go back. Dates of birth do not count as times.

    >>> import pandas
    >>> days = pandas.Series(pandas.date_range("2024-01-01", periods=60).strftime("%Y-%m-%d"), name="day")
    >>> steps_back(days), steps_back(days.sample(frac=1, random_state=0))
    (0, None)
    >>> steps_back(pandas.Series([2001, 2002, 2003, 2004, 2005, 2006] * 9, name="year"))
    8
    """
    if _BIRTH.match(str(column.name)):
        return None
    return min((back for back in map(_steps_back, _times(column)) if back is not None), default=None)


def _times(column: pandas.Series[Any]) -> Iterator[NDArray[np.float64]]:
    """Yield the times of a column's filled cells, for each way in which they can be read."""
    known = column.dropna()
    if column.dtype.kind in "iuf":
        if _are_years(known) or _are_numbered_months(known) or are_numbered_dates(known):
            yield known.to_numpy("float64")
    elif column.dtype.kind in "OM" and len(known):
        are_dates = may_be_dates(known)
        ways = [ordinals(known, order) for order in ORDERS] if are_dates else [_periods(known), *_named(known)]
        yield from (times[~np.isnan(times)] for times in ways if np.isnan(times).mean() <= 1 - MOSTLY)


def _are_years(known: pandas.Series[Any]) -> bool:
    is_named = _YEAR.fullmatch(str(known.name).strip()) is not None
    return is_named and bool(((known % 1 == 0) & known.between(FIRST, LAST)).all())


def _are_numbered_months(known: pandas.Series[Any]) -> bool:
    """Return True if all numbers are months such as 202401."""
    are_months = known.between(100 * FIRST, 100 * LAST) & (known % 100).isin(range(1, 13))
    return known.nunique() >= FEWEST_MONTHS and bool(are_months.all())


def _periods(column: pandas.Series[Any]) -> NDArray[np.float64]:
    """Return a number for each quarter, week or month of a year, in their order; NaN for other cells."""
    found = [_PERIOD.fullmatch(str(cell).strip()) for cell in column]
    return np.array([np.nan if one is None else 100 * int(one[1]) + int(one[2]) for one in found], "float64")


def _named(column: pandas.Series[Any]) -> list[NDArray[np.float64]]:
    """Return a number for each date or month with a name, in their order, for each way to read two digits; else NaN.

    Two digits after a month are its year, or a day of one year. If the months are few, as in DEC-10 and SEP-77, these
    cells are part numbers.
    """
    found = [_WITH_MONTH.fullmatch(str(cell).strip()) for cell in column]
    if not are_several_months(one["month"] for one in found if one is not None and _is_month_and_two(one)):
        found = [None if one is None or _is_month_and_two(one) else one for one in found]
    ways = (lambda one: _number(one["day"] or "0", one["month"], one["year"] or one["two"]), _day_of_one_year)
    return [np.array([np.nan if one is None else way(one) for one in found], "float64") for way in ways]


def _is_month_and_two(found: re.Match[str]) -> bool:
    return found["day"] is None and found["year"] is None


def _number(day: str, month: str, year: str) -> int:
    """Return the digits of a date, in the order of time.

    >>> _number("31", "Jan", "24"), _number("0", "December", "99")
    (20240131, 19991200)
    """
    century = 0 if len(year) == 4 else 2000 if int(year) <= LAST_OF_2000S else 1900
    return 10000 * (century + int(year)) + 100 * (1 + MONTHS.index(month[:3].lower())) + int(day)


def _day_of_one_year(found: re.Match[str]) -> float:
    """Return the digits of a day such as Jan 24; NaN if the cell has another day or a year."""
    is_day = found["day"] is None and found["year"] is None and 1 <= int(found["two"]) <= DAYS
    return _number(found["two"], found["month"], "00") if is_day else np.nan


def _steps_back(times: NDArray[np.float64]) -> int | None:
    counts = np.unique(times, return_counts=True)[1]
    if len(counts) < FEWEST_TIMES or counts.sum() - counts.max() < FEWEST_BEFORE_LAST:
        return None
    steps = np.diff(times)
    back, on = sorted((int((steps < 0).sum()), int((steps > 0).sum())))
    is_in_order = back == 0 or (back + on >= FEWEST_STEPS and back <= MOST_BACK * (back + on))
    return back if is_in_order else None
