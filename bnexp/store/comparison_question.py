"""The question of a comparison: the metric that decides, its margin, the target, and the options of the command."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import Field, model_validator

from bnexp.metrics import LARGEST, About
from bnexp.store.records import Metric, Number, Record, SeedCount

FARTHEST = 1000 * LARGEST
"""The largest mean, difference or bound of an interval. With few values, bounds can be far beyond the values."""
Positive = Annotated[float, Field(ge=0, le=FARTHEST)]

MeasuredOn = Literal["these rows", "these splits", "these rows and splits"]
"""What an interval over seeds alone is about. It is about splits if each seed has its own split."""


class Asked(Record):
    """The options of the command that were given; the others have their default."""

    margin: Positive | None = None
    target: Number = None
    baseline: str | None = None
    about: About = "new-rows"

    @property
    def options(self) -> str:
        """Return the given options as a user types them.

        >>> Asked(margin=0.02, about="these-rows").options
        '--margin 0.02 --about these-rows'
        """
        given = {"margin": self.margin, "reach": self.target, "baseline": self.baseline}
        said = [
            f"--{name} {value:g}" if isinstance(value, float) else f"--{name} {value}"
            for name, value in given.items()
            if value is not None
        ]
        return " ".join([*said, *(["--about these-rows"] if self.about == "these-rows" else [])])


class Primary(Record):
    """The metric that decides, and its smallest difference that matters."""

    metric: Metric
    margin: Positive


class Target(Record):
    """The value that arms are to reach, if there is one."""

    metric: Metric | None = None
    value: Number = None
    rule: str = ""
    """Where the value comes from."""
    why_none: str | None = None
    """Why there is no value."""

    @model_validator(mode="before")
    @classmethod
    def _of_before(cls, target: Any) -> Any:
        """Move the reason for no value to `why_none`. In older documents, it is in `rule`.

        >>> Target(rule="none: it is not computed").why_none
        'it is not computed'
        """
        kind, separator, why = str(target.get("rule")).partition("none: ") if isinstance(target, dict) else ("", "", "")
        return {**target, "rule": "", "why_none": why} if separator and not kind else target


class PlannedLooks(Record):
    """The numbers of seeds of all looks that share the error; empty if only one look was asked for."""

    planned: list[SeedCount] = []

    @property
    def options(self) -> str:
        """Return the options that ask for these looks, as a user types them.

        >>> PlannedLooks(planned=[10, 20, 40]).options, PlannedLooks().options
        ('--until-settled --max-seeds 40', '')
        """
        return f"--until-settled --max-seeds {self.planned[-1]}" if self.planned else ""
