"""study.json: the summary of a study's trials, its hypotheses if it has any, and its verdict."""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator
from typing import Annotated, Any

from pydantic import (
    ConfigDict,
    Field,
    SerializerFunctionWrapHandler,
    field_serializer,
    model_serializer,
    model_validator,
)

from bnexp.config.study import Endpoint, Hypothesis, keys_of
from bnexp.errors import counted
from bnexp.metrics import is_measured
from bnexp.store.across_cells import AcrossCells, RatioReading
from bnexp.store.comparison_document import Interval, MetricDifference, Verdict
from bnexp.store.levels import Level
from bnexp.store.records import Metric, Number, Record, SeedCount, Share
from bnexp.system.numbers import Count

FORMAT = 5
"""The format of the files in a study's directory: cells/*.json, hypotheses.json and study.json. Since format 4, a
diverged seed counts as guessing on the part that is measured. Since format 5, a trial is stored under the digest of
what it measures, and a hypothesis records whether it was asked after results."""
LARGEST_LOG = 700.0
"""The largest logarithm of a ratio. Beyond it, the ratio is too large for a floating-point number."""


class StudyHead(Record):
    """The part of a study that the list of runs and the plans of other studies show."""

    name: str = ""
    seeds: SeedCount
    verdict: str | None
    """The word of the verdict; null for a sweep, which has no hypothesis."""


class FormatHead(Record):
    """The format number of any file of a study."""

    format: int


class Factor(Record):
    """A factor that a study varies, with its levels."""

    name: str
    levels: Annotated[list[Level], Field(min_length=1)]


class Tuning(Record):
    """The key that a study tunes for each trial, the values it tries, and the seeds and metric by which it chooses."""

    key: str
    values: list[Level]
    seeds: list[int]
    metric: Metric


class MeanOverSeeds(Interval):
    """A mean over seeds with its 95% t interval. For epochs to a value, also how many seeds reached it."""

    seeds: Count = 0
    """Seeds that have a value."""
    reached: Count | None = None

    @model_serializer(mode="wrap")
    def _without_unreached(self, written: SerializerFunctionWrapHandler) -> dict[str, Any]:
        """Return the JSON object without `reached` if that is null, because it applies only to epochs to a value."""
        facts: dict[str, Any] = written(self)
        return {key: value for key, value in facts.items() if key != "reached" or value is not None}


class TrialRecord(Record):
    """One arm of a cell: the value chosen by tuning, the warnings, and the mean of each endpoint over seeds."""

    tuned: Level = None
    tuning_means: list[Number] | None = None
    """The mean for each value that was tried; null if a seed diverged without a value."""
    diverged: Count = 0
    warnings: list[str] = []
    endpoints: list[MeanOverSeeds]


class CellRecord(Record):
    """A cell: its levels, its arms, and the difference that each hypothesis is about.

    In a sweep, the differences are each other arm minus the last arm.
    """

    cell: Count
    levels: dict[str, Level]
    arms: dict[str, TrialRecord]
    differences: list[MeanOverSeeds]


class Group(Record):
    """The cells that `over` reduces to one number: their levels of the other factors, and the difference."""

    levels: dict[str, Level]
    subtracted: bool
    difference: MeanOverSeeds


class HypothesisFacts(Hypothesis):
    """A hypothesis as it is written in the study's file, and the results for it."""

    model_config = ConfigDict(extra="ignore")

    level: Share
    """The level of its intervals: the level on which its verdict rests. With several hypotheses, it is Holm's, or
    `margin_level` if the effect is shown to be too small to matter."""
    margin_level: Share = 0.95
    """The level of the interval that is compared with the smallest effect of interest. Hypotheses share the risk of an
    error equally."""
    left_out: Count = 0
    """Pairs without a value."""
    pairs: Count = 0
    never_reached: dict[str, Count] = {}
    """Arm -> number of trainings that never reached the target of `epochs_to`."""
    reading: RatioReading | None = None
    """How to read a ratio of epochs."""
    speaks_of: str = ""
    cells: list[Number] = []
    """The mean difference of each cell that is averaged, if there are several cells."""
    across: AcrossCells | None = None
    """The averaged cells by themselves; null if a single number is judged, or if there is no verdict."""
    warned: bool = False
    diverged: Count = 0
    difference: MetricDifference | None
    other_sign: list[Annotated[tuple[Count, Annotated[float, Field(ge=0, le=1)]], Field(strict=False)]] = []
    """Pairs of a number of seeds and a probability: how often the mean over them has another sign than over all."""
    guessing: Number = None
    """The score of guessing, if no arm does better; else null."""
    bootstrap: Interval | None = None
    probability_of_improvement: Interval | None = None

    @field_serializer("difference", "verdict", check_fields=False)
    def _as_set(self, part: Record | None) -> dict[str, Any] | None:
        """Return only the keys that are set. `MetricDifference` and `Verdict` have other keys, for comparisons."""
        return None if part is None else part.as_json()

    @model_validator(mode="after")
    def _refuse_no_ratio(self) -> HypothesisFacts:
        """Raise ValueError if a contrast is of a ratio, and a number is too large to be the logarithm of a ratio."""
        across = self.across
        found = [self.difference, self.bootstrap, *([] if across is None else across.intervals())]
        values = [getattr(one, key) for one in found if one is not None for key in ("mean", "low", "high")]
        values += [across.heterogeneity.tau] if across is not None and across.heterogeneity is not None else []
        if not self.is_ratio:
            return self
        if any(value is not None and not abs(value) <= LARGEST_LOG for value in values):
            raise ValueError("a number is too large to be the log of a ratio")
        return self


class HypothesisRecord(HypothesisFacts):
    """A hypothesis with all that was found, and its verdict."""

    verdict: Verdict
    groups: list[Group] = []
    cautions: list[str] = []
    asked_after_results: bool = False
    """Whether the study had results before the hypothesis was asked in its present form."""
    earlier_seeds: list[SeedCount] = []
    """The numbers of seeds with which it was answered before. Those were looks at the first of the same seeds."""
    first_answer: str | None = None
    """The word of its first verdict from these trials, if it is not the present one."""


class StudyDocument(Record):
    """The contents of study.json."""

    format: Annotated[int, Field(ge=1, le=FORMAT)] = FORMAT
    name: str
    digest: str | None = None
    level: Share
    seeds: SeedCount
    trainings: Count = 0
    tune: Tuning | None = None
    arms: Annotated[list[str], Field(min_length=1)]
    factors: list[Factor]
    endpoints: list[Endpoint]
    versions: dict[str, list[str]] = {}
    cells: Annotated[list[CellRecord], Field(min_length=1)]
    hypotheses: list[HypothesisRecord]
    """The hypotheses; empty in a sweep, which shows one endpoint."""
    verdict: str | None
    cautions: list[str] = []
    """What may mislead in a sweep's table."""
    data_warnings: list[str] = []
    """What may mislead in the data, without repetitions."""

    @model_validator(mode="after")
    def _refuse_contradictions(self) -> StudyDocument:
        """Raise ValueError if parts contradict each other, although each part is valid by itself."""
        for fault in itertools.chain(_faulty_sweep(self), _faulty_grid(self), _faulty_hypotheses(self)):
            raise ValueError(fault)
        return self

    @property
    def is_sweep(self) -> bool:
        """Return True if it has no hypothesis."""
        return not self.hypotheses

    @property
    def diverged(self) -> int:
        """Count the trainings that diverged."""
        return sum(trial.diverged for cell in self.cells for trial in cell.arms.values())


def _faulty_sweep(document: StudyDocument) -> Iterator[str]:
    """Yield each fault: a sweep with a verdict or without exactly one endpoint, or hypotheses without a verdict."""
    if document.is_sweep != (document.verdict is None):
        yield (
            "a verdict is there without a hypothesis" if document.is_sweep else "hypotheses are there without a verdict"
        )
    if document.is_sweep and len(document.endpoints) != 1:
        yield f"a sweep shows {len(document.endpoints)} endpoints; expected 1"


def _faulty_grid(document: StudyDocument) -> Iterator[str]:
    """Yield each contradiction between the cells and the factors, arms and endpoints."""
    levels = {factor.name: factor.levels for factor in document.factors}
    if len(document.cells) != (spanned := math.prod(map(len, levels.values()))):
        yield f"the factors span {counted(spanned, 'cell')}, and {len(document.cells)} are there"
    for cell in document.cells:
        known = cell.levels.keys() == levels.keys()
        if not known or any(level not in levels[name] for name, level in cell.levels.items()):
            yield f"cell {cell.cell} has other levels than the factors"
        if not set(document.arms) <= cell.arms.keys():
            yield f"cell {cell.cell} lacks an arm"
        if any(len(trial.endpoints) != len(document.endpoints) for trial in cell.arms.values()):
            yield f"cell {cell.cell} has other endpoints"
        if len(cell.differences) != (len(document.hypotheses) or len(document.arms) - 1):
            yield f"cell {cell.cell} has other {'arms' if document.is_sweep else 'hypotheses'}"
        means = [len(trial.tuning_means or []) for trial in cell.arms.values()]
        if document.tune is not None and set(means) != {len(document.tune.values)}:
            yield f"cell {cell.cell} was tuned by other values"
    for name, several in levels.items():
        width = len(keys_of(name))
        if width > 1 and any(not isinstance(one, list) or len(one) != width for one in several):
            yield f"{name} has a level without a value for each of its keys"


def _faulty_hypotheses(document: StudyDocument) -> Iterator[str]:
    """Yield each name in a hypothesis that the study does not have."""
    factors = {factor.name for factor in document.factors}
    known = factors | {key for name in factors for key in keys_of(name)}
    for endpoint in document.endpoints:
        if not is_measured(endpoint.metric):
            yield f"{endpoint.metric!r} is no metric of bnexp"
    for one in document.hypotheses:
        if one.metric not in document.endpoints or not {one.treated, one.baseline} <= set(document.arms):
            yield f"the hypothesis {one.claim!r} is about another endpoint or arm"
        if not {*one.at, *(one.minus or {})} <= known or (one.over is not None and one.over.factor not in factors):
            yield f"the hypothesis {one.claim!r} names another factor"
        if any(not group.levels.keys() <= factors for group in one.groups):
            yield f"the hypothesis {one.claim!r} has groups of another factor"
        if one.across is not None and any(not cell.levels.keys() <= factors for cell in one.across.cells):
            yield f"the hypothesis {one.claim!r} has cells of another factor"
