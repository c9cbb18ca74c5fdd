"""Arms that trained for too few epochs, or for too many: with another number of epochs the answer may change.

Where the test part judges, the validation part is read: what judges must not advise.

Axes: S seeds, E epochs.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from bnexp.comparison.pairing import Arm, PairedArms
from bnexp.comparison.question import ResolvedQuestion
from bnexp.comparison.scale import margin_on_scale
from bnexp.metrics import higher_is_better, number, on_validation, traits, with_unit
from bnexp.statistics import LEVEL, at_least, mean_interval
from bnexp.statistics.arrays import Floats

FIFTH = 5
"""The last fifth of the epochs is compared with the fifth before."""
FEWEST_EPOCHS = 3
FALLING_RATES = ("cosine", "step", "exponential")
"""Schedules that end with a small learning rate: the last epochs are better than those before, as they should be."""


def still_improving(arms: PairedArms, question: ResolvedQuestion) -> Iterator[str]:
    """Yield a caution for each arm that gains the margin or more in its last epochs."""
    for arm, values_SE, changes in _trained_to_the_end(arms, question):
        if arm.experiment.training.learning_rate.name in FALLING_RATES:
            continue
        epochs = values_SE.shape[1]
        count = max(1, epochs // FIFTH)
        before_S, last_S = (
            values_SE[:, each].mean(axis=1) for each in (slice(-2 * count, -count), slice(-count, None))
        )
        if (gain := changes.that_matters(before_S, last_S, LEVEL)) is not None:
            last = "its last epoch is" if count == 1 else f"its last {count} epochs are"
            before = "the one before" if count == 1 else f"the {count} before"
            yield (
                f"{arm.name} still improves: {last} better than {before}, by {gain} on average. The answer may change "
                f"with more than {epochs} epochs. Try training.epochs={2 * epochs}."
            )


def better_before(arms: PairedArms, question: ResolvedQuestion) -> Iterator[str]:
    """Yield a caution if an arm, or both, loses the margin or more between its best epoch and its last one.

    The best epoch is chosen among all, so that they share the error (Bonferroni). Early stopping has chosen already.
    """
    told, bests = dict[str, str](), []
    for arm, values_SE, changes in _trained_to_the_end(arms, question):
        if arm.experiment.training.early_stopping is not None:
            continue
        mean_E = values_SE.mean(axis=0)
        best = int(np.argmax(mean_E) if higher_is_better(changes.metric) else np.argmin(mean_E))
        level = 1 - (1 - LEVEL) / (len(mean_E) - 1)
        if (lost := changes.that_matters(values_SE[:, -1], values_SE[:, best], level)) is not None:
            told[arm.name] = f"after epoch {best + 1}, by {lost}"
            bests.append(best + 1)
    if told:
        were = " and ".join(told) + (" were" if len(told) > 1 else " was")
        each = ", and ".join(f"{name} {text}" if len(told) > 1 else text for name, text in told.items())
        yield (
            f"{were} better before: {each} on average. The verdict is about the last epoch, and the answer may change "
            f"with fewer epochs. Try training.epochs={max(bests)}, or training.early_stopping."
        )


def _trained_to_the_end(arms: PairedArms, question: ResolvedQuestion) -> Iterator[tuple[Arm, Floats, _Changes]]:
    """Yield each arm that trained for all its epochs, its metric, (S, E), and what of its changes matters.

    Seeds that lack a value are left out. Nothing is yielded if an arm lacks the metric.
    """
    metric = on_validation(question.metric)
    sides = ((arms.arm, arms.treated), (arms.baseline, arms.base))
    if not all(metric in history.metrics for _, history in sides):
        return
    base_S = arms.base.final(metric)
    base_S = base_S[np.isfinite(base_S)]
    if not len(base_S):
        return
    changes = _Changes(metric, question.margin, float(base_S.mean()))
    for arm, history in sides:
        values_SE, epochs = history.metrics[metric], arm.experiment.training.epochs
        values_SE = values_SE[np.isfinite(values_SE).all(axis=1)]
        is_whole = values_SE.shape[1] >= max(FEWEST_EPOCHS, epochs) and min(history.epochs_S) == epochs
        if is_whole and len(values_SE) >= 2:
            yield arm, values_SE, changes


@dataclass(frozen=True)
class _Changes:
    """What of an arm's changes from epoch to epoch matters: the margin or more, by an interval over seeds."""

    metric: str
    margin: float
    baseline_mean: float

    def that_matters(self, worse_S: Floats, better_S: Floats, level: float) -> str | None:
        """Write how much better one is on average; None if it is below the margin, or the interval does not show it.

        Losses and errors change by ratios, as they are judged, unless one is 0.
        """
        metric = self.metric
        if traits(metric).margin is None and min(worse_S.min(), better_S.min(), self.baseline_mean) > 0:
            gain = mean_interval(np.log(worse_S / better_S), level)
            limit = margin_on_scale(self.margin, self.baseline_mean, "ratio")
            text = f"{-100 * math.expm1(-gain.mean):.2g}% of {metric}"
        else:
            sign = 1 if higher_is_better(metric) else -1
            gain, limit = mean_interval(sign * (better_S - worse_S), level), self.margin
            text = f"{number(metric, gain.mean)} in {with_unit(metric)}"
        return text if gain.low > 0 and limit > 0 and at_least(gain.mean, limit) else None
