"""Single lines for the terminal: text without characters that it would obey, counts, warnings."""

from __future__ import annotations

import unicodedata

from rich.text import Text

WARNING, FAILURE, STRONG = "yellow", "red", "bold"


def plain(name: object) -> str:
    """Give a name without characters that a terminal would obey.

    >>> plain("a" + chr(27) + "[31m")
    'a?[31m'
    """
    return "".join("?" if unicodedata.category(c) in ("Cc", "Cf", "Cs", "Co") else c for c in str(name))


def counted(number: int, noun: str) -> str:
    """Write a count with its noun.

    >>> counted(1, "seed"), counted(20, "seed")
    ('1 seed', '20 seeds')
    """
    ending = "es" if noun.endswith("s") else "s"
    return f"{number} {noun}{ending if number != 1 else ''}"


def warning(text: str) -> Text:
    """Give a line of what may mislead."""
    return Text(f"WARNING  {plain(text)}", style=WARNING)
