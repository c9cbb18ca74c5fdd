"""Errors about the names of a table's columns: repeated, unknown, misspelt, or already used as the target."""

from __future__ import annotations

import difflib
import re
import unicodedata
from collections import Counter
from collections.abc import Collection, Sequence
from typing import TYPE_CHECKING

import numpy as np

from bnexp.data.rows import Where
from bnexp.errors import SettingError, nearest

if TYPE_CHECKING:
    import pandas

CLOSE = 0.8
"""The least similarity of a name with a slip of the pen to the right one, as `difflib` measures it."""
FEWEST_LETTERS = 4
"""The fewest letters of a word with a slip of the pen. Other letters in a shorter word are another unit or axis."""
_WORD = re.compile(r"[^\W\d_]+")
_EXACT = re.compile(r"\d|[+<>]|(?<!\d)-(?=\d)|-$")
"""Finds the digits and signs of a name, which tell columns apart. The dash of 2024-01 or start-time is no sign."""
FEW_ROWS = 20
"""First rows that are searched for the column names. Title lines above a table (Excel) are fewer."""


def refuse_repeated_names(frame: pandas.DataFrame) -> None:
    """Raise SettingError if two columns have the same name."""
    twice = frame.columns[frame.columns.duplicated()]
    if len(twice):
        raise SettingError("dataset.path", f"holds a table in which two columns are called {twice[0]!r}. Rename one.")


def refuse_names_below(frame: pandas.DataFrame, target: str, where: Where) -> None:
    """Raise SettingError if the target is no column name but occurs in the first rows.

    Title lines probably precede the header.
    """
    first = np.flatnonzero((frame.head(FEW_ROWS).astype(str).to_numpy() == target).any(axis=1))
    if target not in frame.columns and len(first):
        raise SettingError(
            "dataset.target",
            f"is {target!r}; no column has this name, but {where(int(first[0]))} holds it. "
            "The first line must hold the names of the columns. Remove the lines above them.",
        )


def refuse_unknown_column(columns: Collection[str], key: str, name: str) -> None:
    """Raise SettingError, with the columns and the nearest name, if the table has no such column."""
    if name not in columns:
        raise SettingError(f"dataset.{key}", f"is {name!r}; no column has this name. {nearest(name, columns)}")


def misspelt(lacks: Sequence[str], besides: Sequence[str]) -> dict[str, str]:
    """Return the columns of a table that are probably the expected ones that it lacks: own name -> expected name.

    They differ in blanks, marks or capital letters, or by a slip of the pen if only one column can be meant. Names such
    as t-1 and t+1, x_1 and x_2, or sensor_a and sensor_b are different columns.

    >>> misspelt(["y", "Size (m)", "age"], ["size_m", "Y ", "note"]), misspelt(["length"], ["lenght"])
    ({'size_m': 'Size (m)', 'Y ': 'y'}, {'lenght': 'length'})
    >>> misspelt(["beta"], ["delta"]), misspelt(["a-b", "a b"], ["a_b"])
    ({}, {})
    >>> misspelt(["length", "Width", "y"], ["lenght", "widht", "Y"]), misspelt(["weight"], ["weigth", "wieght"])
    ({'lenght': 'length', 'widht': 'Width', 'Y': 'y'}, {})
    >>> misspelt(["t-1"], ["t+1"]), misspelt(["feature_1"], ["feature_2"]), misspelt(["sensor_a"], ["sensor_b"])
    ({}, {}, {})
    """
    wanted, own = (Counter(map(_letters, names)) for names in (lacks, besides))
    once = {letters for letters, count in wanted.items() if letters and count == own[letters] == 1}
    found = {_letters(name): name for name in lacks if _letters(name) in once}
    alike = {name: found[_letters(name)] for name in besides if _letters(name) in once}
    slips = _slips([name for name in lacks if name not in found.values()], [one for one in besides if one not in alike])
    return {name: (alike | slips)[name] for name in besides if name in alike or name in slips}


def _slips(lacks: Sequence[str], besides: Sequence[str]) -> dict[str, str]:
    """Return the names with a slip of the pen -> the expected name, if each can be meant by only one of the other."""
    pairs = [(own, name) for own in besides for name in lacks if _is_slip(own, name)]
    owns, names = (Counter(pair[place] for pair in pairs) for place in (0, 1))
    return {own: name for own, name in pairs if owns[own] == names[name] == 1}


def _letters(name: str) -> str:
    """Return the letters, digits and signs of a name, in lower case."""
    return "".join(re.findall(f"{_WORD.pattern}|{_EXACT.pattern}", _plain(name)))


def _is_slip(name: str, expected: str) -> bool:
    """Return True if a name differs from the expected one as by a slip of the pen within its words.

    >>> _is_slip("lenght_1", "length_1"), _is_slip("lable", "label"), _is_slip("Rooom (m)", "Room (m)")
    (True, True, True)
    >>> _is_slip("width_mm", "width_cm"), _is_slip("positionX", "positionY"), _is_slip("female", "male")
    (False, False, False)
    """
    one, other = _plain(name), _plain(expected)
    pairs = [*zip(words := _WORD.findall(one), others := _WORD.findall(other), strict=False)]
    return (
        len(words) == len(others)
        and _EXACT.findall(one) == _EXACT.findall(other)
        and all(own == word or _is_slip_in_word(own, word) for own, word in pairs)
        and difflib.SequenceMatcher(None, one, other).ratio() >= CLOSE
    )


def _is_slip_in_word(own: str, word: str) -> bool:
    is_only_last = len(own) == len(word) and own[:-1] == word[:-1]
    return min(len(own), len(word)) >= FEWEST_LETTERS and own[0] == word[0] and not is_only_last


def _plain(name: str) -> str:
    return unicodedata.normalize("NFKC", name).casefold().replace("\u2212", "-")


def refuse_target(key: str, name: str, target: str) -> None:
    """Raise SettingError if the column that a key names is the target, too."""
    if name == target:
        raise SettingError(f"dataset.{key}", f"is {name!r}, which is dataset.target too. Name another column.")
