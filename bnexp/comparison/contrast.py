"""One arm against the baseline: each metric's paired difference, the epochs to the target, and the verdict.

Axis: S seeds.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np

from bnexp import statistics
from bnexp.comparison.arm_values import epochs_to_target, final_values, guessing_of
from bnexp.comparison.metric_rules import adds_penalty, of_common_class, penalty_in_loss, tiny_margin
from bnexp.comparison.nearly_perfect import nearly_perfect
from bnexp.comparison.new_rows import for_new_rows
from bnexp.comparison.pairing import Arm, PairedArms, agreement, confounders, varied
from bnexp.comparison.question import ResolvedQuestion
from bnexp.comparison.training_length import better_before, still_improving
from bnexp.comparison.verdict import judged
from bnexp.statistics import strict, strict_values
from bnexp.statistics.arrays import Floats
from bnexp.store.comparison_document import Contrast, Judged, MetricDifference, ReachDifference, Verdict
from bnexp.store.reach import SpeedUp


def contrasts(several: Sequence[PairedArms], question: ResolvedQuestion) -> list[Contrast]:
    """Return the list `contrasts` of comparison.json: one entry for each arm against the baseline."""
    answers = judged(several, question)
    return [_contrast(arms, question, *each) for arms, each in zip(several, answers, strict=True)]


def _contrast(arms: PairedArms, question: ResolvedQuestion, decides: Judged | None, verdict: Verdict) -> Contrast:
    shared = [name for name in arms.treated.metrics if name in arms.base.metrics]
    differences = {name: _difference(arms, name) for name in shared}
    penalties = {arm.name: _adds_penalty(arm) for arm in (arms.arm, arms.baseline)}
    failed = [
        np.array([seed in history.diverged_at for seed in history.seeds]) for history in (arms.treated, arms.base)
    ]
    return Contrast(
        arm=arms.arm.name,
        baseline=arms.baseline.name,
        pairing=agreement(arms),
        metrics=differences,
        pairs=strict_values(_pair_by_pair(arms, question.metric)),
        to_target=_reach_difference(arms, question),
        diverged_p_value=statistics.failure_difference(*failed),
        varied=varied(arms),
        confounders=confounders(arms),
        cautions=[
            *penalty_in_loss(question.metric, shared, penalties),
            *_tiny_margin(arms, question),
            *of_common_class(question.metric, arms.arm.record.dataset, arms.arm.experiment.dataset),
            *nearly_perfect(arms, question),
            *still_improving(arms, question),
            *better_before(arms, question),
        ],
        judged=decides,
        verdict=verdict,
    )


def _adds_penalty(arm: Arm) -> bool:
    """Return True if an arm's model adds a penalty to its loss, according to its config or to the built network."""
    return adds_penalty(arm.experiment) or (arm.record.network is not None and arm.record.network.adds_penalty)


def _tiny_margin(arms: PairedArms, question: ResolvedQuestion) -> Iterator[str]:
    values_S = final_values(arms.base, question.metric, guessing_of(arms.baseline))
    mean = statistics.of_finite(values_S)["mean"]
    yield from tiny_margin(question.metric, question.margin, arms.baseline.name, mean, key="--margin ")


def _difference(arms: PairedArms, metric: str) -> MetricDifference:
    """Return the paired difference of the final values, and count the pairs without a value."""
    difference_S = _pair_by_pair(arms, metric)
    whole_S = np.isfinite(difference_S)
    left_out = int((~whole_S).sum())
    if not whole_S.any():
        return MetricDifference(mean=None, low=None, high=None, pairs=0, left_out=left_out)
    found = statistics.summed_up(difference_S[whole_S], statistics.LEVEL)
    difference = MetricDifference(**strict(found), left_out=left_out)
    if not isinstance(new_rows := for_new_rows(arms, metric), str):
        difference.new_rows = new_rows.recorded(statistics.LEVEL)
    return difference


def _pair_by_pair(arms: PairedArms, metric: str) -> Floats:
    """Return each pair's difference of the final values, (S,); not finite if a seed of the pair has no value."""
    treated_S = final_values(arms.treated, metric, guessing_of(arms.arm))
    return statistics.subtracted(treated_S, final_values(arms.base, metric, guessing_of(arms.baseline)))


def _reach_difference(arms: PairedArms, question: ResolvedQuestion) -> ReachDifference | None:
    """Return the paired difference in epochs to the target, and the speed-up in epochs, within the smaller budget.

    There is no speed-up in seconds: each arm's time for an epoch was measured only once, so its error is not known.
    """
    if question.target is None:
        return None
    budget = min(arms.arm.experiment.training.epochs, arms.baseline.experiment.training.epochs)
    found = [epochs_to_target(history, question) for history in (arms.treated, arms.base)]
    treated_S, base_S = (np.where(epochs_S <= budget, epochs_S, np.nan) for epochs_S in found)
    capped_S = [np.nan_to_num(epochs_S, nan=budget) for epochs_S in (treated_S, base_S)]
    speed_up = statistics.speed_up(treated_S, base_S, budget, statistics.LEVEL)
    return ReachDifference(
        epochs=MetricDifference(**strict(statistics.paired_difference(capped_S[0], capped_S[1], statistics.LEVEL))),
        speed_up=None if speed_up is None else SpeedUp(**strict(speed_up)),
    )
