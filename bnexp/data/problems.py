"""`Problems`: all that is wrong with one input, collected and told at once."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from bnexp.errors import SettingError

MOST_TOLD = 20
"""Problems beyond it are only counted."""


class Problems:
    """What was found wrong so far: keys of the config, each with its text.

    >>> problems = Problems()
    >>> with problems.collected():
    ...     raise SettingError("dataset.path", "is 'a.csv'; it is empty.")
    >>> problems.found
    [('dataset.path', "is 'a.csv'; it is empty.")]
    """

    def __init__(self) -> None:
        self.found: list[tuple[str, str]] = []

    def add(self, key: str, text: str) -> None:
        """Collect one problem, unless it is known."""
        if (key, text) not in self.found:
            self.found.append((key, text))

    @contextmanager
    def collected(self) -> Iterator[None]:
        """Collect what a SettingError in this block tells, and go on behind the block."""
        try:
            yield
        except SettingError as error:
            for problem in error.problems:
                self.add(*problem)

    def refuse(self) -> None:
        """Raise SettingError with all problems, if there is one."""
        if not self.found:
            return
        told, rest = self.found[:MOST_TOLD], len(self.found) - MOST_TOLD
        if rest > 0:
            told.append(("dataset", f"has {rest} more problems like these."))
        raise SettingError(*told[0], *told[1:])
