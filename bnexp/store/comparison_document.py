"""comparison.json: arms paired by seed, the differences, and the verdicts."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from bnexp.config.section import Task
from bnexp.store.records import Metric, Number, Record, Share
from bnexp.store.run_record import DataFacts


class Interval(Record):
    """A mean with the bounds of its interval; all null where nothing has a value."""

    mean: Number
    low: Number
    high: Number


class Verdict(Record):
    """An answer in a word, and what it rests on."""

    word: str
    sentence: str = ""


class ContrastHead(Record):
    """What the list of runs shows of a contrast."""

    verdict: Verdict


class ArmHead(Record):
    """What the list of runs shows of an arm: what was overridden when it was trained; an older bnexp kept none."""

    name: str
    overrides: list[str] = []


class ComparisonHead(Record):
    """What the list of runs shows of a comparison."""

    seeds: Annotated[list[int], Field(min_length=1)]
    arms: list[ArmHead] = []
    contrasts: Annotated[list[ContrastHead], Field(min_length=1)]


class Contrast(ContrastHead):
    """One arm against the baseline."""

    arm: str
    baseline: str | None = None
    metrics: dict[Metric, Interval]
    pairs: list[Number]


class Primary(Record):
    """The metric that decides, and the smallest difference of it that matters."""

    metric: Metric
    margin: Annotated[float, Field(ge=0)]


class Target(Record):
    """The value that arms are to reach, if there is one."""

    metric: Metric | None = None
    value: Number = None
    rule: str = ""


class ComparisonRecord(ComparisonHead):
    """comparison.json."""

    format: Literal[1] = 1
    baseline: str
    level: Share
    task: Task | None = None
    dataset: DataFacts | None = None
    primary: Primary
    target: Target = Target()
    contrasts: Annotated[list[Contrast], Field(min_length=1)]  # type: ignore[assignment]
