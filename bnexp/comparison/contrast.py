"""One arm against the baseline: every metric's paired difference, the way to the target, and the verdict.

Axis: S seeds.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import asdict, replace

import numpy as np

from bnexp import statistics
from bnexp.comparison.judgement import Evidence, Wording, unbeaten, withheld
from bnexp.comparison.metric_rules import WARNINGS_FIRST, chosen_by, is_margin_of_all, penalty_in_loss
from bnexp.comparison.pairing import Arm, PairedArms, agreement, confounders, varied
from bnexp.comparison.question import RELATIVE_MARGIN, ResolvedQuestion
from bnexp.history import History
from bnexp.metrics import higher_is_better, number, with_unit
from bnexp.statistics import strict, strict_values
from bnexp.statistics.arrays import Floats
from bnexp.store.comparison_document import (
    ArmFacts,
    ArmMean,
    Contrast,
    MetricDifference,
    Reach,
    ReachDifference,
    SpeedUp,
    Verdict,
)


def contrast(arms: PairedArms, question: ResolvedQuestion) -> Contrast:
    """Return one entry of `contrasts` in comparison.json."""
    shared = [name for name in arms.treated.metrics if name in arms.base.metrics]
    differences = {name: _difference(arms, name) for name in shared}
    experiments = {arm.name: [arm.experiment] for arm in (arms.arm, arms.baseline)}
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
        cautions=list(penalty_in_loss(question.metric, shared, experiments)),
        verdict=_verdict(arms, differences[question.metric], question),
    )


def _difference(arms: PairedArms, metric: str) -> MetricDifference:
    """Return the paired difference of the final values; pairs without a value, since a seed diverged, are counted."""
    difference_S = _pair_by_pair(arms, metric)
    whole_S = np.isfinite(difference_S)
    left_out = int((~whole_S).sum())
    if not whole_S.any():
        return MetricDifference(mean=None, low=None, high=None, pairs=0, left_out=left_out)
    found = statistics.summed_up(difference_S[whole_S], statistics.LEVEL)
    return MetricDifference(**strict(found), left_out=left_out)


def _pair_by_pair(arms: PairedArms, metric: str) -> Floats:
    """Return the difference of the final values, (S,), not finite where a seed has none."""
    treated_S = final_values(arms.treated, metric, guessing_of(arms.arm))
    return statistics.subtracted(treated_S, final_values(arms.base, metric, guessing_of(arms.baseline)))


def _reach_difference(arms: PairedArms, question: ResolvedQuestion) -> ReachDifference | None:
    """Return the paired difference in epochs to the target, and the speed-up in epochs, within the smaller budget.

    Seconds have none: what an epoch took was measured once for each arm, so that no interval could tell its error.
    """
    if question.target is None:
        return None
    budget = min(arms.arm.experiment.training.epochs, arms.baseline.experiment.training.epochs)
    found = [_epochs_to(history, question) for history in (arms.treated, arms.base)]
    treated_S, base_S = (np.where(epochs_S <= budget, epochs_S, np.nan) for epochs_S in found)
    capped_S = [np.nan_to_num(epochs_S, nan=budget) for epochs_S in (treated_S, base_S)]
    return ReachDifference(
        epochs=MetricDifference(**strict(statistics.paired_difference(capped_S[0], capped_S[1], statistics.LEVEL))),
        speed_up=SpeedUp(**strict(statistics.speed_up(treated_S, base_S, budget, statistics.LEVEL))),
    )


def _verdict(arms: PairedArms, difference: MetricDifference, question: ResolvedQuestion) -> Verdict:
    if held := withheld(_evidence(arms, difference, question.metric), _wording(arms)):
        return Verdict(word="cannot tell yet", settled_by=held.settled_by, sentence=held.sentence)
    result = statistics.verdict(
        low=_known(difference.low),
        high=_known(difference.high),
        mean=_known(difference.mean),
        pairs=difference.pairs,
        standard_deviation=_known(difference.standard_deviation),
        margin=question.margin,
        higher_is_better=higher_is_better(question.metric),
    )
    if result.word == "no difference that matters" and (reason := _margin_takes_all(arms, question)):
        return Verdict(word="cannot tell yet", settled_by=None, sentence=reason)
    if _are_warned(arms):
        result = replace(result, settled_by=None)
    return Verdict(**asdict(result), sentence=_sentence(arms, difference, question, result))


def _known(value: float | None) -> float:
    return math.nan if value is None else value


def _are_warned(arms: PairedArms) -> bool:
    """Return True if one of the two arms has warnings, which no number of seeds removes."""
    return bool(arms.arm.record.warnings or arms.baseline.record.warnings)


def _margin_takes_all(arms: PairedArms, question: ResolvedQuestion) -> str | None:
    """Return why a margin says nothing about a loss or an error: one as large as the baseline's whole mean."""
    mean = statistics.of_finite(final_values(arms.base, question.metric, guessing_of(arms.baseline)))["mean"]
    if mean is None or not is_margin_of_all(question.metric, question.margin, mean):
        return None
    margin = f"the margin is {number(question.metric, question.margin)}"
    seen = f"{margin} and the mean {question.metric} of {arms.baseline.name} is"
    cure = f"Use a smaller one, such as --margin {RELATIVE_MARGIN * mean:.2g}."
    return f"No verdict: {seen} {number(question.metric, mean)}, so that even a perfect net would not matter. {cure}"


def _evidence(arms: PairedArms, difference: MetricDifference, metric: str) -> Evidence:
    """Return what the verdict rests on; of the same rows, what one run says of guessing holds for the other too."""
    scores = [one_class_of(arm) for arm in (arms.arm, arms.baseline)]
    sides = ((arms.arm, arms.treated), (arms.baseline, arms.base))
    values = [final_values(history, metric, guessing_of(arm)) for arm, history in sides]
    return Evidence(
        metric,
        pairs=difference.pairs,
        lost=difference.left_out,
        guessing=unbeaten(metric, [(scores[0] or scores[1], values[0]), (scores[1] or scores[0], values[1])]),
        chosen=chosen_by([arms.arm.experiment, arms.baseline.experiment]),
    )


def _wording(arms: PairedArms) -> Wording:
    return Wording(
        who=f"neither {arms.arm.name} nor {arms.baseline.name}",
        more_pairs="Use --seeds 20.",
        read="Use --metric",
        after_choice="Then train both again.",
    )


def _sentence(
    arms: PairedArms, difference: MetricDifference, question: ResolvedQuestion, result: statistics.Verdict
) -> str:
    """Return one sentence on what the word rests on."""
    estimate = _known(difference.mean), _known(difference.low), _known(difference.high)
    half = estimate[2] - estimate[0]
    mean, low, high = (number(question.metric, value, spread=half, signed=True) for value in estimate)
    first = f" {WARNINGS_FIRST}" if _are_warned(arms) else ""
    what = f"In {with_unit(question.metric)}, {arms.arm.name} - {arms.baseline.name}"
    limit = number(question.metric, question.margin)
    match result.word:
        case "helps" | "hurts":
            better = "better" if result.word == "helps" else "worse"
            return (
                f"{what} is {mean} [{low}, {high}]: {better}, and the mean lies outside the margin of ±{limit}.{first}"
            )
        case "no difference that matters":
            return f"{what} lies in [{low}, {high}], inside the margin of ±{limit}.{first}"
    if not difference.standard_deviation and abs(estimate[0]) < question.margin:
        same = f"{what} is {mean} in all {difference.pairs} pairs"
        enough = f"; it takes {result.settled_by} equal pairs to say that no difference matters"
        return f"{same}{enough if result.settled_by else ''}.{first}"
    more = f" About {result.settled_by} pairs would settle it." if result.settled_by else ""
    return f"{what} lies in [{low}, {high}], and the margin is ±{limit}.{first}{more}"


# --- one arm by itself ----------------------------------------------------------


def arm_facts(arm: Arm, history: History, question: ResolvedQuestion) -> ArmFacts:
    """Return one entry of `arms` in comparison.json."""
    finals = {name: final_values(history, name, guessing_of(arm)) for name in history.metrics}
    return ArmFacts(
        name=arm.name,
        run=arm.run,
        parameters=arm.record.parameters,
        seeds=len(history.seeds),
        overrides=arm.record.overrides,
        warnings=arm.record.warnings,
        diverged={str(seed): epoch for seed, epoch in history.diverged_at.items()},
        metrics={name: ArmMean(**statistics.of_finite(values_S)) for name, values_S in finals.items()},
        to_target=None if question.target is None else _reach(arm, _epochs_to(history, question)),
    )


def final_values(history: History, metric: str, guessing: Mapping[str, float]) -> Floats:
    """Return each seed's final value, (S,), as it is judged: `History.as_judged`."""
    return history.as_judged(metric, history.final(metric), guessing)


def epochs_to(history: History, metric: str, target: float) -> Floats:
    """Return each seed's first epoch at the target, (S,), NaN if never: a diverged seed reaches none."""
    epochs_S = statistics.epochs_to_target(history.metrics[metric], target, higher_is_better(metric))
    return np.where([seed in history.diverged_at for seed in history.seeds], np.nan, epochs_S)


def guessing_of(arm: Arm) -> Mapping[str, float]:
    """Return `Data.guessing`; runs of before it was recorded have none, and their diverged seeds no value."""
    return arm.record.dataset.guessing


def one_class_of(arm: Arm) -> Mapping[str, float]:
    """Return `Data.one_class`; runs of before it was recorded have what guessing scores."""
    scores = arm.record.dataset.one_class
    return guessing_of(arm) if scores is None else scores


def _epochs_to(history: History, question: ResolvedQuestion) -> Floats:
    if question.target is None:
        return np.full(len(history.seeds), np.nan)
    return epochs_to(history, question.target_metric, question.target)


def _reach(arm: Arm, epochs_S: Floats) -> Reach:
    """Return how soon the target was reached; a censored seed (target never reached) counts with the whole budget."""
    budget, share = arm.experiment.training.epochs, arm.record.seed_epoch_seconds
    reach = statistics.reach(epochs_S, budget)
    return Reach(
        reached=reach.reached,
        seeds=reach.seeds,
        budget_epochs=budget,
        mean_epochs=reach.restricted_mean,
        mean_seconds=None if share is None else reach.restricted_mean * share,
        epochs=strict_values(epochs_S),
    )
