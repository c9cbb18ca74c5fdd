"""comparison.json: arms paired by seed, the differences, and the verdicts.

It is written once: keys that a newer bnexp added are passed over.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import Field, ValidationInfo, field_serializer, field_validator

from bnexp.config.section import Task
from bnexp.store.comparison_question import FARTHEST, Asked, MeasuredOn, PlannedLooks, Positive, Primary, Target
from bnexp.store.reach import Reach, SpeedUp
from bnexp.store.records import FileName, Metric, Probability, Record, SeedCount, Seeds, Share
from bnexp.store.run_record import DataFacts, Network, Parameters
from bnexp.system.numbers import Count

Estimate = Annotated[float, Field(ge=-FARTHEST, le=FARTHEST)] | None
Variance = Annotated[float, Field(ge=0, le=FARTHEST**2)]
Pair = Annotated[list[Any], Field(min_length=2, max_length=2)]
"""A key's values in both arms."""


class Interval(Record):
    """A mean with the bounds of its interval; all null where nothing has a value."""

    mean: Estimate
    low: Estimate
    high: Estimate


class ArmMean(Interval):
    """The mean over an arm's seeds, of the final epoch."""

    seeds: Count = 0
    """With a value."""


class NewRowsInterval(Interval):
    """A difference with its interval for new rows of the same kind, where the other one speaks of these rows."""

    drawn: Literal["rows", "groups", "splits"]
    """What is drawn anew besides seeds: held-out rows, groups of them, or the split of all rows."""
    count: Annotated[int, Field(ge=1, lt=2**53)]
    """Held-out rows, or groups."""
    effective: Positive | None = None
    """How many rows or groups carry the difference."""
    rarest: Annotated[int, Field(ge=1, lt=2**53)] | None = None
    """Held-out rows, or groups, of the rarest class, for a metric that compares classes."""
    seed_variance: Variance | None = None
    """Of one seed and row: between seeds."""
    row_variance: Variance | None = None
    rest_variance: Variance | None = None


class MetricDifference(Interval):
    """Arm minus baseline, pair by pair; where no pair has a value, only their number is there."""

    standard_deviation: Positive | None = None
    pairs: Count = 0
    """With a value."""
    p_value: Probability | None = None
    """Of the sign-flip test."""
    positive: Count = 0
    ties: Count = 0
    negative: Count = 0
    left_out: Count = 0
    """Pairs without a value, since a seed diverged."""
    new_rows: NewRowsInterval | None = None
    """Of a held-out part, where the rows were kept."""


class MarginInterval(Interval):
    """A difference with its interval at `margin_level`."""

    new_rows: NewRowsInterval | None = None


class Judged(Interval):
    """What decided: the difference on the scale that is judged, with its interval at the level that is judged."""

    scale: Literal["difference", "ratio"]
    """ratio: the logs of the values are contrasted, and the margin is a log, too."""
    level: Share
    """Of the interval that is compared with 0: Holm's where several arms share the error."""
    margin: Positive
    margin_level: Share
    """Of the interval that is compared with the margin."""
    p_value: Probability
    """Of the sign-flip test."""
    new_rows: NewRowsInterval | None = None
    of_margin: MarginInterval | None = None
    """What is compared with the margin, where its level is another one."""


class ReachDifference(Record):
    """The difference in epochs to the target, and the speed-up."""

    epochs: MetricDifference
    speed_up: SpeedUp | None
    """None where seeds of both arms never reach it, and all seeds of one arm; older documents hold a ratio there."""


class Verdict(Record):
    """An answer in a word, and what it rests on."""

    word: str
    settled_by: int | None = None
    """How many pairs would settle an open question, about."""
    sentence: str = ""
    about: Literal["new rows"] | MeasuredOn | None = None
    """What the word speaks of; older documents speak of these rows."""
    these_rows: str | None = None
    """The word for the rows that were measured."""
    seeds_could_settle: bool | None = None
    """Of a question that is open after one of several looks: whether more seeds could settle it."""
    is_withheld: bool = False
    """Whether no verdict is given, so that the interval decides nothing; not recorded in older documents."""


class ContrastHead(Record):
    """What the list of runs shows of a contrast."""

    verdict: Verdict


class ArmHead(Record):
    """What the list of runs shows of an arm: what was overridden when it was trained; an older bnexp kept none."""

    name: str
    overrides: list[str] = []


class PrimaryHead(Record):
    """The metric that decided."""

    metric: Metric


class ComparisonHead(Record):
    """What the list of runs shows of a comparison."""

    seeds: Seeds
    primary: PrimaryHead | None = None
    asked: Asked = Asked()
    arms: list[ArmHead] = []
    contrasts: Annotated[list[ContrastHead], Field(min_length=1)]
    looks: PlannedLooks | None = None


class Contrast(Record):
    """One arm against the baseline."""

    arm: str
    baseline: str
    pairing: dict[str, bool | None] = {}
    """What was compared by digest -> whether it is equal; null where it cannot be compared."""
    metrics: dict[Metric, MetricDifference]
    pairs: list[Estimate]
    """The difference of the metric that decides, seed by seed."""
    to_target: ReachDifference | None = None
    diverged_p_value: Probability | None = None
    varied: dict[str, Pair] = {}
    """The keys that are compared."""
    confounders: dict[str, Pair] = {}
    """Whatever else differs."""
    cautions: list[str] = []
    judged: Judged | None = None
    """None where no pair has a value, and in older documents."""
    verdict: Verdict

    @property
    def measured_on(self) -> MeasuredOn:
        """Return what its intervals over seeds alone speak of."""
        if self.judged is not None and (anew := self.judged.new_rows) is not None:
            return "these splits" if anew.drawn == "splits" else "these rows"
        about = self.verdict.about
        return "these rows" if about is None or about == "new rows" else about


class ArmFacts(Record):
    """An arm by itself."""

    name: str
    run: FileName | None = None
    parameters: Parameters
    seeds: Count
    overrides: list[str] = []
    warnings: list[str] = []
    diverged: dict[str, int] = {}
    """Seed -> epoch."""
    metrics: dict[Metric, ArmMean] = {}
    to_target: Reach | None = None
    network: Network | None = None
    """The user's own network, as it was built in this arm."""


SHARED_FACTS = (
    "name",
    "rows",
    "training_rows",
    "validation_rows",
    "test_rows",
    "split",
    "duplicates_dropped",
    "cells_filled",
    "columns_filled",
    "rows_before_limit",
    "files_left_out",
    "arrays_left_out",
    "one_hot_classes",
    "classes",
    "rows_per_class",
    "target",
    "target_range",
    "id_like_columns",
    "warnings",
    "commonest_class_share",
    "rarest_held_out",
    "error_unit",
)
"""What a comparison repeats of the record of the data, which all arms share."""


class Look(Record):
    """What one look at the arms found."""

    seeds: SeedCount
    level: Share
    """Of the intervals, before several arms share it."""
    words: dict[str, str] = {}
    """Arm -> word."""


class EarlierLook(Look):
    """A look of a stored comparison."""

    arm: str | None = None
    """Which arm was looked at, beside the baseline; older documents do not say it."""


class Looks(Record):
    """The looks at these arms: a comparison that is made at several numbers of seeds has several chances to err."""

    planned: list[SeedCount] = []
    """The numbers of seeds of all looks that share the error; empty if one look alone was asked for."""
    taken: Annotated[list[Look], Field(min_length=1)]
    earlier: list[EarlierLook] = []
    """Looks of stored comparisons, by the same metric, that are not among those that were planned."""
    error: Probability
    """How often at least one of all looks at an arm errs, if it does not differ; of the arm that errs most often."""


class ComparisonDocument(Record):
    """comparison.json."""

    format: Literal[1] = 1
    baseline: str
    seeds: Seeds
    level: Share
    task: Task | None = None
    dataset: DataFacts = DataFacts()
    primary: Primary
    asked: Asked = Asked()
    """Older documents do not hold it."""
    target: Target = Target()
    arms: list[ArmFacts] = []
    contrasts: Annotated[list[Contrast], Field(min_length=1)]
    looks: Looks | None = None
    """None where these arms were looked at once, as far as is known."""

    def arm(self, name: str) -> ArmFacts:
        """Return the arm of this name, which a contrast of the document names."""
        return {arm.name: arm for arm in self.arms}[name]

    @field_serializer("dataset")
    def _shared(self, facts: DataFacts) -> dict[str, Any]:
        known = facts.as_json()
        return {key: known[key] for key in SHARED_FACTS if key in known}

    @field_validator("contrasts")
    @classmethod
    def _decided(cls, contrasts: list[Contrast], info: ValidationInfo) -> list[Contrast]:
        """Refuse a contrast without the metric that decides."""
        primary = info.data.get("primary")
        for contrast in contrasts:
            if primary is not None and primary.metric not in contrast.metrics:
                raise ValueError(f"the one of {contrast.arm!r} has no {primary.metric}, which decides")
        return contrasts
