"""What lines for the terminal have in common: colours and warnings."""

from __future__ import annotations

from rich.text import Text

from bnexp.system.terminal import plain

WARNING, FAILURE, STRONG = "yellow", "red", "bold"


def warning(text: str) -> Text:
    """Return a line of what may mislead."""
    return Text(f"WARNING  {plain(text)}", style=WARNING)
