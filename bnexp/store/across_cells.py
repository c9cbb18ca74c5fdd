"""The part of study.json about the cells that a hypothesis averages: each cell's result, and how much cells differ."""

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
"""How to read a study's ratio of epochs, which is a ratio of geometric means. `at least`: some baseline seeds never
reach the target. `at most`: some treated seeds never reach it. `within the budget`: some seeds of both arms never reach
it, so the ratio is no bound. Older documents call this `restricted means`, a reading that only comparisons have."""


class CellContrast(Interval):
    """The contrast of a cell, or of a group of cells that `over` reduces to one number, with its interval."""

    levels: dict[str, Level]
    direction: Literal["higher", "lower"] | None
    """Whether the treated arm is higher or lower; null if the interval shows neither, or too small a difference."""
    reading: RatioReading | None = None
    """How to read a ratio of epochs. It is a bound if some seeds of the cell never reach the target."""


class Heterogeneity(Record):
    """How much cells differ beyond the noise of each cell."""

    q: Number
    """Cochran's Q; null if it is too large to be stored."""
    p_value: Annotated[float, Field(ge=0, le=1)]
    tau: Annotated[float, Field(ge=0, le=LARGEST)] | None
    """The standard deviation between cells."""
    correlation: Annotated[float, Field(ge=0, lt=1)]
    """The mean correlation between the errors of cells. They are correlated because cells share seeds."""
    prediction: Interval | None = None
    """The prediction interval for another cell of this kind; null if there are only two cells."""

    @property
    def is_shown(self) -> bool:
        """Return True if Cochran's Q shows at 5% that cells differ beyond their noise."""
        return self.tau != 0 and self.p_value < 1 - LEVEL


class AcrossCells(Record):
    """The contrast of each cell that a hypothesis averages, and how much the cells differ."""

    level: Share
    """The level of each cell's interval. Cells share the risk of an error equally."""
    about: Literal["new rows"] | MeasuredOn
    """What the intervals are about: new rows, or the measured rows or splits."""
    cells: Annotated[list[CellContrast], Field(min_length=2)]
    heterogeneity: Heterogeneity | None = None
    """How much the cells differ; null if a cell has no variance over seeds."""

    def intervals(self) -> Iterator[Interval]:
        """Yield the interval of each cell, then the prediction interval if there is one."""
        yield from self.cells
        if self.heterogeneity is not None and self.heterogeneity.prediction is not None:
            yield self.heterogeneity.prediction
