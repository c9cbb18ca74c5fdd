"""Tables whose fields are separated by blanks: by one, by several, or by a tab among them."""

from __future__ import annotations

import re
from collections.abc import Sequence

SEPARATORS = ",;\t|"
"""Characters that separate fields."""
GAP = re.compile(" {2,}")
FIELD = re.compile(r'"[^"]*"|\S+')


def blanks_between(lines: Sequence[str]) -> str | None:
    """Return a blank if single blanks separate the fields of each line; None if other characters do.

    Return "" if several blanks do, or if the column of row names has no name, as in tables that R writes.

    >>> blanks_between(["a b", "1 2"]), blanks_between(["a  b", " 1 2"]), blanks_between(["a b", "1"])
    (' ', '', None)
    >>> blanks_between(['18   8\\t"a b"', '15   6\\t"c"']), blanks_between(["a b\\tc", "d e\\tf"])
    ('', None)
    >>> blanks_between(['"a" "b"', '"x" 1 2', '"y" 3 4']), blanks_between(["My table", "a b c", "1 2 3"])
    ('', None)
    """
    filled = [line for line in lines if line.strip()]
    names, *counts = [len(FIELD.findall(line)) for line in filled] or [0]
    tabs = {line.count("\t") for line in filled}
    has_gaps = all(GAP.search(line) for line in filled)  # a tab is one of the blanks if they are many
    if len({*counts}) != 1 or counts[0] < 2 or (len(tabs) == 1 and 0 not in tabs and not has_gaps):
        return None
    # R's column of row names has no name; the line below a title would hold names, not numbers
    is_of_r = 1 < names == counts[0] - 1 and tabs == {0} and any(map(str.isdecimal, filled[1]))
    if names != counts[0] and not is_of_r:
        return None
    # a tab may be one of several blanks
    if any(sign in filled[0] for sign in SEPARATORS.replace("\t", "")):
        return None
    if is_of_r:
        return ""
    return " " if {len(line.split(" ")) for line in filled} == {names} else ""


def stand_between_gaps(lines: Sequence[str]) -> bool:
    """Return True if gaps of two or more blanks cut each line into the same number of fields, two or more."""
    fields = [GAP.split(line.strip()) for line in lines if line.strip()]
    counts = {*map(len, fields)}
    return len(fields) > 1 and len(counts) == 1 and min(counts) > 1 and not {*SEPARATORS} & {*"".join(fields[0])}
