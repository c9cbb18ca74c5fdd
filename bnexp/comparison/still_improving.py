"""Arms that still improve when their training ends: with more epochs the answer may change.

Axes: S seeds, E epochs.
"""

from __future__ import annotations

import math
from collections.abc import Iterator

import numpy as np

from bnexp.comparison.pairing import Arm, PairedArms
from bnexp.comparison.question import ResolvedQuestion
from bnexp.comparison.scale import margin_on_scale
from bnexp.history import History
from bnexp.metrics import higher_is_better, number, on_validation, traits, with_unit
from bnexp.statistics import LEVEL, at_least, mean_interval
from bnexp.statistics.arrays import Floats

FIFTH = 5
"""The last fifth of the epochs is compared with the fifth before."""
FEWEST_EPOCHS = 3
FALLING_RATES = ("cosine", "step", "exponential")
"""Schedules that end with a small learning rate: the last epochs are better than those before, as they should be."""


def still_improving(arms: PairedArms, question: ResolvedQuestion) -> Iterator[str]:
    """Yield a caution for each arm that gains the margin or more in its last epochs.

    Where the test part judges, the validation part is read: what judges must not advise.
    """
    metric = on_validation(question.metric)
    sides = ((arms.arm, arms.treated), (arms.baseline, arms.base))
    if not all(metric in history.metrics for _, history in sides):
        return
    base_S = arms.base.final(metric)
    base_S = base_S[np.isfinite(base_S)]
    if not len(base_S):
        return
    for arm, history in sides:
        yield from _caution(arm, history, metric, question.margin, float(base_S.mean()))


def _caution(arm: Arm, history: History, metric: str, margin: float, baseline_mean: float) -> Iterator[str]:
    values_SE, epochs = history.metrics[metric], arm.experiment.training.epochs
    is_whole = values_SE.shape[1] >= max(FEWEST_EPOCHS, epochs) and min(history.epochs_S) == epochs
    if not is_whole or arm.experiment.training.learning_rate.name in FALLING_RATES:
        return
    count = max(1, epochs // FIFTH)
    before_S, last_S = (part_SE.mean(axis=1) for part_SE in (values_SE[:, -2 * count : -count], values_SE[:, -count:]))
    is_known_S = np.isfinite(before_S) & np.isfinite(last_S)
    gain = _gain(before_S[is_known_S], last_S[is_known_S], metric, margin, baseline_mean)
    if gain is not None:
        last = "its last epoch is" if count == 1 else f"its last {count} epochs are"
        before = "the one before" if count == 1 else f"the {count} before"
        yield (
            f"{arm.name} still improves: {last} better than {before}, by {gain} on average. The answer may change "
            f"with more than {epochs} epochs. Try training.epochs={2 * epochs}."
        )


def _gain(before_S: Floats, last_S: Floats, metric: str, margin: float, baseline_mean: float) -> str | None:
    """Write what is gained on average; None if it is below the margin, or not known from these seeds.

    Losses and errors gain by ratios, as they are judged, unless one is 0.
    """
    if len(last_S) < 2:
        return None
    if traits(metric).margin is None and min(before_S.min(), last_S.min(), baseline_mean) > 0:
        gain, limit = mean_interval(np.log(before_S / last_S), LEVEL), margin_on_scale(margin, baseline_mean, "ratio")
        text = f"{-100 * math.expm1(-gain.mean):.2g}% of {metric}"
    else:
        sign = 1 if higher_is_better(metric) else -1
        gain, limit = mean_interval(sign * (last_S - before_S), LEVEL), margin
        text = f"{number(metric, gain.mean)} in {with_unit(metric)}"
    return text if gain.low > 0 and limit > 0 and at_least(gain.mean, limit) else None
