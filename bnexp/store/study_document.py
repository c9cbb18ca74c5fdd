"""study.json: a study's cells, its hypotheses, and its verdict."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import Field

from bnexp.store.comparison_document import Interval, Verdict
from bnexp.store.records import Count, Record, Share


class StudyHead(Record):
    """What the list of runs shows of a study."""

    seeds: Annotated[int, Field(ge=1)]
    verdict: str


class Factor(Record):
    """What a study varies."""

    name: str
    levels: Annotated[list[Any], Field(min_length=1)]


class ArmOfCell(Record):
    """A cell's arm: the mean of each endpoint."""

    diverged: Count = 0
    warnings: list[str] = []
    endpoints: list[Interval]


class CellRecord(Record):
    """A cell: its levels, its arms, and the difference that each hypothesis is about."""

    cell: Count
    levels: dict[str, Any]
    arms: dict[str, ArmOfCell]
    differences: list[Interval]


class HypothesisRecord(Record):
    """A hypothesis and its verdict; `study.words` reads the rest of it."""

    claim: str
    level: Share
    verdict: Verdict
    difference: Interval | None
    other_sign: list[list[float]] = []


class StudyRecord(StudyHead):
    """study.json; its format is checked by who draws it."""

    name: str
    digest: str | None = None
    level: Share
    arms: Annotated[list[str], Field(min_length=1)]
    factors: list[Factor]
    cells: Annotated[list[CellRecord], Field(min_length=1)]
    hypotheses: Annotated[list[HypothesisRecord], Field(min_length=1)]
