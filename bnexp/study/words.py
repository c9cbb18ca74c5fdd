"""What is said of a hypothesis: what it asks, its effect with interval and unit, and the sentence of its verdict.

Everything is written from the hypothesis and from what study.json holds of it.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from bnexp.comparison.metric_rules import WARNINGS_FIRST
from bnexp.config.study import Endpoint, Hypothesis, keys_of
from bnexp.metrics import number, with_unit
from bnexp.statistics import Conclusion
from bnexp.store.comparison_document import Interval
from bnexp.store.study_document import Findings
from bnexp.study.grid import level_text

AFTER_RESULTS = "This hypothesis was added or changed after the results were known: treat it as exploratory."


def sentence(claim: Findings, found: Conclusion) -> str:
    """Return what a word that is not withheld rests on and, for an open question, what would settle it."""
    what, limit = f"{about(claim)} is {effect(claim)}", size(claim, claim.smallest)
    if found.word == "supported":
        whose = f"{claim.treated} is " if claim.is_ratio else ""
        return f"{what}: {whose}{claim.direction}, by {limit} or more.{_where_tests_part(claim)}"
    if found.word == "refuted":
        return f"{what}: {_why_refuted(claim, limit)}"
    if found.settled_by is None and any(claim.never_reached.values()):
        never = sum(claim.never_reached.values())
        cure = "More training.epochs would settle it."
        return f"{what}; {never} trainings never reach {claim.metric.epochs_to:g}. {cure}"
    return f"{what}, and the smallest effect of interest is {limit}. {_what_would_settle(claim, found)}"


def _why_refuted(claim: Findings, limit: str) -> str:
    """Return that the effect points the other way, or that it is too small to matter, with its interval."""
    low, high = (None, None) if claim.difference is None else (claim.difference.low, claim.difference.high)
    if low is not None and high is not None and (high < 0 if claim.direction == "higher" else low > 0):
        return f"the other way round.{_where_tests_part(claim)}"
    narrow = claim.equivalence
    said = "" if narrow is None else f" ({100 * narrow.level:.4g}% interval {bounds(claim, narrow)})"
    return f"less than {limit} either way{said}."


def _where_tests_part(claim: Findings) -> str:
    """Return a note if the sign-flip test, which stands beside the interval that decides, does not exclude zero."""
    p_value = _p_value(claim)
    if claim.counts or p_value <= 1 - claim.level:
        return ""
    return f" The interval decides; the sign-flip test alone would not say so (p {p_value:.2g}). More seeds are safer."


def _p_value(claim: Findings) -> float:
    """Return the p-value of the sign-flip test; 1 where nothing was tested."""
    known = None if claim.difference is None else claim.difference.p_value
    return 1.0 if known is None else known


def _what_would_settle(claim: Findings, found: Conclusion) -> str:
    if claim.warned:
        return WARNINGS_FIRST
    if found.settled_by:
        return f"About {found.settled_by} seeds would settle it."
    if claim.counts and _p_value(claim) > 1 - claim.level:
        return f"Its exact test has p {_p_value(claim):.2g}. More seeds would settle it."
    return "More seeds alone will not do."


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
    name = endpoint_name(endpoint)
    if claim.over is None:
        return name
    if claim.over.take == "width":
        return f"width in {claim.over.factor} (decades) of {endpoint.metric} within {claim.over.within:g} of its best"
    return f"{claim.over.take} over {claim.over.factor} of {name}"


def endpoint_name(endpoint: Endpoint) -> str:
    """Name an endpoint, with its unit.

    >>> endpoint_name(Endpoint(metric="val_accuracy", epochs_to=0.9))
    'epochs to val_accuracy 90.00%'
    """
    metric = endpoint.metric
    percent = "%" if with_unit(metric) != metric else ""
    if endpoint.epochs_to is not None:
        return f"epochs to {metric} {number(metric, endpoint.epochs_to)}{percent}"
    if endpoint.failures_below is not None:
        return f"failures, {metric} below {number(metric, endpoint.failures_below)}{percent} (%)"
    return with_unit(metric)


def _levels(at: Mapping[str, Any]) -> str:
    """Write levels, each after the last word of its key; of several levels all are named.

    >>> _levels({"dataset.samples, dataset.resample": [1000, True], "training.epochs": [1, 2]})
    'samples, resample [1000, true], epochs [1, 2]'
    """
    words = {name: ", ".join(key.rpartition(".")[2] for key in keys_of(name)) for name in at}
    return ", ".join(f"{words[name]} {level_text(level)}" for name, level in at.items())


def effect(claim: Findings) -> str:
    """Write the effect of a hypothesis with its interval; a ratio of epochs may be a bound only."""
    if claim.difference is None:
        return "-"
    text = written(claim, claim.difference)
    match claim.reading:
        case "at least":
            return f">= {text}"
        case "at most":
            return f"<= {text}"
        case "restricted means":
            return f"{text} within the budget"
    return text


def written(claim: Hypothesis, interval: Interval) -> str:
    """Write a difference with its interval in the unit of its claim; of epochs, how many times fewer they are."""
    mean = _value(claim, interval.mean)
    return mean if interval.low is None else f"{mean} {bounds(claim, interval)}"


def bounds(claim: Hypothesis, interval: Interval) -> str:
    """Write the bounds of a difference in the unit of its claim; nothing if it has none."""
    if interval.low is None:
        return ""
    low, high = (interval.high, interval.low) if claim.is_ratio else (interval.low, interval.high)
    return f"[{_value(claim, low)}, {_value(claim, high)}]"


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
