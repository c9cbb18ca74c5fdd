"""Colours and warnings of lines for the terminal."""

from __future__ import annotations

from collections.abc import Iterable

from rich.text import Text

from bnexp.system.terminal import plain

WARNING, FAILURE, STRONG = "yellow", "red", "bold"


def of_arms(warned: Iterable[tuple[str, str]]) -> list[str]:
    """Return the warnings, each text once, after the names of the arms that have it.

    >>> of_arms([("bn", "beware"), ("nobn", "beware"), ("nobn", "be quick")])
    ['bn, nobn: beware', 'nobn: be quick']
    """
    names: dict[str, list[str]] = {}
    for name, text in warned:
        names.setdefault(text, []).append(name)
    return [f"{', '.join(several)}: {text}" for text, several in names.items()]


def warning(text: str) -> Text:
    """Return a coloured line "WARNING  text"."""
    return Text(f"WARNING  {plain(text)}", style=WARNING)
