"""One arm against the baseline: every metric's paired difference, the way to the target, and the verdict.

Axis: S seeds.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

import numpy as np

from bnexp import statistics
from bnexp.comparison.pairing import Arm, Sides, agreement, confounders, varied
from bnexp.comparison.question import RELATIVE_MARGIN, Terms
from bnexp.history import Floats, History
from bnexp.metrics import higher_is_better, number, with_unit
from bnexp.questions import (
    ROUNDING,
    chosen_by,
    is_margin_of_all,
    judged_by_what_chose,
    nothing_learned,
    penalty_in_loss,
    score_of_guessing,
)
from bnexp.statistics import strict, strict_values


def contrast(sides: Sides, terms: Terms) -> dict[str, Any]:
    """Give one entry of `contrasts` in comparison.json."""
    shared = [name for name in sides.treated.metrics if name in sides.base.metrics]
    differences = {name: _difference(sides, name) for name in shared}
    experiments = {arm.name: [arm.experiment] for arm in (sides.arm, sides.baseline)}
    failed = [
        np.array([seed in history.diverged_at for seed in history.seeds]) for history in (sides.treated, sides.base)
    ]
    return {
        "arm": sides.arm.name,
        "baseline": sides.baseline.name,
        "pairing": agreement(sides),
        "metrics": differences,
        "pairs": strict_values(_pair_by_pair(sides, terms.metric)),
        "to_target": _reach_difference(sides, terms),
        "diverged_p_value": statistics.failure_difference(*failed),
        "varied": varied(sides),
        "confounders": confounders(sides),
        "cautions": list(penalty_in_loss(terms.metric, shared, experiments)),
        "verdict": _verdict(sides, differences[terms.metric], terms),
    }


def _difference(sides: Sides, metric: str) -> dict[str, Any]:
    """Give the paired difference of the final values; pairs without a value, since a seed diverged, are counted."""
    difference_S = _pair_by_pair(sides, metric)
    whole_S = np.isfinite(difference_S)
    left_out = int((~whole_S).sum())
    if not whole_S.any():
        return {"mean": None, "low": None, "high": None, "pairs": 0, "left_out": left_out}
    return {**strict(statistics.summed_up(difference_S[whole_S], statistics.LEVEL)), "left_out": left_out}


def _pair_by_pair(sides: Sides, metric: str) -> Floats:
    """Give the difference of the final values, (S,), not finite where a seed has none."""
    treated_S = final_values(sides.treated, metric, guessing_of(sides.arm))
    return statistics.subtracted(treated_S, final_values(sides.base, metric, guessing_of(sides.baseline)))


def _reach_difference(sides: Sides, terms: Terms) -> dict[str, Any] | None:
    """Give the paired difference in epochs to the target and how many times fewer they are, within the smaller budget.

    Seconds have none: what an epoch took was measured once for each arm, so that no interval could tell its error.
    """
    if terms.target is None:
        return None
    budget = min(sides.arm.experiment.training.epochs, sides.baseline.experiment.training.epochs)
    found = [_epochs_to(history, terms) for history in (sides.treated, sides.base)]
    treated_S, base_S = (np.where(epochs_S <= budget, epochs_S, np.nan) for epochs_S in found)
    capped_S = [np.nan_to_num(epochs_S, nan=budget) for epochs_S in (treated_S, base_S)]
    return {
        "epochs": strict(statistics.paired_difference(capped_S[0], capped_S[1], statistics.LEVEL)),
        "speed_up": strict(statistics.speed_up(treated_S, base_S, budget, statistics.LEVEL)),
    }


def _verdict(sides: Sides, difference: dict[str, Any], terms: Terms) -> dict[str, Any]:
    if reason := _what_withholds(sides, difference, terms.metric):
        return {"word": "cannot tell yet", "settled_by": None, "sentence": reason}
    keys = ("low", "high", "mean", "pairs", "standard_deviation")
    known: dict[str, Any] = {key: math.nan if difference[key] is None else difference[key] for key in keys}
    result = statistics.verdict(**known, margin=terms.margin, higher_is_better=higher_is_better(terms.metric))
    if result.word == "no difference that matters" and (reason := _margin_takes_all(sides, terms)):
        return {"word": "cannot tell yet", "settled_by": None, "sentence": reason}
    return {**asdict(result), "sentence": _sentence(sides, difference, terms, result)}


def _margin_takes_all(sides: Sides, terms: Terms) -> str | None:
    """Return why a margin says nothing about a loss or an error: one as large as the baseline's whole mean."""
    mean = statistics.of_finite(final_values(sides.base, terms.metric, guessing_of(sides.baseline)))["mean"]
    if mean is None or not is_margin_of_all(terms.metric, terms.margin, mean):
        return None
    seen = f"the margin is {number(terms.metric, terms.margin)} and the mean {terms.metric} of {sides.baseline.name} is"
    cure = f"Use a smaller one, such as --margin {RELATIVE_MARGIN * mean:.2g}."
    return f"No verdict: {seen} {number(terms.metric, mean)}, so that even a perfect net would not matter. {cure}"


def _what_withholds(sides: Sides, difference: dict[str, Any], metric: str) -> str | None:
    """Return why the verdict is withheld, whatever the numbers are; None if it is not."""
    if count := difference["left_out"]:
        held = f"{count} pairs hold" if count > 1 else "1 pair holds"
        return f"{held} a diverged seed without a value; the others alone would flatter."
    chosen = chosen_by([sides.arm.experiment, sides.baseline.experiment])
    for text in judged_by_what_chose(metric, chosen):
        return f"No verdict: it {text} Then train both again."
    if difference["pairs"] < statistics.FEWEST_PAIRS or any(_beats_guessing(*side, metric) for side in _both(sides)):
        return None
    scores = [score_of_guessing(metric, one_class_of(arm)) for arm, _ in _both(sides)]
    known = [score for score in scores if score is not None]
    if not known:
        return None
    who = f"neither {sides.arm.name} nor {sides.baseline.name}"
    return nothing_learned(metric, max(known), who, read="Use --metric")


def _both(sides: Sides) -> tuple[tuple[Arm, History], tuple[Arm, History]]:
    return (sides.arm, sides.treated), (sides.baseline, sides.base)


def _beats_guessing(arm: Arm, history: History, metric: str) -> bool:
    """Return True if the interval of an arm's mean lies above what guessing scores, where that is known."""
    score = score_of_guessing(metric, one_class_of(arm))
    return score is not None and statistics.beats(final_values(history, metric, guessing_of(arm)), score + ROUNDING)


def _sentence(sides: Sides, difference: dict[str, Any], terms: Terms, result: statistics.Verdict) -> str:
    """Say in one sentence what the word rests on."""
    if difference["pairs"] < statistics.FEWEST_PAIRS:
        few = f"{difference['pairs']} pair{'s are' if difference['pairs'] > 1 else ' is'} too few for a verdict"
        reason = f"{statistics.FEWEST_PAIRS} are the fewest that could all agree by chance in less than 5%"
        return f"{few}; {reason}. Use --seeds 20."
    half = difference["high"] - difference["mean"]
    keys = ("mean", "low", "high")
    mean, low, high = (number(terms.metric, difference[key], spread=half, signed=True) for key in keys)
    warned = sides.arm.record["warnings"] or sides.baseline.record["warnings"]
    first = " Mind the warnings first: no number of pairs cures what they tell of." if warned else ""
    what = f"In {with_unit(terms.metric)}, {sides.arm.name} - {sides.baseline.name}"
    limit = number(terms.metric, terms.margin)
    match result.word:
        case "helps" | "hurts":
            better = "better" if result.word == "helps" else "worse"
            return f"{what} is {mean} [{low}, {high}]: {better}, on average by the margin of {limit} or more.{first}"
        case "no difference that matters":
            return f"{what} lies in [{low}, {high}], inside the margin of ±{limit}.{first}"
    if not difference["standard_deviation"] and abs(difference["mean"]) < terms.margin:
        same = f"{what} is {mean} in all {difference['pairs']} pairs"
        return f"{same}; it takes {result.settled_by} equal pairs to say that no difference matters.{first}"
    more = f" About {result.settled_by} pairs would settle it." if result.settled_by else ""
    return f"{what} lies in [{low}, {high}], and the margin is ±{limit}.{first}{more}"


# --- one arm by itself ----------------------------------------------------------


def arm_facts(arm: Arm, history: History, terms: Terms) -> dict[str, Any]:
    """Give one entry of `arms` in comparison.json."""
    return {
        "name": arm.name,
        "run": arm.run,
        "parameters": arm.record["parameters"],
        "seeds": len(history.seeds),
        "warnings": arm.record["warnings"],
        "diverged": {str(seed): epoch for seed, epoch in history.diverged_at.items()},
        "metrics": {
            name: statistics.of_finite(final_values(history, name, guessing_of(arm))) for name in history.metrics
        },
        "to_target": None if terms.target is None else _reach(arm, _epochs_to(history, terms)),
    }


def final_values(history: History, metric: str, guessing: Mapping[str, float]) -> Floats:
    """Give each seed's final value, (S,), as it is judged: `History.as_judged`."""
    return history.as_judged(metric, history.final(metric), guessing)


def epochs_to(history: History, metric: str, target: float) -> Floats:
    """Give each seed's first epoch at the target, (S,), NaN if never: a diverged seed reaches none."""
    epochs_S = statistics.epochs_to_target(history.metrics[metric], target, higher_is_better(metric))
    return np.where([seed in history.diverged_at for seed in history.seeds], np.nan, epochs_S)


def guessing_of(arm: Arm) -> Mapping[str, float]:
    """Give `Data.guessing`; runs of before it was recorded have none, and their diverged seeds no value."""
    shares: Mapping[str, float] = arm.record["dataset"].get("guessing", {})
    return shares


def one_class_of(arm: Arm) -> Mapping[str, float]:
    """Return `Data.one_class`; runs of before it was recorded have what guessing scores."""
    scores: Mapping[str, float] = arm.record["dataset"].get("one_class", guessing_of(arm))
    return scores


def _epochs_to(history: History, terms: Terms) -> Floats:
    if terms.target is None:
        return np.full(len(history.seeds), np.nan)
    return epochs_to(history, terms.target_metric, terms.target)


def _reach(arm: Arm, epochs_S: Floats) -> dict[str, Any]:
    """Tell how soon the target was reached; a seed that never reached it counts with the whole budget."""
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
