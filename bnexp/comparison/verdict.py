"""The verdicts of a comparison: what each rests on, how several arms share the error, and how the answer is worded."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from bnexp import statistics
from bnexp.comparison.answer import answer, is_open_to_seeds
from bnexp.comparison.arm_values import final_values, guesses_of, guessing_of
from bnexp.comparison.drawn_anew import measured_on
from bnexp.comparison.failures import no_better
from bnexp.comparison.judged_difference import JudgedDifference
from bnexp.comparison.judgement import Advice, Evidence, Withheld, few_rows, unbeaten, withheld
from bnexp.comparison.metric_names import has_test_part
from bnexp.comparison.metric_rules import (
    chosen_by,
    holds_out_own_rows,
    is_margin_of_all,
    perfect_net_would_not_matter,
    score_of_guessing,
)
from bnexp.comparison.more_rows import how_to_hold_out
from bnexp.comparison.new_rows import for_new_rows
from bnexp.comparison.pairing import Arm, PairedArms
from bnexp.comparison.question import ResolvedQuestion
from bnexp.comparison.scale import (
    Scale,
    difference_on_scale,
    margin_on_scale,
    ratio_limits,
    ratio_text,
    scale_of,
)
from bnexp.comparison.training_length import still_improving
from bnexp.metrics import HELD_OUT_PARTS, fair_metric, higher_is_better, number, part_of, quantity, with_unit
from bnexp.statistics import LEVEL, Interval, Levels, Shown, Word
from bnexp.statistics.arrays import Floats
from bnexp.store.comparison_document import Judged, MarginInterval, Verdict
from bnexp.store.run_record import DataFacts
from bnexp.warning_kinds import are_caveats

OPEN: Word = "cannot tell yet"


def judged(several: Sequence[PairedArms], question: ResolvedQuestion) -> list[tuple[Judged | None, Verdict]]:
    """Return the deciding numbers and the verdict of each arm against the baseline; arms share the error (Holm)."""
    cases = [_case(arms, question) for arms in several]
    alone = len(cases) == 1  # p-values only order several arms, and need SciPy
    p_values = [1.0 if alone else case.p_value for case in cases]
    shared = statistics.shared_levels(p_values, question.looks)
    return [_answered(case, levels) for case, levels in zip(cases, shared, strict=True)]


@dataclass(frozen=True)
class _Case:
    """One arm against the baseline: what its verdict rests on, what may withhold it, and how it is worded."""

    evidence: Evidence
    advice: Advice
    difference: JudgedDifference | None
    """None if no pair has a value."""
    wording: _ComparisonWording

    @property
    def p_value(self) -> float:
        """Return the p-value that orders several arms; 1 if there is no verdict."""
        return 1.0 if self.difference is None or self.withheld_at(LEVEL) else self.difference.deciding_p

    def withheld_at(self, level: float) -> Withheld | None:
        """Return why there is no verdict with an interval of this level; None if there is a verdict."""
        level = LEVEL if self.difference is None else level
        held = withheld(replace(self.evidence, level=level), self.advice)
        assert held is not None or self.difference is not None, "a pair without a value is lost or undefined"
        return held


def _case(arms: PairedArms, question: ResolvedQuestion) -> _Case:
    sides = ((arms.arm, arms.treated), (arms.baseline, arms.base))
    values = [final_values(history, question.metric, guessing_of(arm)) for arm, history in sides]
    own_splits = holds_out_own_rows(question.metric, arms.arm.experiment.dataset.resample)
    scale = scale_of(question.metric, *values, own_splits=own_splits)
    difference_S = difference_on_scale(values[0], values[1], scale)
    whole_S = difference_S[np.isfinite(difference_S)]
    baseline_mean = float(np.mean(values[1][np.isfinite(values[1])])) if np.isfinite(values[1]).any() else np.nan
    anew = for_new_rows(arms, question.metric, scale)
    why_not = anew if isinstance(anew, str) else ""
    wording = _ComparisonWording(arms.arm, arms.baseline, question, scale, baseline_mean, why_not)
    evidence, advice = _evidence(arms, values, difference_S, question.metric), _advice(arms)
    if not len(whole_S):
        return _Case(evidence, advice, None, wording)
    warnings, improving = [*arms.arm.record.warnings, *arms.baseline.record.warnings], still_improving(arms, question)
    difference = JudgedDifference(
        question.metric,
        whole_S,
        margin=margin_on_scale(question.margin, baseline_mean, scale),
        new_rows=None if isinstance(anew, str) or question.about == "these-rows" else anew,
        measured_on=measured_on(question.metric, [arms.arm.experiment.dataset.resample]),
        is_ratio=scale == "ratio",
        is_margin_of_all=is_margin_of_all(question.metric, question.margin, baseline_mean),
        is_warned=bool([*warnings, *improving]),
        is_of_caveats=are_caveats(warnings),  # values of a short training stand, too
        failed=_failed(arms, values, question.metric),
        looks=question.looks,
    )
    return _Case(evidence, advice, difference, wording)


def _answered(case: _Case, levels: Levels) -> tuple[Judged | None, Verdict]:
    decides = None if case.difference is None else _decides(case.difference, case.wording.scale, levels)
    if (held := case.withheld_at(levels.sign)) is not None:
        verdict = Verdict(word=OPEN, settled_by=held.settled_by, sentence=held.sentence, is_withheld=True)
        if case.wording.question.looks:
            verdict.seeds_could_settle = held.seeds_could_settle
        return decides, verdict
    assert case.difference is not None
    difference = replace(case.difference, levels=levels)
    verdict = answer(difference, case.wording)
    if difference.looks and verdict.word == OPEN:
        verdict.seeds_could_settle = is_open_to_seeds(difference, case.wording)
    return decides, verdict


def _decides(difference: JudgedDifference, scale: Scale, levels: Levels) -> Judged:
    """Return the deciding numbers as comparison.json stores them."""
    new_rows, has_two_levels = difference.new_rows, levels.margin != levels.sign
    return Judged(
        **statistics.strict(difference.here.interval(levels.sign)),
        scale=scale,
        level=levels.sign,
        margin=difference.margin,
        margin_level=levels.margin,
        p_value=difference.sign_flip_p,
        new_rows=None if new_rows is None else new_rows.recorded(levels.sign),
        of_margin=_of_margin(difference, levels.margin) if has_two_levels else None,
    )


def _of_margin(difference: JudgedDifference, level: float) -> MarginInterval:
    new_rows = None if difference.new_rows is None else difference.new_rows.recorded(level)
    return MarginInterval(**statistics.strict(difference.here.interval(level)), new_rows=new_rows)


def _failed(arms: PairedArms, values: Sequence[Floats], metric: str) -> int:
    """Return how many trainings of the more failing arm are no better than guessing."""
    scores = [score_of_guessing(metric, guesses_of(arm, metric)) for arm in (arms.arm, arms.baseline)]
    return max(no_better(values_S, score) for values_S, score in zip(values, scores, strict=True))


def _evidence(arms: PairedArms, values: Sequence[Floats], difference_S: Floats, metric: str) -> Evidence:
    """Return what the verdict rests on. If only one run records the score of guessing, it is used for both arms."""
    scores = [guesses_of(arm, metric) for arm in (arms.arm, arms.baseline)]
    has_value_S = np.isfinite(difference_S)
    diverged = {*arms.treated.diverged_at, *arms.base.diverged_at}
    diverged_S = np.array([seed in diverged for seed in arms.treated.seeds])
    return Evidence(
        metric,
        pairs=int(has_value_S.sum()),
        lost=int((~has_value_S & diverged_S).sum()),
        undefined=int((~has_value_S & ~diverged_S).sum()),
        guessing=unbeaten(metric, [(scores[0] or scores[1], values[0]), (scores[1] or scores[0], values[1])]),
        fair=_fairer_than(metric, arms.arm.record.dataset),
        chosen=chosen_by([arms.arm.experiment, arms.baseline.experiment]),
        has_test=all(has_test_part(history.metrics) for history in (arms.treated, arms.base)),
        few_rows=few_rows(metric, arms.baseline.record.dataset),
    )


def _fairer_than(metric: str, facts: DataFacts) -> str | None:
    """Return the metric to read instead of a held-out accuracy; None if the accuracy is fair to all classes."""
    part, counts = part_of(metric), facts.rows_per_class
    is_held_out = quantity(metric) == "accuracy" and part in HELD_OUT_PARTS
    return fair_metric(counts, part) if counts and is_held_out else None


def _advice(arms: PairedArms) -> Advice:
    return Advice(
        who=f"neither {arms.arm.name} nor {arms.baseline.name}",
        more_pairs="Use --seeds 20.",
        read="Use --metric",
        after_choice="Then train both again.",
    )


@dataclass(frozen=True)
class _ComparisonWording:
    """The words of a comparison's verdict, in the unit of the metric or as a ratio."""

    of_arm: Arm
    of_baseline: Arm
    question: ResolvedQuestion
    scale: Scale
    baseline_mean: float
    why_not_new_rows: str
    """Why the verdict cannot be about new rows; "" if it can."""
    open: str = OPEN

    @property
    def arm(self) -> str:
        """Return the arm's name."""
        return self.of_arm.name

    @property
    def baseline(self) -> str:
        """Return the baseline's name."""
        return self.of_baseline.name

    def word(self, found: Shown) -> str:
        """Return one of the four words."""
        return statistics.comparison_word(found, higher_is_better=higher_is_better(self.question.metric))

    def says(self, interval: Interval, word: str) -> str:
        """Return the difference with its interval, and how it compares with zero and with the margin."""
        mean, bounds = self._written(interval)
        if self.scale == "ratio":
            return self._says_of_ratio(f"{mean} {bounds}", word)
        told = f"{self.arm} - {self.baseline} in {with_unit(self.question.metric)} is {mean} {bounds}"
        match word:
            case "helps" | "hurts":
                better = "better" if word == "helps" else "worse"
                return f"{told}: {better}, and the mean lies outside the margin of {self._limit}."
            case "no difference that matters":
                return f"{told}, inside the margin of {self._limit}."
        return f"{told}, and the margin is {self._limit}."

    def _says_of_ratio(self, ratio: str, word: str) -> str:
        """Return the ratio with its interval, and how it compares with 1 and with the ratios that do not matter."""
        told = f"the ratio {self.arm} / {self.baseline} of {self.question.metric} is {ratio}"
        margin = margin_on_scale(self.question.margin, self.baseline_mean, "ratio")
        limit = f"a ratio {ratio_limits(margin)} does not matter"
        match word:
            case "helps" | "hurts":
                better = "better" if word == "helps" else "worse"
                return f"{told}: {better}, and the mean lies outside the margin; {limit}."
            case "no difference that matters":
                return f"{told}, inside the margin; {limit}."
        return f"{told}; {limit}."

    def bounds(self, interval: Interval) -> str:
        """Return the bounds of an interval as text."""
        return self._written(interval)[1]

    def margin_of_all(self) -> str:
        """Return the problem and the cure if the margin is at least the baseline's whole loss or error."""
        return perfect_net_would_not_matter(
            self.question.metric, self.question.margin, self.baseline, self.baseline_mean, key="--margin "
        )

    def own_cure(self) -> str | None:
        """Return None: only more seeds or rows settle a comparison."""
        return None

    def how_to_add(self, seeds: int) -> str:
        """Return the option that sets the number of seeds. `looks.with_looks` adds how often that look errs."""
        return f"--max-seeds {seeds}" if self.question.looks else f"--seeds {seeds}"

    def how_to_hold_out(self, factor: float) -> str:
        """Return the keys that hold out more rows; "" if they are not known."""
        arm = self.of_baseline
        return how_to_hold_out(factor, part_of(self.question.metric), arm.experiment.dataset, arm.record.dataset)

    def why_these_rows_only(self) -> str | None:
        """Return why the verdict is not about new rows; None if the user did not ask about new rows."""
        return None if self.question.about == "these-rows" else self.why_not_new_rows

    @property
    def _limit(self) -> str:
        """Return the margin of a difference as text."""
        return f"±{number(self.question.metric, self.question.margin)}"

    def _written(self, interval: Interval) -> tuple[str, str]:
        """Return the mean and the bounds of an interval as text."""
        values = (interval.mean, interval.low, interval.high)
        if self.scale == "ratio":
            texts = [ratio_text(value) for value in values]
        else:
            half, metric = interval.high - interval.mean, self.question.metric
            texts = [number(metric, value, spread=half, signed=True) for value in values]
            if self._limit in (f"±{one[1:]}" for one in texts[1:]):  # one digit more shows on which side of the margin
                texts = [number(metric, value, spread=half / 10, signed=True) for value in values]
        return texts[0], f"[{texts[1]}, {texts[2]}]"
