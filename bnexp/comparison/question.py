"""The question of a comparison, and its defaults: primary metric, margin, target, baseline and looks."""

from __future__ import annotations

import math
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from numbers import Integral, Real
from typing import get_args

import numpy as np

from bnexp.comparison.metric_names import (
    Predictions,
    all_of,
    has_test_part,
    not_computed,
    not_measured,
    unmeasured_part,
)
from bnexp.comparison.metric_rules import (
    RELATIVE_MARGIN,
    chosen_by,
    impossible_margin,
    impossible_value,
    judged_by_what_chose,
)
from bnexp.comparison.target import default_target
from bnexp.config import Experiment
from bnexp.errors import ComparisonError, nearest
from bnexp.history import History
from bnexp.metrics import About, headline, on_validation, quantity, traits
from bnexp.system.spelling import is_by_command, spelt

FIRST_LOOK, MOST_SEEDS = 10, 160
"""Seeds of the first look, and the default for the last look. Each look doubles the number of seeds."""


@dataclass(frozen=True)
class Question:
    """The question of a comparison, stated before the answer.

    `metric` is the metric that decides, such as `val_loss`. `margin` is the smallest difference that matters, above 0,
    in the metric's unit: 0.01 of an accuracy is one point. `reach` is a value of the metric: the table says after
    how many epochs each arm reaches it. `baseline` names the arm that the others are compared with; it is the last one
    by default. `about` says whether the verdict is about "new-rows" of the same kind, or "these-rows" alone. With
    `until_settled`, seeds are added up to `max_seeds` (160), until a look at the results settles the question. A value
    of the wrong type raises ComparisonError.
    """

    metric: str | None = None
    margin: float | None = None
    reach: float | None = None
    baseline: str | None = None
    about: About = "new-rows"
    until_settled: bool = False
    max_seeds: int | None = None

    def __post_init__(self) -> None:
        """Raise ComparisonError if values have the wrong type; it lists all of them."""
        faults = list(_of_another_kind(self))
        if self.about not in get_args(About):
            hint = nearest(str(self.about), get_args(About))
            faults.append(f"{spelt('about')} is {self.about!r}; expected one of the good names. {hint}")
        if faults:
            raise ComparisonError("\n".join(faults))

    @property
    def looks(self) -> tuple[int, ...]:
        """Return the number of seeds of each planned look; empty without `until_settled`."""
        return planned_looks(self.max_seeds or MOST_SEEDS) if self.until_settled else ()


def asked(question: Question | None, metric: str | None, margin: float | None) -> Question:
    """Return the question, completed with the metric and the margin that are given as separate arguments.

    >>> asked(None, "val_loss", 0.03) == asked(Question(margin=0.03), "val_loss", None)
    True

    Raises:
        ComparisonError: if `question` is not a Question, or if the metric or the margin is given in both places.
    """
    question = Question() if question is None else question
    if not isinstance(question, Question):
        raise ComparisonError(
            f"question is {question!r}; expected a bnexp.Question. Give metric= or margin= by itself, or "
            'question=bnexp.Question(baseline="bn"), for example.'
        )
    for name, value, said in (("metric", metric, question.metric), ("margin", margin, question.margin)):
        if value is not None and said is not None:
            raise ComparisonError(
                f"{name} is {value!r}, and the question has {name}={said!r}; expected one of the two. Leave one out."
            )
    return replace(
        question,
        metric=question.metric if metric is None else metric,
        margin=question.margin if margin is None else margin,
    )


def _of_another_kind(question: Question) -> Iterator[str]:
    """Yield a message for each value of the wrong type. In Python nothing else checks the types before training.

    >>> question = Question()
    >>> object.__setattr__(question, "margin", "0.01")
    >>> list(_of_another_kind(question))
    ["margin is '0.01'; expected a number."]
    """
    for option, value, kinds, expected in (
        ("metric", question.metric, str, "a text"),
        ("baseline", question.baseline, str, "a text"),
        ("margin", question.margin, Real, "a number"),
        ("reach", question.reach, Real, "a number"),
        ("max-seeds", question.max_seeds, Integral, "a whole number"),
    ):
        if value is not None and (isinstance(value, bool) or not isinstance(value, kinds)):
            yield f"{spelt(option)} is {value!r}; expected {expected}."


def planned_looks(most: int) -> tuple[int, ...]:
    """Return the number of seeds of each look. The last look has the most seeds that are allowed.

    >>> planned_looks(160), planned_looks(50)
    ((10, 20, 40, 80, 160), (10, 20, 40, 50))
    """
    counts = [FIRST_LOOK]
    while counts[-1] < most:
        counts.append(min(most, 2 * counts[-1]))
    return tuple(counts)


@dataclass(frozen=True)
class ResolvedQuestion:
    """A question with its defaults filled in, before any difference is looked at.

    `margin` is the smallest difference that matters. `target` is the value to reach. Both are in the metric's own unit.
    `target_rule` says where the target comes from. If there is no target, `why_no_target` says why.
    """

    metric: str
    margin: float
    target: float | None
    target_rule: str = ""
    why_no_target: str | None = None
    about: About = "new-rows"
    looks: tuple[int, ...] = ()

    @property
    def target_metric(self) -> str:
        """Return the metric that should reach the target: on the validation part, even if the test part judges."""
        return on_validation(self.metric)


def refuse_too_few(arms: Sequence[object]) -> None:
    """Raise ComparisonError for fewer than two arms."""
    if len(arms) < 2:
        both = "bnexp compare bn nobn" if is_by_command() else 'bnexp.compare(["bn", "nobn"])'
        raise ComparisonError(
            f"compare was given {len(arms)} arm ({', '.join(map(str, arms))}); expected two or more. "
            f"For example: {both}, or one config with several normalizations: {spelt('arms', ['batch', 'none'])}"
        )


def refuse_impossible(
    question: Question,
    names: Sequence[str],
    measured: Sequence[str],
    each_epoch: Collection[str],
    predictions: Predictions,
) -> None:
    """Raise ComparisonError if arms with these names and metrics cannot answer the question.

    `each_epoch` are the metrics that each epoch measures. No history is needed, so this check can run before training.
    """
    faults = list(_impossible_looks(question))
    if question.baseline is not None and question.baseline not in names:
        faults.append(_no_baseline(question.baseline, names))
    if question.metric is not None and question.metric not in measured:
        without = unmeasured_part(question.metric, measured) or not_computed(question.metric, measured, predictions)
        hint = without or not_measured(question.metric, measured)
        faults.append(f"{spelt('metric')} is {question.metric!r}; {hint}")
    else:
        faults += _impossible_values(question, question.metric or headline(measured), each_epoch)
    if faults:
        raise ComparisonError("\n".join(faults))


def refuse_impossible_alone(question: Question) -> None:
    """Raise ComparisonError if no arms at all could answer the question: for arms whose metrics are not known."""
    faults, metric = list(_impossible_looks(question)), question.metric
    if metric is not None and metric not in (good := all_of(metric.partition("_")[0])):
        faults.append(f"{spelt('metric')} is {metric!r}; {not_measured(metric, good)}")
        metric = None
    faults += _impossible_values(question, metric)
    if faults:
        raise ComparisonError("\n".join(faults))


def _impossible_looks(question: Question) -> Iterator[str]:
    """Yield a message for each fault of the largest number of seeds."""
    most = question.max_seeds
    if most is not None and not question.until_settled:
        seen = f"{spelt('max-seeds')} is {most} without {spelt('until-settled')}; expected both or neither"
        both = spelt("max-seeds", str(max(most, FIRST_LOOK)))
        cure = f"Add {spelt('until-settled')}" if is_by_command() else f"Write {both}"
        yield f"{seen}. {cure}."
    if most is not None and most < FIRST_LOOK:
        seen = (
            f"{spelt('max-seeds')} is {most}, and the first look has {FIRST_LOOK} seeds; expected {FIRST_LOOK} or more"
        )
        yield f"{seen}. Use {spelt('max-seeds', str(MOST_SEEDS))}, for example."


def _impossible_values(
    question: Question, metric: str | None, each_epoch: Collection[str] | None = None
) -> Iterator[str]:
    """Yield a message for each fault of the margin and the target, by the same rules as in a study's hypothesis.

    If the metric or the metrics of `each_epoch` are not known, only what is wrong for all of them is a fault.
    """
    if metric and each_epoch is not None and on_validation(metric) not in each_epoch and question.reach is not None:
        seen = f"{spelt('reach')} is {question.reach:g}; {on_validation(metric)} is not computed at each epoch"
        yield f"{seen}. Train with training.metrics: [{quantity(metric)}], or leave {spelt('reach')} out."
        question = replace(question, reach=None)
    for option, value, expected in (
        ("margin", question.margin, impossible_margin),
        ("reach", question.reach, impossible_value),
    ):
        if value is not None and not math.isfinite(value):
            expected_one = "expected a finite number in the metric's own unit. Use 0.01, for example."
            yield f"{spelt(option)} is {value}; {expected_one}"
        elif value is None:
            continue
        elif metric is None:
            if option == "margin" and (text := impossible_margin("val_loss", value, as_option=partial(spelt, option))):
                yield f"{spelt(option)} is {value:g}; {text}"
        elif text := expected(metric, value, as_option=partial(spelt, option)):
            yield f"{spelt(option)} is {value:g}, and the metric is {metric}; {text}"


def refuse_judged_by_what_chose(question: Question, measured: Sequence[str], experiments: Sequence[Experiment]) -> None:
    """Raise ComparisonError, before any training, if early stopping chooses on the part that the verdict would read.

    Stored runs that were trained like this are not refused: they keep their numbers, and their verdict is withheld.
    """
    metric = question.metric or headline(measured)
    has_test = has_test_part(measured)
    for one in experiments:
        chosen, read = chosen_by([one]), f"Use {spelt('metric')}"
        for text in judged_by_what_chose(metric, chosen, has_test=has_test, read=read):
            raise ComparisonError(f"{one.name}: the verdict {text}")


def place_of_baseline(question: Question, arms: Sequence[Collection[str | None]]) -> int:
    """Return the index of the baseline in `arms`: the arm that the question names, or else the last arm.

    `arms` holds all names of each arm.

    >>> arms = [("bn", "bn-20260101"), ("nobn", None)]
    >>> place_of_baseline(Question(baseline="bn-20260101"), arms), place_of_baseline(Question(), arms)
    (0, 1)

    Raises:
        ComparisonError: if no arm has the name of the baseline.
    """
    if question.baseline is None:
        return len(arms) - 1
    for place, names in enumerate(arms):
        if question.baseline in names:
            return place
    raise ComparisonError(_no_baseline(question.baseline, [name for names in arms for name in names if name]))


def _no_baseline(baseline: str, names: Sequence[str]) -> str:
    return f"{spelt('baseline')} is {baseline!r}; expected one of the arms. {nearest(baseline, names)}"


def resolved(
    question: Question, baseline: str, history: History, guessing: Mapping[str, float], each_epoch: Collection[str]
) -> ResolvedQuestion:
    """Return the question with its defaults filled in, from the baseline's history alone.

    `guessing` maps each part to the score of the best single answer. `each_epoch` are the metrics that all arms measure
    at each epoch.
    """
    metric = question.metric or headline(history.metrics)
    margin = _default_margin(metric, history) if question.margin is None else question.margin
    target, rule, why_none = default_target(metric, baseline, history, guessing, each_epoch)
    if question.reach is not None:
        target, rule, why_none = question.reach, "given", None
    return ResolvedQuestion(metric, margin, target, rule, why_none, question.about, question.looks)


def _default_margin(metric: str, baseline: History) -> float:
    if (margin := traits(metric).margin) is not None:
        return margin
    values_S = baseline.final(metric)
    finite = values_S[np.isfinite(values_S)]
    return RELATIVE_MARGIN * abs(float(finite.mean())) if len(finite) else 0.0
