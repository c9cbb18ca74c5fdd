"""What lines for the terminal have in common: colours, counts, warnings."""

from __future__ import annotations

from rich.text import Text

from bnexp.system.terminal import plain

WARNING, FAILURE, STRONG = "yellow", "red", "bold"


def counted(number: int, noun: str) -> str:
    """Write a count with its noun.

    >>> counted(1, "seed"), counted(20, "seed")
    ('1 seed', '20 seeds')
    """
    ending = "es" if noun.endswith("s") else "s"
    return f"{number} {noun}{ending if number != 1 else ''}"


def warning(text: str) -> Text:
    """Return a line of what may mislead."""
    return Text(f"WARNING  {plain(text)}", style=WARNING)
