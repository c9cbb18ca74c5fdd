"""Dates of a table as numbers: the year, month, day and weekday of each, and the hour if there is a time of day.

Dates that begin with the year can be read in only one way. For other dates, the whole column shows whether the day or
the month comes first.
"""

from __future__ import annotations

import datetime
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from bnexp.data.rows import Where
from bnexp.data.sources.alike import all_wrong, is_missing, shown
from bnexp.errors import SettingError

if TYPE_CHECKING:
    import pandas

_MINUTES = r":[0-5]\d(?::[0-5]\d(?:[.,]\d+)?)?"
_TIME = rf"(?:(?:T|\s+)(?P<hour>\d{{1,2}}){_MINUTES}\s*(?P<half>[AaPp][Mm])?\s*(?:Z|UTC|[+-]\d\d:?\d\d)?)?"
_YEAR_FIRST = re.compile(
    rf"(?:(?P<year>\d{{4}})(?P<mark>[-/.])(?P<second>\d{{1,2}})(?P=mark)(?P<third>\d{{1,2}})"
    rf"|(?P<y>\d{{4}})(?P<m>\d\d)(?P<d>\d\d)){_TIME}",
    re.ASCII,
)
_YEAR_LAST = re.compile(
    rf"(?P<first>\d{{1,2}})(?P<mark>[-/.])(?P<second>\d{{1,2}})(?P=mark)(?P<year>\d{{4}}){_TIME}", re.ASCII
)
ORDERS = ("day, month, year", "month, day, year")
"""Possible orders of a date that ends with its year."""
FEWEST_DATES = 10
"""Whole numbers such as 20240131 are dates if there are this number of different ones, and all are dates."""
FIRST, LAST = 19000101, 21001231
"""The range of whole numbers that are read as dates."""
PARTS = ("year", "month", "day", "weekday", "hour")
"""The numbers of a date. Each becomes a column. Weekday 0 is Monday."""
EXPECTED = "expected a date such as 2024-01-31, 31.01.2024 or 01/31/2024, with or without a time of day"


@dataclass(frozen=True)
class _Moment:
    """The date in a cell, and its hour; the hour is None if the cell has no time of day."""

    day: datetime.date
    hour: int | None

    @property
    def numbers(self) -> list[float]:
        hour = np.nan if self.hour is None else self.hour
        return [self.day.year, self.day.month, self.day.day, self.day.weekday(), hour]


def may_be_dates(column: pandas.Series[Any]) -> bool:
    """Return True if most of the first filled cells of a column hold a date, and not only a time of day."""
    if column.dtype.kind == "M":
        return True
    known = [cell for cell in map(_text, column.dropna().head(100)) if not is_missing(cell)]
    return any(2 * sum(_read(cell, order) is not None for cell in known) > len(known) for order in ORDERS)


def are_numbered_dates(column: pandas.Series[Any]) -> bool:
    """Return True if all numbers of a column are dates such as 20240131.

    >>> import pandas
    >>> are_numbered_dates(pandas.Series(range(20240101, 20240121))), are_numbered_dates(pandas.Series(range(30)))
    (True, False)
    """
    import pandas

    known = column.dropna().unique()
    if len(known) < FEWEST_DATES or not ((known >= FIRST) & (known <= LAST)).all() or (known % 1).any():
        return False
    written = pandas.Series(known.astype("int64")).astype(str)
    return bool(pandas.to_datetime(written, format="%Y%m%d", errors="coerce").notna().all())


def no_dates(column: pandas.Series[Any]) -> pandas.Series[Any]:
    """Return the filled cells of a column that are no dates in the order of most of its dates."""
    values = column.dropna().unique()
    faults = [[value for value in values if _read(_text(value), order) is None] for order in ORDERS]
    fewest = min(faults, key=len)
    return column[column.isin(fewest)]


def ordinals(column: pandas.Series[Any], order: str) -> NDArray[np.float64]:
    """Return a number for each date of a column, in hours, in the order of time; NaN for a cell that is no date."""
    codes_N, values = column.factorize()
    moments = [_read(_text(value), order) for value in values]
    hours = [np.nan if one is None else 24 * one.day.toordinal() + (one.hour or 0) for one in moments]
    return np.array([*hours, np.nan], "float64").take(codes_N)


def emptied(column: pandas.Series[Any]) -> pandas.Series[Any]:
    """Return a column with missing cells in place of its words for a missing value."""
    if column.dtype.kind != "O":
        return column
    return column.mask(column.isin([cell for cell in column.unique() if isinstance(cell, str) and is_missing(cell)]))


def numbers_of_dates(column: pandas.Series[Any], where: Where) -> dict[str, NDArray[np.float32]]:
    """Return the varying numbers of a column's dates, (N, 1) each, by name; NaN where a cell is empty.

    Raises:
        SettingError: if a cell holds no date, the order of day and month is not clear, only some cells have a time of
            day, or all dates are the same.
    """
    codes_N, values = column.factorize()
    texts = [_text(value) for value in values]
    rows_of: dict[str, list[int]] = {}
    for row, code in enumerate(codes_N.tolist()):
        if code >= 0:
            rows_of.setdefault(texts[code], []).append(row)
    moments = _moments(column.name, rows_of, where)
    table = np.array([*(moments[text].numbers for text in texts), [np.nan] * len(PARTS)], "float32")[codes_N]
    varying = [place for place in range(len(PARTS)) if len(np.unique(table[~np.isnan(table[:, place]), place])) > 1]
    if not varying:
        seen = f"which holds one date in all rows, {shown(texts[0])}" if texts else "which has no value in any row"
        raise SettingError("dataset.dates", f"names {column.name!r}, {seen}. Leave it out (dataset.drop).")
    return {f"{column.name}.{PARTS[place]}": table[:, place : place + 1] for place in varying}


def _text(value: Any) -> str:
    """Return a cell as text: the digits of a number, such as 20240131, or the ISO form of a timestamp."""
    if isinstance(value, int | float | np.number):
        return f"{value:.0f}"
    return str(value).strip()


def _moments(name: object, rows_of: Mapping[str, Sequence[int]], where: Where) -> dict[str, _Moment]:
    """Return the date of each different text of a column. `rows_of` maps a text to its rows."""
    by_order = {order: {text: _read(text, order) for text in rows_of} for order in ORDERS}
    faults = {order: [text for text, moment in read.items() if moment is None] for order, read in by_order.items()}
    likely = min(ORDERS, key=lambda order: len(faults[order]))
    if faults[likely]:
        _refuse_no_date(name, faults, likely, rows_of, where)
    if not any(faults.values()):
        _refuse_unclear(name, by_order, rows_of, where)
    moments = {text: moment for text, moment in by_order[likely].items() if moment is not None}
    without = [text for text, moment in moments.items() if moment.hour is None]
    if 0 < len(without) < len(moments):
        raise SettingError(
            "dataset.dates",
            f"names {name!r}; {where(rows_of[without[0]][0])} holds {shown(without[0])} without a time of day, and "
            "other rows have one. Write it in all rows, or in none.",
        )
    return moments


def _refuse_no_date(
    name: object, faults: Mapping[str, Sequence[str]], likely: str, rows_of: Mapping[str, Sequence[int]], where: Where
) -> None:
    """Raise SettingError, with the line, for the first cell that is no date in the order of most cells."""
    text = faults[likely][0]
    in_order = (
        f" in the order {likely}, as other rows are" if any(text not in other for other in faults.values()) else ""
    )
    raise SettingError(
        "dataset.dates",
        f"names {name!r}; {where(rows_of[text][0])} holds {shown(text)}, which is no date{in_order}; {EXPECTED}."
        f"{all_wrong({text: rows_of[text] for text in faults[likely]}, where)} Fix the file, with an empty "
        "cell for an unknown date.",
    )


def _refuse_unclear(
    name: object,
    by_order: Mapping[str, Mapping[str, _Moment | None]],
    rows_of: Mapping[str, Sequence[int]],
    where: Where,
) -> None:
    """Raise SettingError, with the line, if all cells can be read in both orders but some dates then differ."""
    day_first, month_first = (by_order[order] for order in ORDERS)
    text = next((text for text in rows_of if day_first[text] != month_first[text]), None)
    if text is not None:
        days = " or ".join(f"{moment.day:%Y-%m-%d}" for moment in _known(day_first[text], month_first[text]))
        raise SettingError(
            "dataset.dates",
            f"names {name!r}; {where(rows_of[text][0])} holds {shown(text)}, which is {days}: no row of the column "
            "shows which. Write its dates with the year first, as in 2024-01-31.",
        )


def _known(*moments: _Moment | None) -> Iterator[_Moment]:
    return (moment for moment in moments if moment is not None)


def _read(text: str, order: str) -> _Moment | None:
    """Read one cell; None if it is no date in this order.

    >>> _read("2024-01-31 1:30 PM", ORDERS[0]), _read("31/01/2024", ORDERS[1])
    (_Moment(day=datetime.date(2024, 1, 31), hour=13), None)
    """
    if (match := _YEAR_FIRST.fullmatch(text)) is not None:
        parts = [match[full] or match[short] for full, short in (("year", "y"), ("second", "m"), ("third", "d"))]
    elif (match := _YEAR_LAST.fullmatch(text)) is not None:
        day, month = ("first", "second") if order == ORDERS[0] else ("second", "first")
        parts = [match["year"], match[month], match[day]]
    else:
        return None
    try:
        date = datetime.date(*map(int, parts))
        hour = None if match["hour"] is None else _hour(int(match["hour"]), match["half"])
    except ValueError:
        return None
    return _Moment(date, hour)


def _hour(hour: int, half: str | None) -> int:
    """Return the hour of a day, 0 to 23.

    Raises:
        ValueError: if there is no such hour.
    """
    if half is not None:
        hour = datetime.datetime.strptime(f"{hour} {half.upper()}", "%I %p").hour
    return datetime.time(hour).hour
