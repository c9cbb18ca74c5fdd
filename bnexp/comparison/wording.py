"""How a verdict is worded: what `answer` asks of a comparison, or of a study."""

from __future__ import annotations

from typing import Protocol

from bnexp.statistics import Interval, Shown


class Wording(Protocol):
    """How a comparison, or a study, words its verdict."""

    @property
    def open(self) -> str:
        """Return the verdict's word for an open question."""

    def word(self, found: Shown) -> str:
        """Return the verdict's word for what an estimate shows."""

    def says(self, interval: Interval, word: str) -> str:
        """Return the difference with its interval, and how it compares with zero and with the margin."""

    def bounds(self, interval: Interval) -> str:
        """Return the bounds of an interval as text."""

    def margin_of_all(self) -> str:
        """Return the problem and the cure if the margin is at least the baseline's whole loss or error."""

    def own_cure(self) -> str | None:
        """Return what may settle an open question besides more seeds or rows; None if nothing else does."""

    def how_to_add(self, seeds: int) -> str:
        """Return the option or the key that sets this number of seeds."""

    def how_to_hold_out(self, factor: float) -> str:
        """Return how to multiply the held-out rows by this factor; "" if that is not known."""

    def why_these_rows_only(self) -> str | None:
        """Return why the verdict is not about new rows; None if the user did not ask about new rows."""
