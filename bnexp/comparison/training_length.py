"""Arms that trained for too few epochs, or for too many: with another number of epochs the answer may change.

If the test part judges, this file reads the validation part. If the validation part judges, it advises no better epoch.

Axes: S seeds, E epochs.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from bnexp.comparison.metric_names import has_test_part
from bnexp.comparison.pairing import Arm, PairedArms
from bnexp.comparison.question import ResolvedQuestion
from bnexp.comparison.scale import margin_on_scale
from bnexp.config.checks import uses_batch_statistics
from bnexp.metrics import headline, higher_is_better, number, on_validation, part_of, quantity, traits, with_unit
from bnexp.statistics import LEVEL, at_least, mean_interval
from bnexp.statistics.arrays import Floats
from bnexp.system.spelling import spelt

FIFTH = 5
"""The last fifth of the epochs is compared with the fifth before it."""
FEWEST_EPOCHS = 3
SHORT_LAG = 2
"""A fifth that is one epoch is compared with the epoch this many before it: one step is often less than its noise."""
FALLING_RATES = ("cosine", "step", "exponential")
"""Schedules that end with a small learning rate, which is meant to make the last epochs better than earlier ones."""


def still_improving(arms: PairedArms, question: ResolvedQuestion) -> Iterator[str]:
    """Yield a caution for each arm that improves by the margin or more in its last epochs."""
    gains = _gains(arms, question)
    for arm, values_SE in _trained_to_the_end(arms, question):
        if arm.experiment.training.learning_rate.name in FALLING_RATES:
            continue
        epochs = values_SE.shape[1]
        count = max(1, epochs // FIFTH)
        parts = (values_SE[:, -2 * count : -count], values_SE[:, -count:])
        before_S, last_S = (part_SE.mean(axis=1) for part_SE in parts)
        last, before = f"its last {count} epochs are", f"the {count} before"
        start_S = before_S
        if count == 1:
            last, before = "its last epoch is", f"epoch {epochs - SHORT_LAG}"
            start_S = values_SE[:, -1 - SHORT_LAG]
        if not gains.matter(before_S, last_S):  # in short runs: the gain of the last epoch alone
            continue
        if (gain := gains.in_words(start_S, last_S, LEVEL)) is not None:
            yield (
                f"{arm.name} still improves: {last} better than {before}, by {gain} on average. The answer may change "
                f"with more than {epochs} epochs. Try {spelt('epochs', str(2 * epochs))}."
            )


def better_before(arms: PairedArms, question: ResolvedQuestion) -> Iterator[str]:
    """Yield one caution on all arms whose last epoch is worse than their best by the margin or more, with its cure.

    It is one text, so that the cure is never shown without its reason.
    The best epoch is chosen among all epochs, so they share the error (Bonferroni). Arms with early stopping are
    skipped, because it has chosen an epoch already.
    """
    gains, seen = _gains(arms, question), list[str]()
    for arm, values_SE in _trained_to_the_end(arms, question):
        if arm.experiment.training.early_stopping is not None:
            continue
        sign = 1 if higher_is_better(question.metric) else -1
        mean_E = sign * values_SE[np.isfinite(values_SE[:, -1])].mean(axis=0)
        best, epochs = int(np.argmax(np.where(np.isfinite(mean_E), mean_E, -np.inf))), len(mean_E)
        lost = gains.in_words(values_SE[:, -1], values_SE[:, best], 1 - (1 - LEVEL) / (epochs - 1))
        if lost is not None:
            earlier = f"{arm.name} was better at epoch {best + 1} than at its last epoch ({epochs})"
            seen.append(f"{earlier}, by {lost} on average.")
    if seen:
        at_best = f"To compare the arms at their best epochs, {_choosing(arms, question)}"
        yield " ".join([*seen, "The verdict is about the last epoch.", at_best])


def _choosing(arms: PairedArms, question: ResolvedQuestion) -> str:
    """Return what to add so that early stopping chooses the epoch, on rows that do not judge, and what follows."""
    rule = "training.early_stopping.monitor=val_loss"
    if any(
        _has_moving_averages(one) and not one.experiment.training.refresh_statistics
        for one in (arms.arm, arms.baseline)
    ):
        rule += " training.refresh_statistics=true"  # at an early epoch moving averages have not converged
    stopping = "Early stopping then chooses the epoch on the validation part"
    if part_of(question.metric) == "test":
        return f"add {rule}. {stopping}."
    dataset, measured = arms.baseline.experiment.dataset, arms.base.metrics
    is_asked = part_of(question.metric) == "val" and question.metric != headline(measured)
    read = f" --metric test_{quantity(question.metric)}" if is_asked else ""
    if has_test_part(measured):
        return f"add {rule}{read}. {stopping}, and the test part decides the verdict."
    own = getattr(dataset, "held_out_keys", {}).get("validation")
    if own is None:
        new = stopping.replace("the validation part", "a new validation part")
        present = "The validation part of this comparison becomes the test part, which alone decides the verdict."
        return f"add dataset.validation_size=0.25 {rule}{read}. {new}. {present}"
    name = f"name a test part of your own as dataset.{own.replace('validation', 'test')}"
    return f"{name}, and add {rule}{read}. {stopping}, and the test part decides the verdict."


def _has_moving_averages(arm: Arm) -> bool:
    """Return True if batch normalization is in an arm's network, also in one of the user's own as it is written."""
    network = arm.record.network
    own = {} if network is None else network.normalizations
    return uses_batch_statistics(arm.experiment) or "BatchNormalization" in own


def _trained_to_the_end(arms: PairedArms, question: ResolvedQuestion) -> Iterator[tuple[Arm, Floats]]:
    """Yield each arm that trained for all its epochs, with its metric, (S, E); nothing if an arm lacks the metric."""
    metric = on_validation(question.metric)
    sides = ((arms.arm, arms.treated), (arms.baseline, arms.base))
    if not all(metric in history.metrics for _, history in sides):
        return
    for arm, history in sides:
        values_SE, epochs = history.metrics[metric], arm.experiment.training.epochs
        if values_SE.shape[1] >= max(FEWEST_EPOCHS, epochs) and min(history.epochs_S) == epochs:
            yield arm, values_SE


def _gains(arms: PairedArms, question: ResolvedQuestion) -> _Gains:
    base_S = arms.base.final(question.metric)
    base_S = base_S[np.isfinite(base_S)]
    return _Gains(on_validation(question.metric), question.margin, float(base_S.mean()) if len(base_S) else math.nan)


@dataclass(frozen=True)
class _Gains:
    """The rule for gains that matter: the margin or more on average, and above 0 by an interval over seeds."""

    metric: str
    margin: float
    """The margin of the metric that the verdict reads (perhaps of the test part)."""
    baseline_mean: float
    """The baseline's mean of the metric that the verdict reads (perhaps of the test part); NaN if it has none."""

    def in_words(self, worse_S: Floats, better_S: Floats, level: float) -> str | None:
        """Return the mean gain in words; None if it is below the margin, or if its interval does not exclude 0."""
        if not self.matter(worse_S, better_S):  # checked first: other levels than 95% need SciPy
            return None
        gain_S, _, is_ratio = self._measured(worse_S, better_S)
        if mean_interval(gain_S, level).low <= 0:
            return None
        mean, metric = float(gain_S.mean()), self.metric
        if is_ratio:
            return f"{-100 * math.expm1(-mean):.2g}% of {metric}"
        return f"{number(metric, mean)} in {with_unit(metric)}"

    def matter(self, worse_S: Floats, better_S: Floats) -> bool:
        """Return True if the mean gain is the margin or more."""
        gain_S, limit, _ = self._measured(worse_S, better_S)
        return len(gain_S) > 1 and limit > 0 and at_least(gain_S.mean(), limit)

    def _measured(self, worse_S: Floats, better_S: Floats) -> tuple[Floats, float, bool]:
        """Return each seed's gain, the margin, and whether both are logs of ratios.

        Losses and errors are compared by ratios, as in the verdict, unless a value is 0. Seeds without a value are left
        out.
        """
        is_known_S = np.isfinite(worse_S) & np.isfinite(better_S) & math.isfinite(self.baseline_mean)
        worse_S, better_S, metric = worse_S[is_known_S], better_S[is_known_S], self.metric
        least = min(worse_S.min(initial=math.inf), better_S.min(initial=math.inf), self.baseline_mean)
        if traits(metric).margin is None and least > 0:
            limit = margin_on_scale(self.margin, self.baseline_mean, "ratio")
            return np.log(worse_S / better_S), limit, True
        return (better_S - worse_S) * (1 if higher_is_better(metric) else -1), self.margin, False
