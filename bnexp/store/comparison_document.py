"""comparison.json: arms paired by seed, differences, and verdicts. Keys that a newer bnexp added are ignored."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import Field, ValidationInfo, field_serializer, field_validator

from bnexp.config.section import Task
from bnexp.store.comparison_question import FARTHEST, Asked, MeasuredOn, PlannedLooks, Positive, Primary, Target
from bnexp.store.looks import Looks
from bnexp.store.network_record import Network
from bnexp.store.reach import Reach, SpeedUp
from bnexp.store.records import FileName, Metric, Probability, Record, Seeds, Share
from bnexp.store.run_record import DataFacts, Parameters
from bnexp.system.numbers import Count

Estimate = Annotated[float, Field(ge=-FARTHEST, le=FARTHEST)] | None
Variance = Annotated[float, Field(ge=0, le=FARTHEST**2)]
Pair = Annotated[list[Any], Field(min_length=2, max_length=2)]
"""The values of one key in the two arms."""


class Interval(Record):
    """A mean with the bounds of its interval. All three are null if there is no value to average."""

    mean: Estimate
    low: Estimate
    high: Estimate


class ArmMean(Interval):
    """The mean over an arm's seeds, at the final epoch."""

    seeds: Count = 0
    """Seeds that have a value."""


class NewRowsInterval(Interval):
    """A difference with its interval for new rows of the same kind. Other intervals are about the measured rows."""

    drawn: Literal["rows", "groups", "splits"]
    """What is drawn anew besides seeds: held-out rows, groups of held-out rows, or the split of all rows."""
    count: Annotated[int, Field(ge=1, lt=2**53)]
    """Number of held-out rows, or of groups."""
    are_grouped: bool = False
    """Whether splits hold out groups of rows."""
    effective: Positive | None = None
    """The number of rows or groups that would have the same variance if all mattered equally."""
    rarest: Annotated[int, Field(ge=1, lt=2**53)] | None = None
    """Number of held-out rows, or of groups, of the rarest class; for a metric that compares classes."""
    seed_variance: Variance | None = None
    """The variance of a single difference (one seed, one row) between seeds."""
    row_variance: Variance | None = None
    """The variance of a single difference between rows."""
    rest_variance: Variance | None = None
    """The rest of the variance of a single difference."""
    farthest: Annotated[float, Field(ge=0, lt=2**53)] | None = None
    """The square of the largest effect of a row, divided by the variance of the rows' effects as they were measured."""


class MetricDifference(Interval):
    """The paired difference, arm minus baseline. If no pair has a value, only `pairs` (0) and `left_out` are set."""

    standard_deviation: Positive | None = None
    pairs: Count = 0
    """Pairs in which both seeds have a value."""
    p_value: Probability | None = None
    """The p-value of the sign-flip test."""
    positive: Count = 0
    ties: Count = 0
    negative: Count = 0
    left_out: Count = 0
    """Pairs without a value, because a seed diverged."""
    new_rows: NewRowsInterval | None = None
    """The interval for new rows, if the metric is of a held-out part whose rows were kept."""


class MarginInterval(Interval):
    """A difference with its interval at `margin_level`."""

    new_rows: NewRowsInterval | None = None


class Judged(Interval):
    """The difference that decides the verdict, on the scale that is judged, with its interval."""

    scale: Literal["difference", "ratio"]
    """`ratio`: the difference is between logarithms of the values, and the margin is a logarithm, too."""
    level: Share
    """The level of the interval that is compared with 0. It is Holm's if several arms share the error."""
    margin: Positive
    margin_level: Share
    """The level of the interval that is compared with the margin."""
    p_value: Probability
    """The p-value of the sign-flip test."""
    new_rows: NewRowsInterval | None = None
    of_margin: MarginInterval | None = None
    """The interval that is compared with the margin; null if `margin_level` equals `level`."""


class ReachDifference(Record):
    """The difference in epochs to the target, and the speed-up."""

    epochs: MetricDifference
    speed_up: SpeedUp | None
    """The speed-up; None if some seeds of both arms never reach the target, and no seed of one arm reaches it.

    Older documents have a ratio in this case.
    """


class Verdict(Record):
    """The answer in a word and a sentence, and what it is about."""

    word: str
    settled_by: int | None = None
    """The approximate number of pairs that would settle an open question: the number that the sentence names."""
    sentence: str = ""
    about: Literal["new rows"] | MeasuredOn | None = None
    """What the word is about: new rows, or the measured rows or splits. In older documents, null means these rows."""
    these_rows: str | None = None
    """The word for the measured rows alone."""
    seeds_could_settle: bool | None = None
    """Whether more seeds could settle a question that is open after one of several looks; null in any other case."""
    is_withheld: bool = False
    """Whether no verdict is given, so that the interval decides nothing. Older documents do not record this."""

    @property
    def is_silent(self) -> bool:
        """Return True if nothing is answered, not even for the measured rows alone."""
        return self.is_withheld and self.these_rows is None


class ContrastHead(Record):
    """The part of a contrast that the list of runs shows."""

    verdict: Verdict


class ArmHead(Record):
    """The part of an arm that the list of runs shows: its name, and the keys that were overridden for its training.

    Older documents have no overrides.
    """

    name: str
    overrides: list[str] = []


class PrimaryHead(Record):
    """The metric that decided."""

    metric: Metric


class ComparisonHead(Record):
    """The part of a comparison that the list of runs shows."""

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
    """What was compared by digest -> whether it is equal in both arms; null if it cannot be compared."""
    metrics: dict[Metric, MetricDifference]
    pairs: list[Estimate]
    """The difference of the metric that decides, for each seed."""
    to_target: ReachDifference | None = None
    diverged_p_value: Probability | None = None
    varied: dict[str, Pair] = {}
    """The keys whose effect is compared -> their values in both arms."""
    confounders: dict[str, Pair] = {}
    """Other things that differ between the arms -> their values in both arms."""
    cautions: list[str] = []
    judged: Judged | None = None
    """What decided the verdict; None if no pair has a value, and in older documents."""
    verdict: Verdict

    @property
    def measured_on(self) -> MeasuredOn:
        """Return what the intervals over seeds alone are about."""
        if self.judged is not None and (anew := self.judged.new_rows) is not None:
            return "these splits" if anew.drawn == "splits" else "these rows"
        about = self.verdict.about
        return "these rows" if about is None or about == "new rows" else about


class ArmFacts(Record):
    """The facts about one arm."""

    name: str
    run: FileName | None = None
    parameters: Parameters
    seeds: Count
    overrides: list[str] = []
    warnings: list[str] = []
    weighted_by: list[str] = []
    """The keys of the config that give training rows different weights in `loss`."""
    diverged: dict[str, int] = {}
    """Seed -> the epoch in which it diverged."""
    metrics: dict[Metric, ArmMean] = {}
    to_target: Reach | None = None
    network: Network | None = None
    """The user's own network as it was built in this arm; null for bnexp's own networks."""
    one_by_one: str | None = None
    """Why the seeds were trained one after the other, by keras_fit; null if they were trained at once."""


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
    "runs_left_out",
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
    "codes",
)
"""The keys of the data's record that comparison.json repeats, because all arms share them.

If arms differ in `codes`, the text says whose inputs are codes.
"""


class ComparisonDocument(Record):
    """The contents of comparison.json."""

    format: Literal[1] = 1
    baseline: str
    seeds: Seeds
    level: Share
    task: Task | None = None
    dataset: DataFacts = DataFacts()
    primary: Primary
    asked: Asked = Asked()
    """The options that were given; missing in older documents."""
    target: Target = Target()
    arms: list[ArmFacts] = []
    contrasts: Annotated[list[Contrast], Field(min_length=1)]
    looks: Looks | None = None
    """The looks at these arms; None if they were compared only once, as far as is known."""

    def arm(self, name: str) -> ArmFacts:
        """Return the arm of this name. Any name in a contrast of the document is one."""
        return {arm.name: arm for arm in self.arms}[name]

    @field_serializer("dataset")
    def _shared(self, facts: DataFacts) -> dict[str, Any]:
        known = facts.as_json()
        return {key: known[key] for key in SHARED_FACTS if key in known}

    @field_validator("contrasts")
    @classmethod
    def _decided(cls, contrasts: list[Contrast], info: ValidationInfo) -> list[Contrast]:
        """Return the contrasts. Raise ValueError if one lacks the metric that decides."""
        primary = info.data.get("primary")
        for contrast in contrasts:
            if primary is not None and primary.metric not in contrast.metrics:
                raise ValueError(f"the contrast of {contrast.arm!r} lacks {primary.metric}, the metric that decides")
        return contrasts
