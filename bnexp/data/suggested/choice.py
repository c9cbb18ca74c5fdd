"""`Choice`: a key of a config, the value that fits the data, and why."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple


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
    def learned(self) -> str | None:
        """Return a line with the target and the reason for it; None if the data themselves define the target."""
        return next((f"to be learned: {one.value} ({one.why})" for one in self.choices if one.key == "target"), None)

    @property
    def section(self) -> dict[str, Any]:
        """Return the section as a mapping of keys to values."""
        return {one.key: one.value for one in self.choices}
