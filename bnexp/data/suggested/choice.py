"""`Choice`: a key of a config, the value that fits the data, and why."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple


class Choice(NamedTuple):
    """A key of the section `dataset`, its value, and the reason; of a list, `why` has a reason for each entry."""

    key: str
    value: Any
    why: str | Sequence[str]


@dataclass(frozen=True)
class Suggested:
    """What the section `dataset` should say."""

    choices: Sequence[Choice]
    notes: Sequence[str] = ()
    """What was seen and is left to the person to decide."""
    rows: int | None = None
    """How many there are, if that is known before they are read to be trained on."""

    @property
    def section(self) -> dict[str, Any]:
        """Return the section as a config holds it."""
        return {one.key: one.value for one in self.choices}
