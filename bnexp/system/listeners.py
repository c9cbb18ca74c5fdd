"""Functions that long work calls with one line of text: what it is doing, and what may mislead."""

from __future__ import annotations

from collections.abc import Callable

Note = Callable[[str], None]
"""Called with a line for each step that takes time."""
Warn = Callable[[str], None]
"""Called with a sentence on whatever may mislead, or was not as expected, while the work goes on."""
