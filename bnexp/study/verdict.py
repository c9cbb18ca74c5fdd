"""Contrasts -> verdicts: supported, refuted or inconclusive, for each hypothesis and for the whole study.

With several hypotheses, Holm's rule sets the level of each interval.
There is no verdict if a diverged seed has no value, or if no arm beats guessing.
Cells that point in opposite directions have no single verdict (`across`).
For epochs to a value, the contrast is between logs of epochs within the budget.
Seeds that never reach the target can make two arms look alike. This refutes nothing.
They can also make an arm look faster than it is. This decides nothing.

Axis: S seeds.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from bnexp import statistics
from bnexp.comparison.answer import answer
from bnexp.comparison.judged_difference import JudgedDifference
from bnexp.comparison.judgement import Advice, Evidence, Withheld, few_rows, withheld
from bnexp.comparison.looks import next_look
from bnexp.comparison.metric_rules import is_margin_of_all
from bnexp.config.study import Hypothesis
from bnexp.statistics import LEVEL, Floats, Levels, strict
from bnexp.store.across_cells import AcrossCells, RatioReading
from bnexp.store.comparison_document import Interval, MetricDifference, Verdict
from bnexp.store.records import Record
from bnexp.store.study_document import HypothesisFacts, HypothesisRecord
from bnexp.study.across import Part, Parts, cells_differ, no_single_answer, recorded
from bnexp.study.contrast import Contrast, effect_of
from bnexp.study.words import ClaimWording, possible, storable

SPEAKS_OF = {
    True: "other seeds and splits of these rows",
    "validation": "other seeds and training rows, on this test part",
    False: "other seeds, on this split",
    None: "other seeds, with splits of their own in some cells",
}
"""`Contrast.resample` -> what the interval over seeds is about."""
BOUNDS = ("mean", "low", "high")
SHARED = "Several hypotheses share the error, so each needs more pairs than one alone. "


def judged(
    claims: Sequence[Hypothesis], contrasts: Sequence[Contrast], earlier: Sequence[Sequence[int]] = ()
) -> list[HypothesisRecord]:
    """Return the record of each hypothesis for study.json: the claim, its difference, tests and verdict.

    `earlier` are the numbers of seeds with which each hypothesis had an answer before; empty if none had one.
    """
    rows = zip(claims, contrasts, _cases(claims, contrasts), earlier or [()] * len(claims), strict=True)
    return [_record(claim, one, case, looks) for claim, one, case, looks in rows]


def _record(claim: Hypothesis, contrast: Contrast, case: _Case, earlier: Sequence[int]) -> HypothesisRecord:
    """Return the record of one hypothesis for study.json."""
    across = case.across(claim)
    wording = replace(_wording(claim, contrast), spread=None if across is None else across.heterogeneity)
    verdict = case.verdict(wording)
    if not verdict.is_withheld and verdict.word != wording.open and (note := cells_differ(claim, across)):
        verdict = verdict.model_copy(update={"sentence": f"{verdict.sentence} {note}"})
    if (seeds := verdict.settled_by) is not None and not verdict.is_withheld:
        looks = [(count, LEVEL) for count in (*earlier, len(contrast.difference_S))]
        further = next_look(wording.how_to_add(seeds), seeds, looks)
        verdict = verdict.model_copy(update={"sentence": f"{verdict.sentence} {further}"})
    found = _facts(claim, contrast, case.levels.margin, level=case.level_of(verdict))
    difference = case.difference
    if difference is not None and difference.is_unknown_for_new_rows and found.difference is not None:
        anew = found.difference.new_rows
        assert anew is not None
        found.difference.new_rows = anew.model_copy(update={"low": None, "high": None})
    return HypothesisRecord(**{**dict(found), "across": across}, verdict=verdict)


def overall(words: Sequence[str]) -> str:
    """Return the word for all hypotheses: supported if all are, refuted if one is, else inconclusive.

    >>> overall(["supported", "inconclusive"]), overall(["inconclusive", "refuted"])
    ('inconclusive', 'refuted')
    """
    if "refuted" in words:
        return "refuted"
    return "supported" if set(words) == {"supported"} else "inconclusive"


def smallest_of(claim: Hypothesis) -> float:
    """Return the smallest effect of interest on the scale of the contrast. For a ratio, this is its log."""
    return math.log(claim.smallest) if claim.is_ratio else claim.smallest


@dataclass(frozen=True)
class _Case:
    """What a claim's verdict depends on: the difference, the levels of its intervals, and why it may be withheld."""

    difference: JudgedDifference | None
    """None where no pair has a value."""
    levels: Levels
    held: Withheld | None
    parts: Parts | None = None
    """The cells that are averaged, if there are several."""

    @property
    def disagrees(self) -> bool:
        """Return True if cells point in opposite directions."""
        return self.parts is not None and self.parts.disagree

    def across(self, claim: Hypothesis) -> AcrossCells | None:
        """Return the record of each cell by itself for study.json; None if there is nothing to record."""
        return None if self.parts is None or self.difference is None else recorded(claim, self.parts, self.difference)

    def level_of(self, verdict: Verdict) -> float:
        """Return the level of the interval that the verdict rests on.

        A claim is refuted by an effect of the opposite sign, or by an effect that is too small to matter. In the second
        case, the interval that is compared with the smallest effect decides.
        """
        is_small = verdict.word == "refuted" and self.difference is not None and self.difference.shown.sign >= 0
        return self.levels.margin if is_small else self.levels.sign

    def verdict(self, wording: ClaimWording) -> Verdict:
        """Return the verdict, or why there is none."""
        if self.held is None:
            assert self.difference is not None, "a pair without a value is lost or undefined"
            if self.parts is not None and self.disagrees:
                return no_single_answer(wording, self.parts, warnings_first=self.difference.needs_other_trainings)
            return answer(self.difference, wording)
        held, word = self.held, wording.open
        return Verdict(word=word, settled_by=held.settled_by, sentence=held.sentence, is_withheld=True)


def _cases(claims: Sequence[Hypothesis], contrasts: Sequence[Contrast]) -> list[_Case]:
    """Return the case of each claim. The claims share the error (`statistics.shared_levels`)."""
    pairs = list(zip(claims, contrasts, strict=True))
    differences = [None if _withheld(claim, one, LEVEL) else judged_difference(claim, one) for claim, one in pairs]
    alone = len(differences) == 1  # a p-value only orders several claims, and needs SciPy
    levels = statistics.shared_levels([1.0 if alone or one is None else one.deciding_p for one in differences])
    return [
        _Case(
            None if one is None else replace(one, levels=each),
            each,
            _withheld(claim, contrast, each.sign),
            _parts(claim, contrast, each),
        )
        for (claim, contrast), one, each in zip(pairs, differences, levels, strict=True)
    ]


def _parts(claim: Hypothesis, contrast: Contrast, levels: Levels) -> Parts | None:
    """Return the parts that a claim averages, each by itself; None if there is only one."""
    if not contrast.parts:
        return None
    parts = [
        Part(one, judged_difference(claim, one), _wording(claim, one), _withheld(claim, one, levels.sign) is not None)
        for one in contrast.parts
    ]
    return Parts.of(parts, levels)


def _withheld(claim: Hypothesis, contrast: Contrast, level: float) -> Withheld | None:
    """Return why a claim has no verdict; None if it has one. Parts used for choosing were refused before training."""
    evidence = Evidence(
        claim.metric.metric,
        pairs=len(contrast.difference_S) - contrast.lost,
        lost=contrast.lost - contrast.undefined,
        undefined=contrast.undefined,
        guessing=contrast.guessing,
        level=level,
        few_rows="" if contrast.data is None else few_rows(claim.metric.metric, contrast.data[1]),
    )
    words = Advice(
        who=f"neither {claim.treated} nor {claim.baseline}, in any cell that is read,",
        more_pairs=f"{SHARED if level > LEVEL else ''}Use more seeds.",
        undefined=" (a 0 has no ratio)" if claim.metric.ratio else "",
        after_loss="Read an accuracy, count failures (failures_below), or lower the learning rate.",
    )
    return withheld(evidence, words)


def judged_difference(claim: Hypothesis, contrast: Contrast) -> JudgedDifference | None:
    """Return the difference that a verdict depends on, or None without a value. Positive values support the claim."""
    is_higher = claim.direction == "higher"
    effect_S = effect_of(claim, contrast.difference_S[np.isfinite(contrast.difference_S)])
    if not len(effect_S):
        return None
    new_rows = contrast.new_rows
    return JudgedDifference(
        claim.metric.metric,
        effect_S if is_higher else -effect_S,
        margin=smallest_of(claim),
        new_rows=new_rows if new_rows is None or is_higher else -new_rows,
        measured_on=contrast.measured_on,
        is_claim=True,
        is_ratio=claim.is_ratio,
        is_margin_of_all=is_margin_of_all(claim.metric.metric, claim.smallest, contrast.baseline_mean or 0.0),
        is_warned=contrast.warned,
        is_of_caveats=contrast.warned_of_caveats,
        rare=claim.smallest if claim.counts else statistics.RARE,
    )


def _wording(claim: Hypothesis, contrast: Contrast) -> ClaimWording:
    return ClaimWording(
        claim,
        _reading(claim, contrast),
        contrast.never,
        lambda claimed: _is_flattered(claim, contrast, claimed=claimed),
        contrast.why_not_new_rows,
        math.nan if contrast.baseline_mean is None else contrast.baseline_mean,
        contrast.data,
    )


def _is_flattered(claim: Hypothesis, contrast: Contrast, *, claimed: bool) -> bool:
    """Return True if censored seeds (target never reached, full budget counted) favour the arm that looks faster.

    `claimed` is True if the result supports the claim. With `wins`, the winner is the faster arm. In an interaction,
    each arm is on both sides, so that any censored seed counts. If each seed is a single training, a censored seed wins
    no pair.
    """
    if claim.minus is not None:
        return any(contrast.never)
    if claim.wins and contrast.trainings == 1:
        return False
    treated_is_faster = (claim.direction == ("higher" if claim.wins else "lower")) == claimed
    return bool(contrast.never[0 if treated_is_faster else 1])


# --- the facts behind a verdict -----------------------------------------------------


def _facts(claim: Hypothesis, contrast: Contrast, margin_level: float, *, level: float) -> HypothesisFacts:
    """Return the record of a hypothesis without its verdict: the claim, and what was measured.

    `level` is the level of its intervals.
    """
    measured_S = contrast.difference_S[np.isfinite(contrast.difference_S)]
    effect_S = effect_of(claim, measured_S)
    check = statistics.bootstrap_interval(effect_S, level)
    found = HypothesisFacts(
        **dict(claim),
        level=level,
        margin_level=margin_level,
        left_out=contrast.lost,
        pairs=len(contrast.difference_S),
        never_reached=dict(zip((claim.treated, claim.baseline), contrast.never, strict=True)),
        reading=_reading(claim, contrast),
        speaks_of=SPEAKS_OF[contrast.resample],
        cells=[storable(claim, statistics.of_finite(one.difference_S)["mean"]) for one in contrast.parts],
        warned=contrast.warned,
        diverged=contrast.diverged,
        difference=None,
        other_sign=statistics.chances_of_other_sign(measured_S),
        guessing=contrast.guessing,
        bootstrap=None if check is None else Interval(**_fields(claim, check)),
    )
    return found.model_copy(update=_of_pairs(claim, contrast, effect_S, level)) if len(effect_S) else found


def _of_pairs(claim: Hypothesis, contrast: Contrast, effect_S: Floats, level: float) -> dict[str, Record | None]:
    """Return the fields of `HypothesisFacts` that need a pair with a value."""
    signed_S = effect_S * (1 if claim.direction == "higher" else -1)
    difference = MetricDifference(**_fields(claim, statistics.summed_up(effect_S, level)))
    if contrast.new_rows is not None:
        new_rows = contrast.new_rows.recorded(level)
        difference.new_rows = new_rows.model_copy(
            update={key: possible(claim, getattr(new_rows, key)) for key in BOUNDS}
        )
    chance = statistics.probability_of_improvement(signed_S, LEVEL)
    return {"difference": difference, "probability_of_improvement": Interval(**strict(chance))}


def _fields(claim: Hypothesis, found: Any) -> dict[str, Any]:
    """Return the fields of an interval as study.json stores them."""
    return {key: (possible if key in BOUNDS else storable)(claim, value) for key, value in strict(found).items()}


def _reading(claim: Hypothesis, contrast: Contrast) -> RatioReading | None:
    """Return how to read a ratio of epochs. With censored seeds, the ratio of an interaction is not a bound.

    If seeds of both arms are censored, a comparison shows the ratio of restricted means, without an interval. A study
    still shows the ratio of geometric means with an interval. Censored seeds count there with the budget.
    """
    if not claim.is_ratio:
        return None
    if not any(contrast.never):
        return "ratio"
    found = statistics.reading(*contrast.never)
    return "within the budget" if claim.minus is not None or found == "restricted means" else found
