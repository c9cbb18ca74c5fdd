"""What is asked of the arms, and its defaults: primary metric, margin that matters, target, baseline."""

from __future__ import annotations

import math
from collections.abc import Collection, Sequence
from dataclasses import dataclass

import numpy as np

from bnexp.comparison.pairing import Arm
from bnexp.errors import ComparisonError, nearest
from bnexp.history import History
from bnexp.metrics import headline, higher_is_better, quantity

TARGET_SHARE = 0.95
"""Default target: this share of the median over the baseline's seeds of their best value."""
DEFAULT_MARGINS = {"accuracy": 0.01, "r2": 0.01}
"""Smallest difference that matters; for losses and errors it is RELATIVE_MARGIN of the baseline's mean."""
RELATIVE_MARGIN = 0.05


@dataclass(frozen=True)
class Question:
    """What is asked of the arms, stated before the answer: the primary metric, its margin, a target."""

    metric: str | None = None
    margin: float | None = None
    target: float | None = None
    baseline: str | None = None


@dataclass(frozen=True)
class Terms:
    """A question with its defaults filled in, before any difference is looked at.

    `margin` is the smallest difference that matters and `target` the value to
    reach, both in the metric's own unit; `target_rule` says where the target comes from.
    """

    metric: str
    margin: float
    target: float | None
    target_rule: str


def terms_of(question: Question, baseline: str, history: History) -> Terms:
    """Settle what a question leaves open, by the baseline's history alone.

    Raises:
        ComparisonError: if it asks for a metric that was not measured.
    """
    for option, value in (("margin", question.margin), ("target", question.target)):
        if value is not None and not math.isfinite(value):
            raise ComparisonError(f"--{option} is {value}; expected a finite number in the metric's own unit.")
    metric = _metric(question.metric, list(history.metrics))
    margin = _default_margin(metric, history) if question.margin is None else question.margin
    if question.target is not None:
        return Terms(metric, margin, question.target, "given")
    share = f"{TARGET_SHARE:.0%} of" if higher_is_better(metric) else f"1/{TARGET_SHARE} times"
    rule = f"{share} the median best {metric} of {baseline}'s seeds"
    return Terms(metric, margin, _default_target(metric, history), rule)


def baseline_of(arms: Sequence[Arm], name: str | None) -> Arm:
    """Give the arm that the others are compared with: the one named, or the last."""
    names = [arm.name for arm in arms]
    if len(arms) < 2:
        raise ComparisonError(
            f"compare was given {len(arms)} arm ({', '.join(names)}); expected two or more. "
            "Name another, as in `bnexp compare bn nobn`."
        )
    if name is None:
        return arms[-1]
    if name not in names:
        raise ComparisonError(f"--baseline is {name!r}; expected one of the arms. {nearest(name, names)}")
    return arms[names.index(name)]


def _metric(asked: str | None, measured: Collection[str]) -> str:
    chosen = asked or headline(measured)
    if chosen not in measured:
        raise ComparisonError(f"--metric is {chosen!r}; it was not measured. {nearest(chosen, measured)}")
    return chosen


def _default_margin(metric: str, baseline: History) -> float:
    if quantity(metric) in DEFAULT_MARGINS:
        return DEFAULT_MARGINS[quantity(metric)]
    values_S = baseline.final(metric)
    finite = values_S[np.isfinite(values_S)]
    return RELATIVE_MARGIN * abs(float(finite.mean())) if len(finite) else 0.0


def _default_target(metric: str, baseline: History) -> float | None:
    best_S = baseline.best(metric)
    if not np.isfinite(best_S).any():
        return None
    median = float(np.nanmedian(best_S))
    return median * TARGET_SHARE if higher_is_better(metric) else median / TARGET_SHARE
