"""The schema of a study's file. `config/study_reading.py` reads it; `study/grid.py` builds its grid."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field

from bnexp.config import yaml
from bnexp.config.places import key_text, node_at
from bnexp.config.section import AtLeastOne, Positive, Section
from bnexp.config.yaml import Keys, Node
from bnexp.config.yaml_text import dump_plain
from bnexp.metrics import About

Text = Annotated[str, Field(min_length=1, max_length=500)]


class Tie(Section):
    """A key that grows with a factor. If the factor has the value `at`, the key has the value that the base sets."""

    follows: str
    """The factor, whose levels must be numbers."""
    rule: Literal["linear", "square_root"]
    at: Positive
    """The value of the factor at which the key has the base's value: a level, or any other number."""


class Tune(Section):
    """A key that is tuned for each trial (a cell in one arm).

    The value with the best mean of `metric` is chosen. The mean is over `seeds` trainings that no verdict uses.
    """

    key: str
    values: Annotated[list[Any], Field(min_length=2)]
    seeds: AtLeastOne = 3
    """Number of trainings for each value: seed 1000, 1001, ..."""
    metric: str = "val_accuracy"
    """The metric that chooses the value, measured on the validation part."""


class Over(Section):
    """A factor whose levels are first reduced to one number for each arm and seed.

    `mean` is the mean over the levels. `width` is the distance, in decades, between the lowest and the highest level
    around the best one. All levels between them must have values at most `within` from the best value.
    """

    factor: str
    take: Literal["mean", "width"]
    within: Positive = 0.01


class Endpoint(Section):
    """What a hypothesis compares: a metric's final value, the epochs to reach a value, or how often seeds fail."""

    metric: str
    epochs_to: float | None = None
    """The value that the metric must reach. The number of epochs to it is compared."""
    failures_below: float | None = None
    """A seed fails if it diverged, or if its final value is below this."""
    ratio: bool = False
    """Compare values by their ratio instead of their difference, as suits a loss. Epochs always use the ratio."""

    @property
    def in_logs(self) -> bool:
        """Return True if the contrast is between logarithms."""
        return self.ratio or self.epochs_to is not None


def _endpoint(value: Any) -> Any:
    """Return `{metric: test_accuracy}` for `test_accuracy`; return any value but text unchanged."""
    return {"metric": value} if isinstance(value, str) else value


class Hypothesis(Section):
    """A claim about two arms, with its direction and the smallest effect of interest."""

    claim: Text
    metric: Annotated[Endpoint, BeforeValidator(_endpoint)]
    treated: str
    baseline: str
    at: dict[str, Any] = {}
    """Factor -> level or list of levels: the cells that count. If a factor is not given, all its levels count."""
    minus: dict[str, Any] | None = None
    """Factor -> level or list of levels: the cells whose contrast is subtracted. This tests an interaction."""
    over: Over | None = None
    wins: bool = False
    """Compare only which arm is better for each seed: the share of seeds that the treated arm wins, minus one half."""
    direction: Literal["higher", "lower"]
    """Whether the treated arm's metric is claimed to be higher or lower. Also for a ratio: fewer epochs are `lower`."""
    smallest: Positive
    """The smallest effect of interest, in the metric's own unit. For a ratio (also of epochs), it is a number such as
    1.2. For a `width`, it is in decades. For `wins`, it is a share below 0.5."""
    about: About = "new-rows"
    """What decides: the interval for new rows of this kind, wherever it is known, or the one for these held-out rows
    alone, as with `bnexp compare --about`."""

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
    """The base: sections as in a config. `extends` names a file, relative to the folder of this one."""
    arms: dict[str, dict[str, Any]]
    """Name of an arm -> dotted keys and values that are set over the base. Two or more arms, or one in a sweep."""
    vary: dict[str, list[Any]] = {}
    """Factor -> levels: a dotted key and its values; or several keys, with one value for each key in every level."""
    tie: dict[str, Tie] = {}
    """Dotted key -> the factor that it follows."""
    seeds: Annotated[int, Field(ge=1, le=100_000)] = 20
    """Number of trainings of each trial (a cell in one arm) for the verdict: seed 0, 1, ..."""
    tune: Tune | None = None
    hypothesis: Hypothesis | None = None
    hypotheses: list[Hypothesis] = []
    """Several hypotheses instead of one. The study is supported if all are supported, and refuted if one is refuted."""

    def claims(self) -> list[Hypothesis]:
        """Return the hypotheses as a list; it is empty for a sweep."""
        return [self.hypothesis] if self.hypothesis is not None else self.hypotheses

    def trainings(self) -> int:
        """Count the trainings of the whole grid, including trainings for tuning."""
        return self.cells * len(self.arms) * self.trainings_of_a_trial

    @property
    def cells(self) -> int:
        """Count the cells of the grid."""
        return math.prod(map(len, self.vary.values()))

    @property
    def trainings_of_a_trial(self) -> int:
        """Count the trainings of one trial (a cell in one arm), including trainings for tuning."""
        return self.seeds + (len(self.tune.values) * self.tune.seeds if self.tune is not None else 0)


@dataclass(frozen=True)
class StudyFile:
    """A study, and the file and line of each of its keys."""

    study: Study
    node: Node
    faulty: frozenset[Keys] = frozenset()
    """Places with mistakes. The study lacks what they hold, or has a stand-in for it."""

    def is_faulty(self, *keys: str) -> bool:
        """Return True if there is a mistake at this place, in it, or around it."""
        return any(place[: len(keys)] == keys[: len(place)] for place in self.faulty)

    @property
    def has_whole_grid(self) -> bool:
        """Return True if no part is faulty that decides which experiments the cells hold."""
        return not any(map(self.is_faulty, ("experiment", "arms", "vary", "tie", "tune")))

    def where(self, *keys: str) -> str:
        """Return the file and line of a key."""
        return node_at(self.node, keys).where

    def key_text(self, *keys: str) -> str:
        """Return a key as a message names it: the entries of a list count from 1."""
        return key_text(self.node, keys)

    def at(self, *keys: str) -> Node:
        """Return the node at a key that is set."""
        return node_at(self.node, keys)

    def claim_keys(self, number: int) -> Keys:
        """Return the path of keys to one of `study.claims()`."""
        return ("hypothesis",) if self.study.hypothesis is not None else ("hypotheses", str(number))

    def text(self) -> str:
        """Return the study as a file in which `extends` is written out. Reading the file gives this study again."""
        return dump_plain(yaml.plain(self.node))


def keys_of(factor: str) -> tuple[str, ...]:
    """Return the dotted keys that a factor sets: one, or several that go together.

    >>> keys_of("dataset.noise, dataset.samples")
    ('dataset.noise', 'dataset.samples')
    """
    return tuple(key.strip() for key in factor.split(","))
