"""Types of functions that long work calls with one line of text: on its progress, or with a warning."""

from __future__ import annotations

from collections.abc import Callable

Note = Callable[[str], None]
"""A function that is called with one line for each step that takes time."""
Warn = Callable[[str], None]
"""A function that is called with a sentence about anything misleading or unexpected. The work continues."""
