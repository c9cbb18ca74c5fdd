"""Contrasts -> the words: supported, refuted, inconclusive, and the word for the whole study.

With several hypotheses, Holm's rule sets the level of each interval.
A diverged seed without a value withholds the verdict, and so do arms that all guess.
For epochs to a value, the contrast is between logs of epochs within the budget.
Seeds that never reach the target can make two arms look alike: that refutes nothing.
They can also make an arm look faster than it is: that decides nothing.

Axis: S seeds.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from bnexp import statistics
from bnexp.comparison.judgement import Evidence, Withheld, Wording, withheld
from bnexp.config.study import Hypothesis
from bnexp.metrics import LARGEST
from bnexp.statistics import LEVEL, Conclusion, Floats, Reading, strict
from bnexp.store.comparison_document import Interval, MetricDifference, Verdict
from bnexp.store.records import Record
from bnexp.store.study_document import LARGEST_LOG, Equivalence, Findings, HypothesisRecord
from bnexp.study.contrast import Contrast, more_wins
from bnexp.study.words import sentence

SPEAKS_OF = {
    True: "other seeds and splits of these rows",
    "validation": "other seeds and training rows, on this test part",
    False: "other seeds, on this split",
    None: "other seeds, with splits of their own in some cells",
}
"""`Contrast.resample` -> what an interval speaks of."""


def judged(claims: Sequence[Hypothesis], contrasts: Sequence[Contrast]) -> list[HypothesisRecord]:
    """Return what study.json holds of each hypothesis: the claim, its difference, tests, verdict."""
    rows = zip(claims, contrasts, _judgements(claims, contrasts), strict=True)
    return [_with_verdict(_findings(claim, one, found.level, len(claims)), found) for claim, one, found in rows]


def conclusions(claims: Sequence[Hypothesis], contrasts: Sequence[Contrast]) -> list[Conclusion]:
    """Judge the claims of a study: all its rules, and nothing beside the words."""
    return [found.conclusion for found in _judgements(claims, contrasts)]


def overall(words: Sequence[str]) -> str:
    """Return the word for all hypotheses: supported if all are, refuted if one is, else inconclusive.

    >>> overall(["supported", "inconclusive"]), overall(["inconclusive", "refuted"])
    ('inconclusive', 'refuted')
    """
    if "refuted" in words:
        return "refuted"
    return "supported" if set(words) == {"supported"} else "inconclusive"


def smallest_of(claim: Hypothesis) -> float:
    """Return the smallest effect of interest on the scale of the contrast: of a ratio its log."""
    return math.log(claim.smallest) if claim.is_ratio else claim.smallest


@dataclass(frozen=True)
class _Judgement:
    """The level of a claim's interval, why its verdict is withheld if it is, and the conclusion."""

    level: float
    held: Withheld | None
    conclusion: Conclusion


def _judgements(claims: Sequence[Hypothesis], contrasts: Sequence[Contrast]) -> list[_Judgement]:
    pairs = list(zip(claims, contrasts, strict=True))
    levels = statistics.holm_levels([_p_value(claim, one) for claim, one in pairs], LEVEL)
    return [_judgement(claim, one, level, len(pairs)) for (claim, one), level in zip(pairs, levels, strict=True)]


def _judgement(claim: Hypothesis, contrast: Contrast, level: float, contrasts: int) -> _Judgement:
    if held := _withheld(claim, contrast, level):
        return _Judgement(level, held, Conclusion("inconclusive", held.settled_by))
    return _Judgement(level, None, _conclusion(claim, contrast, level, contrasts))


def _withheld(claim: Hypothesis, contrast: Contrast, level: float) -> Withheld | None:
    """Return why a claim has no verdict, if it has none; a part that chose is refused before any training."""
    evidence = Evidence(
        claim.metric.metric,
        pairs=len(contrast.difference_S),
        lost=contrast.lost,
        guessing=contrast.guessing,
        level=level,
    )
    words = Wording(
        who=f"neither {claim.treated} nor {claim.baseline}, in any cell that is read,",
        more_pairs="Use more seeds.",
        lost_too=" (a 0 has no ratio and counts as lost, too)" if claim.metric.ratio else "",
        after_loss="Read an accuracy, count failures (failures_below), or lower the learning rate.",
    )
    return withheld(evidence, words)


def _p_value(claim: Hypothesis, contrast: Contrast) -> float:
    """Return the p-value of a claim's t test; 1 where the verdict is withheld."""
    if _withheld(claim, contrast, LEVEL):
        return 1.0
    return statistics.t_test_p_value(_effect(claim, contrast.difference_S))


def _effect(claim: Hypothesis, difference_S: Floats) -> Floats:
    """Return what a claim is about, (S,): the differences, or 1/2 for a win, -1/2 for a loss and 0 for a tie."""
    return statistics.signs(difference_S) / (2 if more_wins(claim) else -2) if claim.wins else difference_S


# --- the word -----------------------------------------------------------------------


def _conclusion(claim: Hypothesis, contrast: Contrast, level: float, contrasts: int) -> Conclusion:
    signed_S = _effect(claim, contrast.difference_S) * (1 if claim.direction == "higher" else -1)
    rare = claim.smallest if claim.counts else statistics.RARE
    found = statistics.conclusion(signed_S, smallest=smallest_of(claim), level=level, contrasts=contrasts, rare=rare)
    interval = statistics.mean_interval(signed_S, level)
    apart = found.word != "inconclusive" and not interval.low <= 0 <= interval.high
    if apart and claim.counts and statistics.sign_flip_p_value(signed_S) > 1 - level:
        return Conclusion("inconclusive")
    if found.word == "refuted" and not apart and any(contrast.never):
        return Conclusion("inconclusive")
    if apart and _is_flattered(claim, contrast, claimed=found.word == "supported"):
        return Conclusion("inconclusive")
    return found


def _is_flattered(claim: Hypothesis, contrast: Contrast, *, claimed: bool) -> bool:
    """Return True if censored seeds (target never reached, full budget counted) favour the arm that looks faster.

    `claimed` says whether the result supports the claim. With `wins`, the winner is the faster arm.
    In an interaction each arm is on both sides. If a seed is a single training, a censored one wins no pair.
    """
    if claim.minus is not None:
        return any(contrast.never)
    if claim.wins and contrast.trainings == 1:
        return False
    treated_is_faster = (claim.direction == ("higher" if claim.wins else "lower")) == claimed
    return bool(contrast.never[0 if treated_is_faster else 1])


# --- what it rests on ---------------------------------------------------------------


def _findings(claim: Hypothesis, contrast: Contrast, level: float, contrasts: int) -> Findings:
    """Return all but the verdict: the claim as it stands, and what was found for it."""
    measured_S = contrast.difference_S[np.isfinite(contrast.difference_S)]
    effect_S = _effect(claim, measured_S)
    check = statistics.bootstrap_interval(effect_S, level)
    found = Findings(
        **dict(claim),
        level=level,
        left_out=contrast.lost,
        pairs=len(contrast.difference_S),
        never_reached=dict(zip((claim.treated, claim.baseline), contrast.never, strict=True)),
        reading=_reading(claim, contrast),
        speaks_of=SPEAKS_OF[contrast.resample],
        cells=[_held(claim, mean) for mean in contrast.cells],
        warned=contrast.warned,
        diverged=contrast.diverged,
        difference=None,
        other_sign=statistics.chances_of_other_sign(measured_S),
        guessing=contrast.guessing,
        bootstrap=None if check is None else Interval(**_fields(claim, check)),
    )
    return found.model_copy(update=_of_pairs(claim, contrast, effect_S, level, contrasts)) if len(effect_S) else found


def _of_pairs(
    claim: Hypothesis, contrast: Contrast, effect_S: Floats, level: float, contrasts: int
) -> dict[str, Record | None]:
    """Return the fields of `Findings` that need a pair with a value."""
    signed_S = effect_S * (1 if claim.direction == "higher" else -1)
    other = None
    if contrast.test_share is not None and not claim.counts:
        other = Interval(**_fields(claim, statistics.other_data_interval(effect_S, level, contrast.test_share)))
    return {
        "difference": MetricDifference(**_fields(claim, statistics.summed_up(effect_S, level))),
        "equivalence": _equivalence(claim, effect_S, contrasts),
        "other_data": other,
        "probability_of_improvement": Interval(**strict(statistics.probability_of_improvement(signed_S, LEVEL))),
    }


def _equivalence(claim: Hypothesis, effect_S: Floats, contrasts: int) -> Equivalence:
    """Return the interval that is compared with the smallest effect of interest, and the p-value that goes with it."""
    return Equivalence(
        **_fields(claim, statistics.equivalence_interval(effect_S, contrasts)),
        level=statistics.equivalence_level(contrasts),
        p_value=statistics.equivalence_p_value(effect_S, smallest_of(claim)),
    )


def _fields(claim: Hypothesis, found: Any) -> dict[str, Any]:
    """Return the fields of an interval as the document holds them."""
    return {key: _held(claim, value) for key, value in strict(found).items()}


def _held(claim: Hypothesis, value: float | None) -> float | None:
    """Return a number of a contrast; null if it is larger than the document can hold, as where it is not finite.

    Two seeds with very unlike losses have the log of a ratio whose interval no float can tell.
    """
    most = LARGEST_LOG if claim.is_ratio else LARGEST
    return None if value is None or not abs(value) <= most else value


def _reading(claim: Hypothesis, contrast: Contrast) -> Reading | None:
    """Return how to read a ratio of epochs; the ratio of an interaction with censored seeds bounds nothing."""
    if not claim.is_ratio:
        return None
    if not any(contrast.never):
        return "ratio"
    return "restricted means" if claim.minus is not None else statistics.reading(*contrast.never)


def _with_verdict(found: Findings, judgement: _Judgement) -> HypothesisRecord:
    word, held = judgement.conclusion, judgement.held
    if found.warned and held is None:
        word = replace(word, settled_by=None)
    text = sentence(found, word) if held is None else held.sentence
    verdict = Verdict(word=word.word, settled_by=word.settled_by, sentence=text)
    return HypothesisRecord(**dict(found), verdict=verdict)
