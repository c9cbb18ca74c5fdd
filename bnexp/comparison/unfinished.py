"""Arms that still improve when their training ends: with more epochs the answer may be another one.

Axes: S seeds, E epochs.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from bnexp.comparison.pairing import Arm, PairedArms
from bnexp.comparison.question import ResolvedQuestion
from bnexp.errors import counted
from bnexp.history import History
from bnexp.metrics import higher_is_better, number, with_unit
from bnexp.statistics import LEVEL, at_least, mean_interval

COMPARED_SHARE = 5
"""The last fifth of the epochs is compared with the fifth before."""
FEWEST_EPOCHS = 3


def still_improving(arms: PairedArms, question: ResolvedQuestion) -> Iterator[str]:
    """Yield a caution for each arm whose metric rises, or falls, by the margin or more in the last epochs."""
    for arm, history in ((arms.arm, arms.treated), (arms.baseline, arms.base)):
        yield from _caution(arm, history, question)


def _caution(arm: Arm, history: History, question: ResolvedQuestion) -> Iterator[str]:
    metric, training = question.metric, arm.experiment.training
    values_SE = history.metrics[metric]
    epochs = values_SE.shape[1]
    if training.early_stopping is not None or epochs < max(FEWEST_EPOCHS, training.epochs):
        return
    count = max(1, epochs // COMPARED_SHARE)
    gain_S = values_SE[:, -count:].mean(axis=1) - values_SE[:, -2 * count : -count].mean(axis=1)
    gain_S = gain_S[np.isfinite(gain_S)] * (1 if higher_is_better(metric) else -1)
    if len(gain_S) < 2:
        return
    gain = mean_interval(gain_S, LEVEL)
    if gain.low > 0 and at_least(gain.mean, question.margin):
        last = "its last epoch is" if count == 1 else f"its last {count} epochs are"
        before = "the one before" if count == 1 else f"the {count} before"
        better = f"{number(metric, gain.mean)} in {with_unit(metric)}"
        yield (
            f"{arm.name} still improves: {last} better than {before}, by {better} on average. With more than "
            f"{counted(epochs, 'epoch')} the answer may be another one. Try training.epochs={2 * epochs}."
        )
