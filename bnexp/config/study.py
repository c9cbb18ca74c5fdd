"""What a study's file may say. Its reading is in `config/study_reading.py`, the grid it spans in `study/grid.py`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field

from bnexp.config import yaml
from bnexp.config.places import key_text, node_at
from bnexp.config.section import AtLeastOne, Positive, Section
from bnexp.config.writing import dump_plain
from bnexp.config.yaml import Keys, Node

Text = Annotated[str, Field(min_length=1, max_length=500)]


class Tie(Section):
    """A key that follows a factor: its value in the base holds where the factor is `at`, and goes up with it."""

    follows: str
    """A factor of numbers."""
    rule: Literal["linear", "square_root"]
    at: Positive
    """Where the base's own value holds: a level, or any other number."""


class Tune(Section):
    """One key chosen for each trial, a cell in one arm: best mean of `metric` over `seeds` that no verdict uses."""

    key: str
    values: Annotated[list[Any], Field(min_length=2)]
    seeds: AtLeastOne = 3
    """Trainings of each value: seed 1000, 1001, ..."""
    metric: str = "val_accuracy"
    """Of the validation part."""


class Over(Section):
    """A varied factor, first reduced to one number for each arm and seed.

    `mean` is over its levels. `width` is how many decades neighbouring levels around the best one span, if all their
    values lie `within` of the best value.
    """

    factor: str
    take: Literal["mean", "width"]
    within: Positive = 0.01


class Endpoint(Section):
    """What a hypothesis is about: a metric's final value, the epochs to a value of it, or how often it fails."""

    metric: str
    epochs_to: float | None = None
    """The value to reach."""
    failures_below: float | None = None
    """A seed fails if it diverged, or if its final value is below this."""
    ratio: bool = False
    """Contrast how many times smaller the value is, as suits a loss; epochs to a value are always contrasted so."""

    @property
    def in_logs(self) -> bool:
        """Return True if the logs are contrasted."""
        return self.ratio or self.epochs_to is not None


def _endpoint(value: Any) -> Any:
    """Let `test_accuracy` stand for `{metric: test_accuracy}`."""
    return {"metric": value} if isinstance(value, str) else value


class Hypothesis(Section):
    """A claim about two arms, with its direction and the smallest effect of interest."""

    claim: Text
    metric: Annotated[Endpoint, BeforeValidator(_endpoint)]
    treated: str
    baseline: str
    at: dict[str, Any] = {}
    """Factor -> level, or list of levels: the cells that count; all, where not given."""
    minus: dict[str, Any] | None = None
    """Cells whose contrast is subtracted: an interaction."""
    over: Over | None = None
    wins: bool = False
    """Count only which arm is better, seed by seed: the share of seeds that the treated arm wins, minus one half."""
    direction: Literal["higher", "lower"]
    """Where the treated arm's metric goes. The same holds for a ratio: fewer epochs are `lower`."""
    smallest: Positive
    """In the metric's own unit. A ratio (of epochs too) is a number such as 1.2. A `width` is in decades, and `wins` is
    a share below 0.5."""

    @property
    def is_ratio(self) -> bool:
        """Return True if the contrast is the log of a ratio."""
        return self.metric.in_logs and not self.wins

    @property
    def counts(self) -> bool:
        """Return True if the contrast counts how often an arm wins or fails."""
        return self.wins or self.metric.failures_below is not None


class Study(Section):
    """A question: a base experiment, arms, factors to vary, and hypotheses with a direction.

    Without a hypothesis it is a sweep: it ends in a table and figures, and judges nothing.
    """

    name: Annotated[str, Field(min_length=1, max_length=200)]
    experiment: dict[str, Any]
    """The base: sections as in a config; `extends` is a file as seen from this one."""
    arms: dict[str, dict[str, Any]]
    """Name -> dotted keys and their values, laid over the base; two or more, or one in a sweep."""
    vary: dict[str, list[Any]] = {}
    """Factor -> levels: a dotted key and its values, or several keys with a list of values for each level."""
    tie: dict[str, Tie] = {}
    """Dotted key -> the factor that it follows."""
    seeds: Annotated[int, Field(ge=1, le=100_000)] = 20
    """Trainings of each trial (a cell in one arm) that the verdict rests on: seed 0, 1, ..."""
    tune: Tune | None = None
    hypothesis: Hypothesis | None = None
    hypotheses: list[Hypothesis] = []
    """Several, instead of one: supported if all are, refuted if one is."""

    def claims(self) -> list[Hypothesis]:
        """List the hypotheses, one or several."""
        return [self.hypothesis] if self.hypothesis is not None else self.hypotheses

    def trainings(self) -> int:
        """Count the trainings of the whole grid, those for tuning included."""
        cells = 1
        for levels in self.vary.values():
            cells *= len(levels)
        return cells * len(self.arms) * self.trainings_of_a_trial

    @property
    def trainings_of_a_trial(self) -> int:
        """Count the trainings of one cell's arm, those for tuning included."""
        return self.seeds + (len(self.tune.values) * self.tune.seeds if self.tune is not None else 0)


@dataclass(frozen=True)
class StudyFile:
    """A study and where each key of it stands."""

    study: Study
    node: Node

    def where(self, *keys: str) -> str:
        """Return the file and line of a key."""
        return node_at(self.node, keys).where

    def key_text(self, *keys: str) -> str:
        """Return a key as a message names it: the entries of a list count from 1."""
        return key_text(self.node, keys)

    def at(self, *keys: str) -> Node:
        """Return what stands at a key that is there."""
        return node_at(self.node, keys)

    def claim_keys(self, number: int) -> Keys:
        """Return where one of `study.claims()` stands."""
        return ("hypothesis",) if self.study.hypothesis is not None else ("hypotheses", str(number))

    def text(self) -> str:
        """Return the file with what it extends written into it: reading it gives this study again."""
        return dump_plain(yaml.plain(self.node))


def keys_of(factor: str) -> tuple[str, ...]:
    """Return the dotted keys that a factor sets: one, or several that go together.

    >>> keys_of("dataset.noise, dataset.samples")
    ('dataset.noise', 'dataset.samples')
    """
    return tuple(key.strip() for key in factor.split(","))
