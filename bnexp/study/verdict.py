"""Contrasts -> the words: supported, refuted, inconclusive, each in a sentence, and the word for the whole study.

With several hypotheses, Holm's rule sets the level of each interval.
A diverged seed without a value withholds the verdict. For epochs to a value, the contrast is that of the log of
epochs within the budget; what seeds that never arrive make alike is not refuted, what they flatter not supported.

Axis: S seeds.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any

import numpy as np

from bnexp import statistics
from bnexp.config.study import Hypothesis, keys_of
from bnexp.metrics import number, with_unit
from bnexp.statistics import Conclusion, Floats
from bnexp.study.contrast import Contrast, higher_wins
from bnexp.study.grid import level_text

LEVEL = 0.95


def judged(claims: Sequence[Hypothesis], contrasts: Sequence[Contrast]) -> list[dict[str, Any]]:
    """Give the part of each hypothesis in study.json: the claim, its difference, tests, verdict."""
    effects = [_effect(claim, one.difference_S) for claim, one in zip(claims, contrasts, strict=True)]
    p_values = [
        1.0 if _lost(one) else statistics.t_test_p_value(effect_S)
        for one, effect_S in zip(contrasts, effects, strict=True)
    ]
    levels = statistics.holm_levels(p_values, LEVEL)
    return [
        _judged(claim, one, level, p_value)
        for claim, one, level, p_value in zip(claims, contrasts, levels, p_values, strict=True)
    ]


def overall(words: Sequence[str]) -> str:
    """Give the word for all hypotheses: supported if all are, refuted if one is, else inconclusive.

    >>> overall(["supported", "inconclusive"]), overall(["inconclusive", "refuted"])
    ('inconclusive', 'refuted')
    """
    if "refuted" in words:
        return "refuted"
    return "supported" if set(words) == {"supported"} else "inconclusive"


def _judged(claim: Hypothesis, contrast: Contrast, level: float, p_value: float) -> dict[str, Any]:
    lost = _lost(contrast)
    facts: dict[str, Any] = {**claim.model_dump(mode="json"), "level": level, "left_out": lost}
    measured_S = contrast.difference_S[np.isfinite(contrast.difference_S)]
    difference_S = _effect(claim, measured_S)
    facts |= {"never_reached": dict(zip((claim.treated, claim.baseline), contrast.never, strict=True))}
    facts["difference"] = (
        _strict(asdict(statistics.paired_difference(difference_S, difference_S * 0, level)))
        if len(difference_S)
        else None
    )
    facts["other_sign"] = statistics.chances_of_other_sign(measured_S)
    facts["t_test_p_value"] = None if lost else p_value
    check = statistics.bootstrap_interval(difference_S, level)
    facts["bootstrap"] = None if check is None else _strict(asdict(check))
    signed_S = difference_S * (1 if claim.direction == "higher" else -1)
    chance = statistics.probability_of_improvement(signed_S, LEVEL) if len(signed_S) else None
    facts["probability_of_improvement"] = None if chance is None else _strict(asdict(chance))
    found = _conclusion(claim, contrast, signed_S, level)
    facts["verdict"] = {**asdict(found), "sentence": _sentence(claim, contrast, facts, found)}
    return facts


def _effect(claim: Hypothesis, difference_S: Floats) -> Floats:
    """Give what a claim is about, (S,): the differences, or of each only who wins, 1/2 or -1/2 or, for a tie, 0."""
    return np.sign(difference_S) / (2 if higher_wins(claim) else -2) if claim.wins else difference_S


def _lost(contrast: Contrast) -> int:
    return int((~np.isfinite(contrast.difference_S)).sum())


def smallest_of(claim: Hypothesis) -> float:
    """Give the smallest effect of interest on the scale of the contrast: of a ratio its log."""
    return math.log(claim.smallest) if claim.is_ratio else claim.smallest


def _conclusion(claim: Hypothesis, contrast: Contrast, signed_S: Floats, level: float) -> Conclusion:
    if _lost(contrast):
        return Conclusion("inconclusive")
    found = statistics.conclusion(signed_S, smallest=smallest_of(claim), level=level)
    if found.word == "refuted" and _counts(claim) and not signed_S.any():
        needed = statistics.pairs_to_exclude(claim.smallest)
        if len(signed_S) < needed:
            return Conclusion("inconclusive", needed)
    opposite = statistics.mean_interval(signed_S, level).high < 0
    made_alike = found.word == "refuted" and any(contrast.never) and not opposite
    made_faster = found.word == "supported" and _flattered(claim, contrast.never)
    return Conclusion("inconclusive") if made_alike or made_faster else found


def _flattered(claim: Hypothesis, never: tuple[int, int]) -> bool:
    """Tell whether trainings that never arrive, counted with the budget, are of the side that should be the faster.

    Of an interaction each side is both; and one that never arrives wins no pair.
    """
    if claim.minus is not None:
        return any(never)
    return not claim.wins and bool(never[0 if claim.direction == "lower" else 1])


def _counts(claim: Hypothesis) -> bool:
    """Tell whether each seed's difference is of yes or no: then none that differs makes an interval without width."""
    return claim.wins or claim.metric.failures_below is not None


# --- in words -----------------------------------------------------------------------


def _sentence(claim: Hypothesis, contrast: Contrast, facts: dict[str, Any], found: Conclusion) -> str:
    """Say what the word rests on, and of an open question what would settle it."""
    if lost := _lost(contrast):
        held = f"{lost} pairs hold" if lost > 1 else "1 pair holds"
        zero = " (or a 0, of which there is no ratio)" if claim.metric.ratio else ""
        cure = "Read an accuracy, count failures (failures_below), or lower the learning rate."
        return f"{held} a diverged seed without a value{zero}; the others alone would flatter. {cure}"
    pairs, fewest = len(contrast.difference_S), statistics.fewest_pairs(facts["level"])
    if pairs < fewest:
        few = f"{pairs} pair{'s are' if pairs > 1 else ' is'} too few for a verdict"
        chance = f"{100 * (1 - facts['level']):.3g}%"
        return f"{few}; {fewest} are the fewest that could all agree by chance in less than {chance}. Use seeds: 20."
    what, limit = f"{about(claim)} is {written(claim, facts['difference'])}", size(claim, claim.smallest)
    if found.word == "supported":
        return f"{what}: {claim.direction}, by {limit} or more."
    if found.word == "refuted":
        low, high = facts["difference"]["low"], facts["difference"]["high"]
        other = high < 0 if claim.direction == "higher" else low > 0
        if other:
            return f"{what}: the other way round."
        narrow = asdict(statistics.equivalence_interval(_effect(claim, contrast.difference_S), facts["level"]))
        bounds = written(claim, narrow).partition(" ")[2]
        return f"{what}: less than {limit} either way ({200 * facts['level'] - 100:.4g}% interval {bounds})."
    if any(contrast.never) and found.settled_by is None:
        cure = "More training.epochs would settle it."
        return f"{what}; {sum(contrast.never)} trainings never reach {claim.metric.epochs_to:g}. {cure}"
    more = f"About {found.settled_by} seeds would settle it." if found.settled_by else "More seeds alone will not do."
    return f"{what}, and the smallest effect of interest is {limit}. {more}"


def hypothesis_of(facts: Mapping[str, Any]) -> Hypothesis:
    """Give the hypothesis that stands in one of study.json's."""
    return Hypothesis.model_validate({key: facts[key] for key in Hypothesis.model_fields})


def about(claim: Hypothesis) -> str:
    """Say what is contrasted: the endpoint, the arms, where."""
    pair = f"{claim.baseline} / {claim.treated}" if claim.is_ratio else f"{claim.treated} - {claim.baseline}"
    if claim.wins:
        pair = f"seeds in which {claim.treated} beats {claim.baseline} (%), less 50"
    minus = "" if claim.minus is None else f" less the same at {_levels(claim.minus)}"
    at = f" at {_levels(claim.at)}" if claim.at else ""
    return f"{endpoint_text(claim)}, {pair}{at}{minus}"


def asks(claim: Hypothesis) -> str:
    """Say what would support a claim."""
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


def written(claim: Hypothesis, interval: dict[str, Any]) -> str:
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
        return number("", value, signed=signed)
    metric = "accuracy" if _counts(claim) else claim.metric.metric
    return number(metric, value, signed=signed)


def _strict(facts: dict[str, Any]) -> dict[str, Any]:
    """Write what is not finite as null."""
    return {
        key: None if isinstance(value, float) and not math.isfinite(value) else value for key, value in facts.items()
    }
