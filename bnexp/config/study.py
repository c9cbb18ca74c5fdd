"""What a study's file may say, and its reading. The grid it spans is `study/grid.py`'s."""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Literal, NamedTuple

from pydantic import BeforeValidator, Field

from bnexp.config import merging, yaml
from bnexp.config.files import read_text
from bnexp.config.loading import validated
from bnexp.config.places import Keys, found
from bnexp.config.section import Count, Positive, Section
from bnexp.config.writing import dump_plain
from bnexp.config.yaml import Node
from bnexp.errors import ConfigError, Problems

ARM = re.compile(r"[A-Za-z0-9][A-Za-z0-9._+-]{0,39}")
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
    seeds: Count = 3
    """Trainings of each value: seed 1000, 1001, ..."""
    metric: str = "val_accuracy"
    """Of the validation part."""


class Over(Section):
    """A varied factor, first reduced to one number for each arm and seed.

    `mean`; `width`: the decades that levels next to
    each other span around the best one, all with a value `within` of its.
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
    """A seed fails that diverged, or whose final value is below this."""
    ratio: bool = False
    """Contrast how many times smaller the value is, as suits a loss; epochs to a value are always contrasted so."""

    @property
    def is_of_test(self) -> bool:
        """Return True if it is measured on the test part."""
        return self.metric.startswith("test_")

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
    """Count only which arm is better, seed by seed: the share of seeds in which the treated arm wins, less one half."""
    direction: Literal["higher", "lower"]
    """Where the treated arm's metric goes; so, too, where a ratio is told: fewer epochs are `lower`."""
    smallest: Positive
    """In the metric's own unit; a ratio, of epochs too, such as 1.2; a `width` in decades; `wins` a share below 0.5."""

    @property
    def is_ratio(self) -> bool:
        """Return True if the contrast is the log of a ratio."""
        return self.metric.in_logs and not self.wins

    @property
    def counts(self) -> bool:
        """Return True if what is contrasted is how often something happens: who wins, who fails."""
        return self.wins or self.metric.failures_below is not None


class Study(Section):
    """A question: a base experiment, arms, factors to vary, and hypotheses with a direction."""

    name: Annotated[str, Field(min_length=1, max_length=200)]
    experiment: dict[str, Any]
    """The base: sections as in a config; `extends` is a file as seen from this one."""
    arms: dict[str, dict[str, Any]]
    """Name -> dotted keys and their values, laid over the base; two or more."""
    vary: dict[str, list[Any]] = {}
    """Factor -> levels: a dotted key and its values, or several keys with a list of values for each level."""
    tie: dict[str, Tie] = {}
    """Dotted key -> the factor that it follows."""
    seeds: Annotated[int, Field(ge=1, le=100_000)] = 20
    """Trainings of each trial that the verdict rests on: seed 0, 1, ..."""
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
        tuning = len(self.tune.values) * self.tune.seeds if self.tune is not None else 0
        return cells * len(self.arms) * (self.seeds + tuning)


@dataclass(frozen=True)
class StudyFile:
    """A study and where each key of it stands."""

    study: Study
    node: Node

    def where(self, *keys: str) -> str:
        """Return the file and line of a key."""
        return found(self.node, keys).where

    def at(self, *keys: str) -> Node:
        """Return what stands at a key that is there."""
        return found(self.node, keys)

    def claim_keys(self, number: int) -> Keys:
        """Return where one of `study.claims()` stands."""
        return ("hypothesis",) if self.study.hypothesis is not None else ("hypotheses", str(number))

    def text(self) -> str:
        """Return the file with what it extends written into it: reading it gives this study again."""
        return dump_plain(yaml.plain(self.node))


def read_study(path: Path) -> StudyFile:
    """Read a study's file; `extends` in its `experiment` is a file as seen from there.

    Raises:
        ConfigError: with every mistake that shows without spanning the grid.
    """
    mistakes = Problems()
    root = yaml.read_mapping(read_text(path), str(path), mistakes)
    if root is None:
        raise ConfigError(mistakes.lines)
    if "dataset" in root.value and "experiment" not in root.value:
        cure = f"Use `bnexp train {path}`."
        raise ConfigError([f"{path}: is the config of an experiment; expected a study. {cure}"])
    entries = {"name": Node(path.stem, root.where), **root.value}
    base = entries.get("experiment")
    if base is not None and isinstance(base.value, dict):
        entries["experiment"] = _without_seeds(merging.extended(base, path, mistakes))
    node = Node(entries, root.where)
    file = StudyFile(validated(node, Study, mistakes), node)
    faults = [
        f"{file.where(*keys)}: " + " ".join([".".join(keys), text]).lstrip() for keys, text in _faults(file.study)
    ]
    if faults:
        raise ConfigError(faults)
    return file


def _without_seeds(base: Node) -> Node:
    """Leave out how many seeds the base has by itself: a study says how many it has."""
    training = base.value.get("training")
    if training is None or not isinstance(training.value, dict):
        return base
    rest = {key: entry for key, entry in training.value.items() if key != "seeds"}
    return Node({**base.value, "training": Node(rest, training.where)}, base.where)


def _faults(study: Study) -> Iterator[tuple[Keys, str]]:
    """List what single keys do not show: names, empty factors, keys with two masters, hypotheses that say nothing."""
    yield from _faulty_arms(study)
    yield from _faulty_factors(study)
    yield from _twice(study)
    if study.hypothesis is not None and study.hypotheses:
        yield ("hypotheses",), "stands beside hypothesis; expected one of them. Move it into the list."
    elif not study.claims():
        yield (), "hypothesis is missing; a study needs a claim to decide. Write `hypothesis: {claim: ...}`."


def _faulty_arms(study: Study) -> Iterator[tuple[Keys, str]]:
    if len(study.arms) < 2:
        yield ("arms",), f"has {len(study.arms)} of them; a contrast needs two or more. Add one, such as a baseline."
    for name in study.arms:
        if not ARM.fullmatch(name):
            cure = "Use letters, digits and . _ + -, at most 40."
            yield ("arms", name), f"is no name for an arm; its files are called so. {cure}"


def _faulty_factors(study: Study) -> Iterator[tuple[Keys, str]]:
    for name, levels in study.vary.items():
        width = len(keys_of(name))
        if not levels:
            yield ("vary", name), "is empty; expected a list of levels. Give two or more, or leave the factor out."
        for number, level in enumerate(levels):
            if levels.index(level) < number:
                yield ("vary", name), f"has the level {merging.shown(level)} twice. Keep one of them."
            if width > 1 and (not isinstance(level, list) or len(level) != width):
                count = len(level) if isinstance(level, list) else 1
                seen = "one value" if count == 1 else f"{count} values"
                yield (
                    ("vary", name, str(number)),
                    f"is {merging.shown(level)}, {seen}; expected {width}, one for each key of the factor.",
                )


def _twice(study: Study) -> Iterator[tuple[Keys, str]]:
    """Yield the keys that two parts of the study would set, and those that are the study's own."""
    settings = list(_settings(study))
    for number, one in enumerate(settings):
        for own in ("training.seeds", "name"):
            if own in one.leaves:
                yield one.keys, f"sets {own}; a study's own `{own.rpartition('.')[2]}` does. Leave it out."
        for other in settings[:number]:
            both = _in_both(one, other)
            if both and not (one.arm and other.arm and one.arm != other.arm):
                yield one.keys, f"sets {both}, and so does {'.'.join(other.keys)}; expected one of them. Leave one out."
                break


class _Setting(NamedTuple):
    """A dotted key, where it is set, in which arm if in one, and the keys of all that its values set."""

    keys: Keys
    key: str
    arm: str | None
    leaves: list[str]


def _settings(study: Study) -> Iterator[_Setting]:
    for name, levels in study.vary.items():
        several = keys_of(name)
        for place, key in enumerate(several):
            fit = [level for level in levels if isinstance(level, list) and len(level) == len(several)]
            values = levels if len(several) == 1 else [level[place] for level in fit]
            yield _Setting(("vary", name), key, None, _leaves(key, values))
    for key in study.tie:
        yield _Setting(("tie", key), key, None, _leaves(key, [1.0]))
    if study.tune is not None:
        yield _Setting(("tune", "key"), study.tune.key, None, _leaves(study.tune.key, study.tune.values))
    for arm, settings in study.arms.items():
        for key, value in settings.items():
            yield _Setting(("arms", arm, key), key, arm, _leaves(key, [value]))


def _leaves(key: str, values: Sequence[Any]) -> list[str]:
    return list(dict.fromkeys(leaf for value in values for leaf in merging.leaves(key, value)))


def _in_both(one: _Setting, other: _Setting) -> str | None:
    """Return a key that both set, or set a part of; None if there is none.

    A tie multiplies what levels and arms have set, and so overwrites only their whole key; what is tuned, and another
    tie, it would overwrite.
    """
    if one.key == other.key:
        return one.key
    if {one.keys[0], other.keys[0]} in ({"tie", "vary"}, {"tie", "arms"}):
        return None
    pairs = itertools.product(one.leaves, other.leaves)
    return next(
        (max(a, b, key=len) for a, b in pairs if f"{a}.".startswith(f"{b}.") or f"{b}.".startswith(f"{a}.")), None
    )


def keys_of(factor: str) -> tuple[str, ...]:
    """Return the dotted keys that a factor sets: one, or several that go together.

    >>> keys_of("dataset.noise, dataset.samples")
    ('dataset.noise', 'dataset.samples')
    """
    return tuple(key.strip() for key in factor.split(","))
