"""`Choice`: a key of a config, the value that fits the data, and why."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from bnexp.errors import listed

MOST_NAMED = 10
"""Most columns that a line names."""


class Choice(NamedTuple):
    """A key of the section `dataset`, its value, and the reason.

    If the value is a list, `why` may be a list with a reason for each entry.
    """

    key: str
    value: Any
    why: str | Sequence[str]


@dataclass(frozen=True)
class Suggested:
    """The suggested section `dataset` of a config."""

    choices: Sequence[Choice]
    notes: Sequence[str] = ()
    """Remarks on the data about which the user has to decide."""
    rows: int | None = None
    """Number of rows; None if it is not known before the data are read for training."""

    @property
    def section(self) -> dict[str, Any]:
        """Return the section as a mapping of keys to values."""
        return {one.key: one.value for one in self.choices}

    @property
    def learned(self) -> list[str]:
        """Return a line for the target that was chosen, with the reason, and one for the columns that are left out."""
        targets = [f"to be learned: {one.value} ({one.why})" for one in self.choices if one.key == "target"]
        drops = [listed(one.value, MOST_NAMED) for one in self.choices if one.key == "drop"]
        return [*targets, *(f"left out: {names}. The first config gives the reason for each." for names in drops)]
