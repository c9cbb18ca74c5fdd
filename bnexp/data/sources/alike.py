"""Names that people read as the same but a program does not, and names that mean a missing value."""

from __future__ import annotations

import itertools
import re
import unicodedata
from collections.abc import Callable, Iterator, Mapping, Sequence

from bnexp.errors import counted

_WORDS = "? - -- . na n/a #n/a <na> nan none null #div/0! #name? #null! #num! #ref! #value!"
MISSING = frozenset(("", *_WORDS.split()))
"""Words, in lower case, that usually mean an unknown value. Excel's words for an error are among them."""
YES = frozenset(("true", "t", "yes", "y", "1"))
NO = frozenset(("false", "f", "no", "n", "0"))
MOST_SHOWN = 5
"""Most groups of names that a warning shows, so that the warning fits in a few lines of a terminal."""
LONGEST_SHOWN = 40
"""Most characters of a name or cell that a message shows: half a line of a terminal."""


def is_missing(cell: str) -> bool:
    """Return True if a cell is empty, or holds a word for an unknown value.

    >>> is_missing(" N/A "), is_missing("no")
    (True, False)
    """
    return cell.strip().lower() in MISSING


def alike(names: Mapping[str, int]) -> list[list[str]]:
    """Return groups of names that differ only in their spelling (see `SPELLINGS`).

    >>> alike({"yes": 3, "yes ": 2, "Yes.": 1, "no": 4})
    [['Yes.', 'yes', 'yes ']]
    """
    groups: dict[str, list[str]] = {}
    for name in sorted(names):
        groups.setdefault(_spelling(name), []).append(name)
    return [group for group in groups.values() if len(group) > 1]


SPELLINGS: dict[str, Callable[[str], str]] = {
    "characters that are not seen": lambda name: "".join(c for c in name if unicodedata.category(c) != "Cf"),
    "the width or form of letters": lambda name: "".join(map(_common_form, name)),
    "case": str.casefold,
    "how accents are encoded": lambda name: unicodedata.normalize("NFC", name),
    "blanks": lambda name: " ".join(name.split()),
    "a final dot": lambda name: re.sub(r"[\s.]*\.[\s.]*$", "", name) or name,
}
"""Difference between names that mean the same -> a function that removes this difference from a name."""


def _common_form(letter: str) -> str:
    """Return the common form of a letter such as a full-width letter or a ligature; blanks stay unchanged."""
    return letter if letter.isspace() else unicodedata.normalize("NFKC", letter)


def _spelling(name: str, *, without: str = "") -> str:
    """Return the common spelling of all names that are alike, without removing the difference `without`."""
    for kind, write in SPELLINGS.items():
        name = name if kind == without else write(name)
    return name


def differences(names: Sequence[str]) -> list[str]:
    """Return the kinds of SPELLINGS in which these names differ.

    >>> differences(["A", "\uff41 "]), differences(["\xe9", "e\u0301"])
    (['the width or form of letters', 'case', 'blanks'], ['how accents are encoded'])
    """
    for kind, write in SPELLINGS.items():
        if len(set(map(write, names))) == 1:
            return [kind]
    return [kind for kind in SPELLINGS if len({_spelling(name, without=kind) for name in names}) > 1] or [*SPELLINGS]


def _either(kinds: Sequence[str]) -> str:
    """Return the kinds as a phrase, with "or" before the last.

    >>> _either(["case", "blanks", "a final dot"])
    'case, blanks or a final dot'
    """
    return " or ".join(filter(None, (", ".join(kinds[:-1]), kinds[-1])))


def warnings_of(what: str, names: Mapping[str, int]) -> Iterator[str]:
    """Yield a warning if some names differ only in their spelling. `names` maps a name to its number of rows."""
    groups, spellings = alike(names), set(map(_spelling, names))
    if groups:
        shown = "; ".join(" and ".join(_shown(name, names[name]) for name in group) for group in groups[:MOST_SHOWN])
        found = {kind for group in groups for kind in differences(group)}
        kinds = [kind for kind in SPELLINGS if kind in found]
        more = f"; and {len(groups) - MOST_SHOWN} more" if len(groups) > MOST_SHOWN else ""
        yield (
            f"{what} holds values that differ only in {_either(kinds)}: {shown}{more}. "
            "They count as different values. Spell them alike in the file."
        )
    elif spellings <= YES | NO and (len(spellings & YES) > 1 or len(spellings & NO) > 1):
        shown = ", ".join(_shown(name, count) for name, count in names.items())
        yield f"{what} spells yes and no in several ways: {shown}. They count as different values. Use one spelling."


def warnings_of_missing(what: str, names: Mapping[str, int]) -> Iterator[str]:
    """Yield a warning if the name of a class is a word that usually means a missing value."""
    found = [name for name in names if is_missing(name)]
    if found:
        yield (
            f"{what} has a class whose name usually means a missing value: "
            f"{', '.join(_shown(name, names[name]) for name in found)}. It is learned like any other class. "
            "Remove these rows from the file if their class is not known."
        )


def shown(cell: object) -> str:
    """Return a cell for a message: in quotes, and at most LONGEST_SHOWN characters of it.

    >>> shown(2.5), len(shown("x" * 1000))
    ("'2.5'", 42)
    """
    return repr(str(cell)[:LONGEST_SHOWN])


def all_wrong(rows_of: Mapping[str, Sequence[int]], where: Callable[[int], str]) -> str:
    """Return a sentence on all cells like a wrong one; "" if there is only one. `rows_of` maps a cell to its rows.

    >>> all_wrong({"a": [4, 7], "b": [5]}, lambda row: f"t.csv:{row}")
    " 3 rows are wrong: 'a' (2 rows), 'b' (t.csv:5)."
    >>> all_wrong({"a": [4, 7]}, str)
    ' 2 rows hold it.'
    """
    rows = sum(map(len, rows_of.values()))
    if len(rows_of) < 2:
        return f" {rows:,} rows hold it." if rows > 1 else ""
    each = (
        f"{shown(cell)} ({where(rows[0]) if len(rows) == 1 else counted(len(rows), 'row')})"
        for cell, rows in itertools.islice(rows_of.items(), MOST_SHOWN)
    )
    more = f" and {len(rows_of) - MOST_SHOWN:,} more" if len(rows_of) > MOST_SHOWN else ""
    return f" {rows:,} rows are wrong: {', '.join(each)}{more}."


def _shown(name: str, rows: int) -> str:
    return f"{shown(name)} ({counted(rows, 'row')})"
