"""The part of study.json about the cells that a hypothesis averages: each by itself, and how much they differ."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated, Literal

from pydantic import BeforeValidator, Field

from bnexp.metrics import LARGEST
from bnexp.statistics import LEVEL
from bnexp.store.comparison_document import Interval
from bnexp.store.comparison_question import MeasuredOn
from bnexp.store.levels import Level
from bnexp.store.records import Number, Record, Share

RatioReading = Annotated[
    Literal["ratio", "at least", "at most", "within the budget"],
    BeforeValidator(lambda text: "within the budget" if text == "restricted means" else text),
]
"""How to read a study's ratio of epochs, which is one of geometric means. `at least`: some baseline seeds never reach
the target. `at most`: some treated seeds never do. `within the budget`: some of both never do, so the ratio bounds
nothing. Older documents call that restricted means, which a comparison has and a study has not."""


class CellContrast(Interval):
    """What is averaged: a cell, or a group of cells that `over` reduces, and its contrast with the interval."""

    levels: dict[str, Level]
    direction: Literal["higher", "lower"] | None
    """Of the treated arm; null where the interval does not show one, or shows that it is too small to matter."""
    reading: RatioReading | None = None
    """How to read a ratio of epochs: a bound where seeds of the cell never reach the target."""


class Heterogeneity(Record):
    """How much cells differ beyond the noise of each."""

    q: Number
    """Cochran's Q, null where it is too large for a number."""
    p_value: Annotated[float, Field(ge=0, le=1)]
    tau: Annotated[float, Field(ge=0, le=LARGEST)] | None
    """The standard deviation between cells."""
    correlation: Annotated[float, Field(ge=0, lt=1)]
    """The mean correlation of the cells' errors, since cells share seeds."""
    prediction: Interval | None = None
    """Where another cell of this kind would lie; null for two cells."""

    @property
    def is_shown(self) -> bool:
        """Return True if Cochran's Q shows at 5% that cells differ beyond their noise."""
        return self.tau != 0 and self.p_value < 1 - LEVEL


class AcrossCells(Record):
    """The cells that a hypothesis averages, each by itself, and how much they differ."""

    level: Share
    """Of each cell's interval: cells share the error equally."""
    about: Literal["new rows"] | MeasuredOn
    """What the intervals speak of."""
    cells: Annotated[list[CellContrast], Field(min_length=2)]
    heterogeneity: Heterogeneity | None = None
    """Null where a cell has no spread over seeds."""

    def intervals(self) -> Iterator[Interval]:
        """Yield every interval: of each cell, and for another one."""
        yield from self.cells
        if self.heterogeneity is not None and self.heterogeneity.prediction is not None:
            yield self.heterogeneity.prediction
