"""What a caller may give as names, overrides and directories: one text, one path, or several."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

RUNS = Path("runs")
Name = str | Path
Names = Name | Sequence[Name]
"""One name, or several."""
Overrides = str | Sequence[str]
"""One override, or several."""


def as_list(given: Names) -> list[str]:
    """Return the names or overrides as a list of texts; a single text is one name, never its letters.

    >>> as_list("bn"), as_list(["bn", Path("configs/nobn.yaml")])
    (['bn'], ['bn', 'configs/nobn.yaml'])
    """
    return [str(one) for one in ([given] if isinstance(given, Name) else given)]
