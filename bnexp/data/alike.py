"""Names that people take for one and a program for several, and names that stand for a missing value."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterator, Mapping

_WORDS = "? - -- . na n/a #n/a <na> nan none null #div/0! #name? #null! #num! #ref! #value!"
MISSING = frozenset(("", *_WORDS.split()))
"""Words, in lower case, that mostly stand for a value that is not known, those of Excel for an error among them."""
YES = frozenset(("true", "t", "yes", "y", "1"))
NO = frozenset(("false", "f", "no", "n", "0"))
MOST_SHOWN = 5
"""Groups of names that a warning shows, so that it fits in a few lines of a terminal."""
LONGEST_SHOWN = 40
"""Characters of a name or cell that a message shows: half a line of a terminal."""


def is_missing(cell: str) -> bool:
    """Return True if a cell holds nothing, or a word for a value that is not known.

    >>> is_missing(" N/A "), is_missing("no")
    (True, False)
    """
    return cell.strip().lower() in MISSING


def alike(names: Mapping[str, int]) -> list[list[str]]:
    """List the names that differ only by blanks, case, a final dot or how a letter is encoded, as groups.

    >>> alike({"yes": 3, "yes ": 2, "Yes.": 1, "no": 4})
    [['Yes.', 'yes', 'yes ']]
    """
    groups: dict[str, list[str]] = {}
    for name in sorted(names):
        groups.setdefault(_spelling(name), []).append(name)
    return [group for group in groups.values() if len(group) > 1]


def _spelling(name: str) -> str:
    """Return a name as it sounds: one for all that look the same; a name of dots alone stays."""
    seen = (c for c in unicodedata.normalize("NFKC", name).casefold() if unicodedata.category(c) != "Cf")
    words = " ".join("".join(seen).split())
    return words.rstrip(". ") or words


def warnings_of(what: str, names: Mapping[str, int]) -> Iterator[str]:
    """Yield a warning if some of these names, each with its rows, differ only in how they are written."""
    groups, spellings = alike(names), set(map(_spelling, names))
    if groups:
        shown = "; ".join(" and ".join(_shown(name, names[name]) for name in group) for group in groups[:MOST_SHOWN])
        more = f"; and {len(groups) - MOST_SHOWN} more" if len(groups) > MOST_SHOWN else ""
        yield (
            f"{what} holds values that differ only by blanks, case or a final dot: {shown}{more}. "
            "They are taken for different ones. Spell them alike in the file."
        )
    elif spellings <= YES | NO and (len(spellings & YES) > 1 or len(spellings & NO) > 1):
        shown = ", ".join(_shown(name, count) for name, count in names.items())
        yield f"{what} spells yes and no in several ways: {shown}. They are taken for different ones. Use one spelling."


def warnings_of_missing(what: str, names: Mapping[str, int]) -> Iterator[str]:
    """Yield a warning if a class is called by a word that stands for a missing value."""
    found = [name for name in names if is_missing(name)]
    if found:
        yield (
            f"{what} has a class that is called like a missing value: "
            f"{', '.join(_shown(name, names[name]) for name in found)}. It is learned like any other. "
            "Take these rows out of the file if their class is not known."
        )


def shown(cell: object) -> str:
    """Return a cell as a message shows it: in quotes, cut short.

    >>> shown(2.5), len(shown("x" * 1000))
    ("'2.5'", 42)
    """
    return repr(str(cell)[:LONGEST_SHOWN])


def _shown(name: str, rows: int) -> str:
    return f"{shown(name)} ({rows:,} row{'s' if rows > 1 else ''})"
