"""One arm against the baseline: every metric's paired difference, the way to the target, and the verdict.

Axis: S seeds.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import asdict, replace
from typing import Any

import numpy as np

from bnexp import statistics
from bnexp.comparison.metric_rules import (
    ROUNDING,
    WARNINGS_FIRST,
    chosen_by,
    is_margin_of_all,
    judged_by_what_chose,
    lost_pairs,
    nothing_learned,
    penalty_in_loss,
    score_of_guessing,
)
from bnexp.comparison.pairing import Arm, PairedArms, agreement, confounders, varied
from bnexp.comparison.question import RELATIVE_MARGIN, ResolvedQuestion
from bnexp.history import History
from bnexp.metrics import higher_is_better, number, with_unit
from bnexp.statistics import strict, strict_values
from bnexp.statistics.arrays import Floats


def contrast(arms: PairedArms, question: ResolvedQuestion) -> dict[str, Any]:
    """Return one entry of `contrasts` in comparison.json."""
    shared = [name for name in arms.treated.metrics if name in arms.base.metrics]
    differences = {name: _difference(arms, name) for name in shared}
    experiments = {arm.name: [arm.experiment] for arm in (arms.arm, arms.baseline)}
    failed = [
        np.array([seed in history.diverged_at for seed in history.seeds]) for history in (arms.treated, arms.base)
    ]
    return {
        "arm": arms.arm.name,
        "baseline": arms.baseline.name,
        "pairing": agreement(arms),
        "metrics": differences,
        "pairs": strict_values(_pair_by_pair(arms, question.metric)),
        "to_target": _reach_difference(arms, question),
        "diverged_p_value": statistics.failure_difference(*failed),
        "varied": varied(arms),
        "confounders": confounders(arms),
        "cautions": list(penalty_in_loss(question.metric, shared, experiments)),
        "verdict": _verdict(arms, differences[question.metric], question),
    }


def _difference(arms: PairedArms, metric: str) -> dict[str, Any]:
    """Return the paired difference of the final values; pairs without a value, since a seed diverged, are counted."""
    difference_S = _pair_by_pair(arms, metric)
    whole_S = np.isfinite(difference_S)
    left_out = int((~whole_S).sum())
    if not whole_S.any():
        return {"mean": None, "low": None, "high": None, "pairs": 0, "left_out": left_out}
    return {**strict(statistics.summed_up(difference_S[whole_S], statistics.LEVEL)), "left_out": left_out}


def _pair_by_pair(arms: PairedArms, metric: str) -> Floats:
    """Return the difference of the final values, (S,), not finite where a seed has none."""
    treated_S = final_values(arms.treated, metric, guessing_of(arms.arm))
    return statistics.subtracted(treated_S, final_values(arms.base, metric, guessing_of(arms.baseline)))


def _reach_difference(arms: PairedArms, question: ResolvedQuestion) -> dict[str, Any] | None:
    """Return the paired difference in epochs to the target, and the speed-up in epochs, within the smaller budget.

    Seconds have none: what an epoch took was measured once for each arm, so that no interval could tell its error.
    """
    if question.target is None:
        return None
    budget = min(arms.arm.experiment.training.epochs, arms.baseline.experiment.training.epochs)
    found = [_epochs_to(history, question) for history in (arms.treated, arms.base)]
    treated_S, base_S = (np.where(epochs_S <= budget, epochs_S, np.nan) for epochs_S in found)
    capped_S = [np.nan_to_num(epochs_S, nan=budget) for epochs_S in (treated_S, base_S)]
    return {
        "epochs": strict(statistics.paired_difference(capped_S[0], capped_S[1], statistics.LEVEL)),
        "speed_up": strict(statistics.speed_up(treated_S, base_S, budget, statistics.LEVEL)),
    }


def _verdict(arms: PairedArms, difference: dict[str, Any], question: ResolvedQuestion) -> dict[str, Any]:
    if reason := _what_withholds(arms, difference, question.metric):
        return {"word": "cannot tell yet", "settled_by": None, "sentence": reason}
    keys = ("low", "high", "mean", "pairs", "standard_deviation")
    known: dict[str, Any] = {key: math.nan if difference[key] is None else difference[key] for key in keys}
    result = statistics.verdict(**known, margin=question.margin, higher_is_better=higher_is_better(question.metric))
    if result.word == "no difference that matters" and (reason := _margin_takes_all(arms, question)):
        return {"word": "cannot tell yet", "settled_by": None, "sentence": reason}
    if _are_warned(arms) and difference["pairs"] >= statistics.FEWEST_PAIRS:
        result = replace(result, settled_by=None)
    return {**asdict(result), "sentence": _sentence(arms, difference, question, result)}


def _are_warned(arms: PairedArms) -> bool:
    """Return True if one of the two arms has warnings, which no number of seeds removes."""
    return bool(arms.arm.record["warnings"] or arms.baseline.record["warnings"])


def _margin_takes_all(arms: PairedArms, question: ResolvedQuestion) -> str | None:
    """Return why a margin says nothing about a loss or an error: one as large as the baseline's whole mean."""
    mean = statistics.of_finite(final_values(arms.base, question.metric, guessing_of(arms.baseline)))["mean"]
    if mean is None or not is_margin_of_all(question.metric, question.margin, mean):
        return None
    margin = f"the margin is {number(question.metric, question.margin)}"
    seen = f"{margin} and the mean {question.metric} of {arms.baseline.name} is"
    cure = f"Use a smaller one, such as --margin {RELATIVE_MARGIN * mean:.2g}."
    return f"No verdict: {seen} {number(question.metric, mean)}, so that even a perfect net would not matter. {cure}"


def _what_withholds(arms: PairedArms, difference: dict[str, Any], metric: str) -> str | None:
    """Return why the verdict is withheld, whatever the numbers are; None if it is not."""
    if count := difference["left_out"]:
        return f"No verdict: {lost_pairs(count)}"
    chosen = chosen_by([arms.arm.experiment, arms.baseline.experiment])
    for text in judged_by_what_chose(metric, chosen):
        return f"No verdict: it {text} Then train both again."
    if difference["pairs"] < statistics.FEWEST_PAIRS or any(_beats_guessing(*side, metric) for side in _both(arms)):
        return None
    scores = [score_of_guessing(metric, one_class_of(arm)) for arm, _ in _both(arms)]
    known = [score for score in scores if score is not None]
    if not known:
        return None
    who = f"neither {arms.arm.name} nor {arms.baseline.name}"
    return nothing_learned(metric, max(known), who, read="Use --metric")


def _both(arms: PairedArms) -> tuple[tuple[Arm, History], tuple[Arm, History]]:
    return (arms.arm, arms.treated), (arms.baseline, arms.base)


def _beats_guessing(arm: Arm, history: History, metric: str) -> bool:
    """Return True if the interval of an arm's mean lies above what guessing scores, where that is known."""
    score = score_of_guessing(metric, one_class_of(arm))
    return score is not None and statistics.beats(final_values(history, metric, guessing_of(arm)), score + ROUNDING)


def _sentence(
    arms: PairedArms, difference: dict[str, Any], question: ResolvedQuestion, result: statistics.Verdict
) -> str:
    """Return one sentence on what the word rests on."""
    if difference["pairs"] < statistics.FEWEST_PAIRS:
        few = f"{difference['pairs']} pair{'s are' if difference['pairs'] > 1 else ' is'} too few for a verdict"
        reason = f"{statistics.FEWEST_PAIRS} are the fewest that could all agree by chance in less than 5%"
        return f"{few}; {reason}. Use --seeds 20."
    half = difference["high"] - difference["mean"]
    keys = ("mean", "low", "high")
    mean, low, high = (number(question.metric, difference[key], spread=half, signed=True) for key in keys)
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
    if not difference["standard_deviation"] and abs(difference["mean"]) < question.margin:
        same = f"{what} is {mean} in all {difference['pairs']} pairs"
        enough = f"; it takes {result.settled_by} equal pairs to say that no difference matters"
        return f"{same}{enough if result.settled_by else ''}.{first}"
    more = f" About {result.settled_by} pairs would settle it." if result.settled_by else ""
    return f"{what} lies in [{low}, {high}], and the margin is ±{limit}.{first}{more}"


# --- one arm by itself ----------------------------------------------------------


def arm_facts(arm: Arm, history: History, question: ResolvedQuestion) -> dict[str, Any]:
    """Return one entry of `arms` in comparison.json."""
    return {
        "name": arm.name,
        "run": arm.run,
        "parameters": arm.record["parameters"],
        "seeds": len(history.seeds),
        "overrides": list(arm.record.get("overrides", ())),
        "warnings": arm.record["warnings"],
        "diverged": {str(seed): epoch for seed, epoch in history.diverged_at.items()},
        "metrics": {
            name: statistics.of_finite(final_values(history, name, guessing_of(arm))) for name in history.metrics
        },
        "to_target": None if question.target is None else _reach(arm, _epochs_to(history, question)),
    }


def final_values(history: History, metric: str, guessing: Mapping[str, float]) -> Floats:
    """Return each seed's final value, (S,), as it is judged: `History.as_judged`."""
    return history.as_judged(metric, history.final(metric), guessing)


def epochs_to(history: History, metric: str, target: float) -> Floats:
    """Return each seed's first epoch at the target, (S,), NaN if never: a diverged seed reaches none."""
    epochs_S = statistics.epochs_to_target(history.metrics[metric], target, higher_is_better(metric))
    return np.where([seed in history.diverged_at for seed in history.seeds], np.nan, epochs_S)


def guessing_of(arm: Arm) -> Mapping[str, float]:
    """Return `Data.guessing`; runs of before it was recorded have none, and their diverged seeds no value."""
    shares: Mapping[str, float] = arm.record["dataset"].get("guessing", {})
    return shares


def one_class_of(arm: Arm) -> Mapping[str, float]:
    """Return `Data.one_class`; runs of before it was recorded have what guessing scores."""
    scores: Mapping[str, float] = arm.record["dataset"].get("one_class", guessing_of(arm))
    return scores


def _epochs_to(history: History, question: ResolvedQuestion) -> Floats:
    if question.target is None:
        return np.full(len(history.seeds), np.nan)
    return epochs_to(history, question.target_metric, question.target)


def _reach(arm: Arm, epochs_S: Floats) -> dict[str, Any]:
    """Return how soon the target was reached; a censored seed (target never reached) counts with the whole budget."""
    budget, share = arm.experiment.training.epochs, arm.record["seed_epoch_seconds"]
    reach = statistics.reach(epochs_S, budget)
    return {
        "reached": reach.reached,
        "seeds": reach.seeds,
        "budget_epochs": budget,
        "mean_epochs": reach.restricted_mean,
        "mean_seconds": None if share is None else reach.restricted_mean * share,
        "epochs": strict_values(epochs_S),
    }
