"""What lines for the terminal have in common: colours and warnings."""

from __future__ import annotations

from collections.abc import Iterable

from rich.text import Text

from bnexp.system.terminal import plain

WARNING, FAILURE, STRONG = "yellow", "red", "bold"


def of_arms(warned: Iterable[tuple[str, str]]) -> list[str]:
    """Return the warnings of arms, each text once, with the names of the arms that have it.

    >>> of_arms([("bn", "beware"), ("nobn", "beware"), ("nobn", "be quick")])
    ['bn, nobn: beware', 'nobn: be quick']
    """
    names: dict[str, list[str]] = {}
    for name, text in warned:
        names.setdefault(text, []).append(name)
    return [f"{', '.join(several)}: {text}" for text, several in names.items()]


def warning(text: str) -> Text:
    """Return a line of what may mislead."""
    return Text(f"WARNING  {plain(text)}", style=WARNING)
