"""Numbers and dates as people write them in columns of text: 1,000,000 or 1.234,56 or 15% or $5, and 2024-01-31.

pandas reads none of them as numbers, and reading them as categories would mislead.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, get_args

from bnexp.config.csv_keys import Thousands

if TYPE_CHECKING:
    import pandas

_CURRENCY = r"[$€£¥₹₩₽]|USD|EUR|GBP|CHF|JPY|CNY|RMB|INR|Rs\.?|kr\.?"
_BLANKS = " \u00a0\u2009\u202f"
SPACES = " \t"
"""Blanks around a number that pandas ignores."""
_UNSEEN = "\u200b\u200e\u200f\u2060\ufeff"
_QUOTES = "'\"`\u2018\u2019\u201c\u201d"
_DASHES = "\u2212\u2013"
_APOSTROPHES = "'\u2019"
_NUMBER = re.compile(
    rf"(?P<open>\()?\s*(?P<sign>[+\-{_DASHES}])?\s*(?P<before>{_CURRENCY})?\s*[+-]?"
    rf"(?P<digits>\d[\d.,_{_APOSTROPHES}{_BLANKS}]*|[.,]\d+)(?:[eE][+-]?\d+)?"
    rf"\s*(?P<percent>[%‰])?\s*(?P<after>{_CURRENCY})?(?P<trailing>[-{_DASHES}])?(?P<close>\))?",
    re.ASCII,
)
MONTHS = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
MONTH = (
    r"(?i:jan(?:uary)?|feb(?:ruary)?|mar(?:ch)?|apr(?:il)?|may|june?|july?|aug(?:ust)?|sep(?:t|tember)?|oct(?:ober)?"
    r"|nov(?:ember)?|dec(?:ember)?)"
)
"""Matches the name of a month, in full or short."""
YEAR = r"(?:1[5-9]|2[01])\d\d"
"""Matches a year from 1500 to 2199. After the name of a month, another number is mostly part of a name."""
_DATE = re.compile(
    r"(\d{4}([-/.])\d{1,2}\2\d{1,2}|\d{1,2}([-/.])\d{1,2}\3(\d{4}|\d{2}))([T ]\s*\d{1,2}:\d{2}.*)?"
    r"|\d{1,2}:\d{2}(:\d{2}(\.\d+)?)?( ?[AaPp][Mm])?"
    rf"|\d{{1,2}}[ .-]*{MONTH}[ .,-]*({YEAR}|\d{{2}})|{MONTH}[ .-]*(\d{{1,2}},? +)?{YEAR}",
    re.ASCII,
)
_MONTH_AND_TWO = re.compile(rf"(?P<month>{MONTH})[ .,-]+\d\d", re.ASCII)
"""Matches a month with two digits behind it, its year or a day, such as Jan-24. A part number may look the same."""
FEWEST_NAMED_MONTHS = 3
"""Cells such as DEC-10 and SEP-77 are times if they name this number of different months, and else part numbers."""
_PERIOD = re.compile(rf"{YEAR}\W?(?:[Qq][1-4]|[Ww]\d{{1,2}}|[Mm]?(?:0?[1-9]|1[0-2]))", re.ASCII)
"""Matches a quarter, week or month of a year, such as 2024Q1, 2024-W05 or 2024-01."""
_PLAIN = re.compile(r"\s*[+-]?(\d+\.?\d*|\.\d+)(?P<exponent>[eE][+-]?\d+)?\s*")
_WITH_UNIT = re.compile(r"[+-]?\d+([.,]\d+)?\s*(?P<unit>[^\W\d_]\S{0,9}|\u00b0\S?)")
FEWEST_WITH_UNIT = 3
"""A column with fewer different values, such as 2WD and 4WD, holds categories and not numbers with a unit."""
ALIKE = {" ": _BLANKS, "'": _APOSTROPHES}
"""Mark for thousands -> the characters that people use for it."""
OTHER_DECIMAL = {".": ",", ",": "."}
"""Decimal mark -> the other one."""
DECIMAL, EITHER = "decimal", "either"
"""A number surely has the other decimal mark (DECIMAL), or that mark may also stand for thousands (EITHER)."""


@dataclass(frozen=True)
class Numerals:
    """The marks of the numbers in a column of text, such as marks for thousands or a percent sign.

    `marked` is a cell with a mark, and `marks` names the marks in words. If only the decimal mark is wrong, they are
    None and empty. `decimal` is a cell with the other decimal mark, and `mixed` is True if other cells of the column
    have the expected one. `either` is the mark that may stand for thousands or for decimals. `thousands` is the mark
    for thousands, if there is but one, and no other mark.
    """

    marked: str | None
    marks: tuple[str, ...]
    decimal: str | None
    either: str | None
    mixed: bool
    thousands: str | None


def numerals(column: pandas.Series[Any], decimal: str = ".") -> Numerals | None:
    """Return the marks of a column's numbers; None if no cell has a mark, or at most half of the cells are numbers.

    `decimal` is the expected decimal mark.
    """
    counts = column.dropna().astype(str).str.strip(SPACES).value_counts(sort=False)
    found = {str(cell): marks for cell in counts.index if (marks := marks_of(str(cell), decimal)) is not None}
    if not any(found.values()) or 2 * counts[list(found)].sum() <= counts.sum():
        return None
    other = OTHER_DECIMAL[decimal]
    cells = {mark: cell for cell, marks in reversed(found.items()) for mark in marks}
    either = EITHER in cells and DECIMAL not in cells and _thousands(other) not in cells
    named = [*([EITHER] if either else []), *sorted(set(cells) - {DECIMAL, EITHER})]
    return Numerals(
        marked=cells[named[0]] if named else None,
        marks=tuple(_thousands(other) if mark == EITHER else mark for mark in named),
        decimal=cells.get(DECIMAL),
        either=other if either else None,
        mixed=any(not marks and decimal in cell for cell, marks in found.items()),
        thousands=_only_mark({_thousands(other) if mark == EITHER else mark for mark in named}),
    )


def _only_mark(named: set[str]) -> str | None:
    return next((mark for mark in get_args(Thousands) if named and named <= _marks_for(mark)), None)


def _marks_for(thousands: str) -> set[str]:
    return {_thousands(sign) for sign in ALIKE.get(thousands, thousands)}


def ungrouped(cell: str, thousands: str, decimal: str) -> str | None:
    """Return a number without its marks for thousands; None if it has none, or other marks, or is no number.

    >>> ungrouped("1,234.5", ",", "."), ungrouped("12\\u00a0345", " ", "."), ungrouped("1,5", ",", ".")
    ('1234.5', '12345', None)
    """
    may_be = {EITHER} if thousands == OTHER_DECIMAL[decimal] else set()
    marks = marks_of(cell, decimal)
    if not marks or not marks <= _marks_for(thousands) | may_be:
        return None
    return cell.translate(dict.fromkeys(map(ord, ALIKE.get(thousands, thousands))))


def marks_of(cell: str, decimal: str = ".") -> frozenset[str] | None:
    """Return the marks of a number, an empty set if it is plain; None if the cell is no number.

    >>> sorted(marks_of("$1,234.50")), marks_of("-1.5e3"), marks_of("1.2.3")
    (["',' as a mark for thousands", 'a currency sign'], frozenset(), None)
    >>> sorted(marks_of("1.234,56")), marks_of("69,5"), marks_of("1,234")
    (["'.' as a mark for thousands", 'decimal'], frozenset({'decimal'}), frozenset({'either'}))
    """
    number, wrapping = _unwrapped(cell)
    match = _NUMBER.fullmatch(number)
    if match is None or bool(match["open"]) != bool(match["close"]):
        return None
    marks = _marks_of_digits(match["digits"].strip(_BLANKS), decimal)
    if marks is None:
        return None
    signs = {
        "a percent sign": match["percent"],
        "a currency sign": match["before"] or match["after"],
        "a minus that is not a leading '-'": match["open"] or match["trailing"] or (match["sign"] or "-") in _DASHES,
    }
    return marks | wrapping | {sign for sign, seen in signs.items() if seen}


def only_sign(column: pandas.Series[Any]) -> str | None:
    """Return the percent or currency sign that each number of a column has; None if some have another sign, or none.

    >>> import pandas
    >>> only_sign(pandas.Series(["$5", "$7.50", None])), only_sign(pandas.Series(["5 EUR", "7%"]))
    ('$', None)
    """
    found = [_NUMBER.fullmatch(str(cell).strip()) for cell in column.dropna().unique()]
    signs = {match["percent"] or match["before"] or match["after"] for match in found if match is not None}
    return signs.pop() if len(signs) == 1 else None


def _unwrapped(cell: str) -> tuple[str, frozenset[str]]:
    """Return a cell in ASCII digits, without characters that programs put around it, and words for what was changed.

    >>> _unwrapped("='5'"), _unwrapped("5\\u00a0")
    (('5', frozenset({"quotes or '='"})), ('5', frozenset({'a blank that is no space'})))
    """
    wrapping = frozenset[str]()
    number = cell.strip().strip(_UNSEEN)
    if number != cell.strip(SPACES):
        wrapping |= {"a blank that is no space"}
    if number[:1] in ("=", *_QUOTES):
        number, wrapping = number.removeprefix("=").strip(_QUOTES), wrapping | {"quotes or '='"}
    if any(sign.isdecimal() and not sign.isascii() for sign in number):
        number = "".join(str(unicodedata.decimal(sign, sign)) for sign in number)
        number = number.replace("\u066b", ".").replace("\u066c", ",").replace("\u066a", "%")
        wrapping |= {"digits of another script"}
    return number, wrapping


def _marks_of_digits(digits: str, decimal: str) -> frozenset[str] | None:
    other = OTHER_DECIMAL[decimal]
    marks = frozenset[str]()
    for group in sorted(set(digits) & set(f"_{_APOSTROPHES}{_BLANKS}")):
        whole = re.split("[.,]", digits)[0]
        if not _is_grouped(whole, group):
            return None
        digits, marks = digits.replace(group, ""), marks | {_thousands(group)}
    last = max(decimal, other, key=digits.rfind)
    first = OTHER_DECIMAL[last]
    whole, _, decimals = digits.rpartition(last) if last in digits else (digits, "", "")
    if first in digits or digits.count(last) > 1:  # 1,234.5 or 1,234,567
        grouped = whole if first in digits else digits
        group = first if first in digits else last
        if not _is_grouped(grouped, group) or (grouped is whole and not decimals.isdigit()):
            return None
        return marks | {_thousands(group)} | ({DECIMAL} if group == decimal and first in digits else set())
    if last != other or last not in digits:
        return marks
    may_be_thousands = len(decimals) == 3 and 1 <= len(whole) <= 3 and not whole.startswith("0")
    return marks | {EITHER if may_be_thousands else DECIMAL}


def _is_grouped(digits: str, mark: str) -> bool:
    """Return True if marks separate groups of three digits, or groups as in India (12,34,567).

    >>> _is_grouped("1,234,567", ","), _is_grouped("12,34,567", ","), _is_grouped("1,23", ",")
    (True, True, False)
    """
    m = re.escape(mark)
    return bool(re.fullmatch(rf"\d{{1,3}}({m}\d{{3}})+|\d{{1,2}}({m}\d{{2}})+{m}\d{{3}}", digits))


def _thousands(mark: str) -> str:
    return f"{mark!r} as a mark for thousands"


def plain_number(text: str) -> re.Match[str] | None:
    """Return the match of a number as programs write it, with the group `exponent`; None if the text is no such number.

    >>> [plain_number(text) is not None for text in ("1.5", " -3e8", "1,5", "", "nan")]
    [True, True, False, False, False]
    """
    return _PLAIN.fullmatch(text)


def are_dates(column: pandas.Series[Any]) -> bool:
    """Return True if more than half of the different values of a column are dates, months or times of day.

    >>> import pandas
    >>> are_dates(pandas.Series(["2024-01-31", "2024-02-01", None])), are_dates(pandas.Series(["1.5", "a"]))
    (True, False)
    >>> are_dates(pandas.Series(["31 Jan 2024", "February 1, 2024"])), are_dates(pandas.Series(["10 mg 2024"]))
    (True, False)
    >>> are_dates(pandas.Series(["Sept 2024", "oct-2024"])), are_dates(pandas.Series(["MAR1234", "Augusta 2024"]))
    (True, False)
    >>> are_dates(pandas.Series(["Jan-10", "Feb-10", "Mar-10"])), are_dates(pandas.Series(["DEC-10", "SEP-77"]))
    (True, False)
    >>> are_dates(pandas.Series(["2024Q1", "2024Q2"])), are_dates(pandas.Series(["2024-17", "2024-18"]))
    (True, False)
    """
    if column.dtype.kind in "mM":
        return True
    values = column.dropna().astype(str).str.strip().unique()[:1000]
    with_two = [found for value in values if (found := _MONTH_AND_TWO.fullmatch(value)) is not None]
    times = sum(bool(_DATE.fullmatch(value) or _PERIOD.fullmatch(value)) for value in values)
    times += len(with_two) * are_several_months(found["month"] for found in with_two)
    return 2 * times > len(values)


def are_several_months(names: Iterable[str]) -> bool:
    """Return True if names of months, in full or short, are of enough different months to be times."""
    return len({name[:3].lower() for name in names}) >= FEWEST_NAMED_MONTHS


def unit_of(column: pandas.Series[Any]) -> str | None:
    """Return the unit that follows the number in every cell of a column; None if there is none.

    >>> import pandas
    >>> unit_of(pandas.Series(["5 kg", "7.5 kg", "9 kg"])), unit_of(pandas.Series(["1st", "2nd", "3rd"]))
    ('kg', None)
    """
    values = column.dropna().astype(str).str.strip().unique()
    found = [_WITH_UNIT.fullmatch(value) for value in values]
    units = {match["unit"] if match else None for match in found}
    return units.pop() if len(units) == 1 and len(values) >= FEWEST_WITH_UNIT else None


def are_numbers_as_text(column: pandas.Series[Any]) -> bool:
    """Return True if all filled cells of a column are texts of plain numbers, without the leading zeros of codes.

    >>> import pandas
    >>> are_numbers_as_text(pandas.Series(["5", "7.5"])), are_numbers_as_text(pandas.Series(["01", "02"]))
    (True, False)
    """
    values = column.dropna().unique()
    texts = [value for value in values if isinstance(value, str)]
    return 0 < len(texts) == len(values) and all(
        re.fullmatch(r"\s*[+-]?(0|[1-9]\d*)(\.\d*)?\s*", text) for text in texts
    )
