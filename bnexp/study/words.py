"""What is said of a hypothesis: what it asks, its effect with interval and unit, and the sentence of its verdict.

Everything is written from the hypothesis and its part of study.json alone.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from bnexp.comparison.judgement import Evidence, Wording, withheld
from bnexp.comparison.metric_rules import WARNINGS_FIRST
from bnexp.config.study import Hypothesis, keys_of
from bnexp.metrics import number, with_unit
from bnexp.statistics import Conclusion
from bnexp.study.grid import level_text


def sentence(claim: Hypothesis, facts: Mapping[str, Any], found: Conclusion) -> str:
    """Return what the word rests on and, for an open question, what would settle it."""
    if held := withheld(_evidence(claim, facts), _wording(claim)):
        return held.sentence
    what, limit = f"{about(claim)} is {effect(facts)}", size(claim, claim.smallest)
    if found.word == "supported":
        whose = f"{claim.treated} is " if claim.is_ratio else ""
        return f"{what}: {whose}{claim.direction}, by {limit} or more.{_where_tests_part(claim, facts)}"
    if found.word == "refuted":
        low, high = facts["difference"]["low"], facts["difference"]["high"]
        if high < 0 if claim.direction == "higher" else low > 0:
            return f"{what}: the other way round.{_where_tests_part(claim, facts)}"
        narrow = facts["equivalence"]
        bounds = written(claim, narrow).partition(" ")[2]
        return f"{what}: less than {limit} either way ({100 * narrow['level']:.4g}% interval {bounds})."
    if found.settled_by is None and any(facts["never_reached"].values()):
        never = sum(facts["never_reached"].values())
        cure = "More training.epochs would settle it."
        return f"{what}; {never} trainings never reach {claim.metric.epochs_to:g}. {cure}"
    return f"{what}, and the smallest effect of interest is {limit}. {_what_would_settle(claim, facts, found)}"


def _where_tests_part(claim: Hypothesis, facts: Mapping[str, Any]) -> str:
    """Return a note if the sign-flip test, which stands beside the interval that decides, does not exclude zero."""
    p_value = facts["difference"]["p_value"]
    if claim.counts or p_value <= 1 - facts["level"]:
        return ""
    return f" The interval decides; the sign-flip test alone would not say so (p {p_value:.2g}). More seeds are safer."


def _evidence(claim: Hypothesis, facts: Mapping[str, Any]) -> Evidence:
    """Return what the verdict rests on; a part that chose is refused before any training."""
    return Evidence(
        claim.metric.metric,
        pairs=facts["pairs"],
        lost=facts["left_out"],
        guessing=facts.get("guessing"),
        level=facts["level"],
    )


def _wording(claim: Hypothesis) -> Wording:
    return Wording(
        who=f"neither {claim.treated} nor {claim.baseline}, in any cell that is read,",
        more_pairs="Use more seeds.",
        lost_too=" (a 0 has no ratio and counts as lost, too)" if claim.metric.ratio else "",
        after_loss="Read an accuracy, count failures (failures_below), or lower the learning rate.",
    )


def _what_would_settle(claim: Hypothesis, facts: Mapping[str, Any], found: Conclusion) -> str:
    if facts["warned"]:
        return WARNINGS_FIRST
    if found.settled_by:
        return f"About {found.settled_by} seeds would settle it."
    if claim.counts and facts["difference"]["p_value"] > 1 - facts["level"]:
        return f"Its exact test has p {facts['difference']['p_value']:.2g}. More seeds would settle it."
    return "More seeds alone will not do."


def hypothesis_of(facts: Mapping[str, Any]) -> Hypothesis:
    """Return the hypothesis that stands in one of study.json's."""
    return Hypothesis.model_validate({key: facts[key] for key in Hypothesis.model_fields})


def about(claim: Hypothesis) -> str:
    """Return what is contrasted: the endpoint, the arms, where."""
    pair = f"{claim.baseline} / {claim.treated}" if claim.is_ratio else f"{claim.treated} - {claim.baseline}"
    if claim.wins:
        pair = f"seeds in which {claim.treated} beats {claim.baseline} (%), less 50"
    minus = "" if claim.minus is None else f" less the same at {_levels(claim.minus)}"
    at = f" at {_levels(claim.at)}" if claim.at else ""
    return f"{endpoint_text(claim)}, {pair}{at}{minus}"


def asks(claim: Hypothesis) -> str:
    """Return what would support a claim."""
    if claim.is_ratio:
        bound = f"{claim.smallest:g} or more" if claim.direction == "lower" else f"{1 / claim.smallest:.3g} or less"
        return f"supported if {about(claim)} is {bound}"
    return f"supported if {about(claim)} is {claim.direction}, by {size(claim, claim.smallest)} or more"


def endpoint_text(claim: Hypothesis) -> str:
    """Name what a claim is about, with its unit."""
    endpoint = claim.metric
    name = endpoint_name(endpoint.model_dump())
    if claim.over is None:
        return name
    if claim.over.take == "width":
        return f"width in {claim.over.factor} (decades) of {endpoint.metric} within {claim.over.within:g} of its best"
    return f"{claim.over.take} over {claim.over.factor} of {name}"


def endpoint_name(endpoint: dict[str, Any]) -> str:
    """Name an endpoint, with its unit.

    >>> endpoint_name({"metric": "val_accuracy", "epochs_to": 0.9, "failures_below": None})
    'epochs to val_accuracy 90.00%'
    """
    metric = endpoint["metric"]
    percent = "%" if with_unit(metric) != metric else ""
    if endpoint["epochs_to"] is not None:
        return f"epochs to {metric} {number(metric, endpoint['epochs_to'])}{percent}"
    if endpoint["failures_below"] is not None:
        return f"failures, {metric} below {number(metric, endpoint['failures_below'])}{percent} (%)"
    return with_unit(metric)


def _levels(at: Mapping[str, Any]) -> str:
    """Write levels, each after the last word of its key; of several levels all are named.

    >>> _levels({"dataset.samples, dataset.resample": [1000, True], "training.epochs": [1, 2]})
    'samples, resample [1000, true], epochs [1, 2]'
    """
    words = {name: ", ".join(key.rpartition(".")[2] for key in keys_of(name)) for name in at}
    return ", ".join(f"{words[name]} {level_text(level)}" for name, level in at.items())


def effect(facts: Mapping[str, Any]) -> str:
    """Write the effect of a hypothesis of study.json with its interval; a ratio of epochs may be a bound only."""
    text = written(hypothesis_of(facts), facts["difference"])
    match facts["reading"]:
        case "at least":
            return f">= {text}"
        case "at most":
            return f"<= {text}"
        case "restricted means":
            return f"{text} within the budget"
    return text


def written(claim: Hypothesis, interval: Mapping[str, Any]) -> str:
    """Write a difference with its interval in the unit of its claim; of epochs, how many times fewer they are."""
    values = [interval[key] for key in ("mean", "low", "high")]
    if claim.is_ratio:
        values = [values[0], values[2], values[1]]
    mean, low, high = (_value(claim, value) for value in values)
    return f"{mean} [{low}, {high}]" if interval["low"] is not None else mean


def size(claim: Hypothesis, value: float) -> str:
    """Write the size of an effect in the unit of its claim."""
    if claim.is_ratio:
        return f"{value:g} times"
    return _plain(claim, value, signed=False)


def _value(claim: Hypothesis, value: float | None) -> str:
    if value is None:
        return "-"
    return f"{math.exp(-value):.3g}" if claim.is_ratio else _plain(claim, value, signed=True)


def _plain(claim: Hypothesis, value: float, *, signed: bool) -> str:
    if claim.over is not None and claim.over.take == "width" and not claim.wins:
        return f"{number('', value, signed=signed)} decades" if signed is False else number("", value, signed=signed)
    metric = "accuracy" if claim.counts else claim.metric.metric
    return number(metric, value, signed=signed)
