"""The verdict on one arm against the baseline: a word for new rows, a word for these rows, and what would settle it."""

from __future__ import annotations

import math
from dataclasses import dataclass

from bnexp import statistics
from bnexp.comparison.arm_values import final_values, guessing_of, one_class_of
from bnexp.comparison.judgement import Evidence, Wording, unbeaten, withheld
from bnexp.comparison.metric_rules import WARNINGS_FIRST, chosen_by, is_margin_of_all
from bnexp.comparison.new_rows import as_statistics
from bnexp.comparison.pairing import PairedArms
from bnexp.comparison.question import RELATIVE_MARGIN, ResolvedQuestion
from bnexp.metrics import higher_is_better, number, quantity, with_unit
from bnexp.statistics import LEVEL, Word
from bnexp.statistics.held_out_rows import FEWEST_EFFECTIVE, MOSTLY_ROWS, needed
from bnexp.store.comparison_document import Interval, MetricDifference, NewRowsInterval, Verdict

OPEN: Word = "cannot tell yet"
DRAWN = {
    "rows": "For new rows of this kind",
    "groups": "For new groups of this kind",
    "splits": "For other splits and rows of this kind",
}


def verdict(arms: PairedArms, difference: MetricDifference, question: ResolvedQuestion) -> Verdict:
    """Return the verdict: about new rows of the same kind where rows are kept, else about these rows."""
    if held := withheld(_evidence(arms, difference, question.metric), _wording(arms)):
        return Verdict(word=OPEN, settled_by=held.settled_by, sentence=held.sentence)
    asked = _Asked(arms, difference, question)
    anew = difference.new_rows if question.about == "new-rows" else None
    return _about_these_rows(asked) if anew is None else _about_new_rows(asked, anew)


@dataclass(frozen=True)
class _Asked:
    """What a verdict is about, and how its numbers are written."""

    arms: PairedArms
    difference: MetricDifference
    question: ResolvedQuestion

    @property
    def what(self) -> str:
        """Name the difference, with its unit."""
        return f"{self.arms.arm.name} - {self.arms.baseline.name} in {with_unit(self.question.metric)}"

    @property
    def limit(self) -> str:
        """Write the margin."""
        return number(self.question.metric, self.question.margin)

    def written(self, interval: Interval) -> tuple[str, str]:
        """Write a mean, and its bounds."""
        mean, low, high = _known(interval.mean), _known(interval.low), _known(interval.high)
        texts = [number(self.question.metric, value, spread=high - mean, signed=True) for value in (mean, low, high)]
        return texts[0], f"[{texts[1]}, {texts[2]}]"

    def judged(self, interval: Interval) -> statistics.Verdict:
        """Return the word for an interval; it needs the sign-flip test's agreement to tell a direction."""
        result = statistics.verdict(
            low=_known(interval.low),
            high=_known(interval.high),
            mean=_known(interval.mean),
            pairs=self.difference.pairs,
            standard_deviation=_known(self.difference.standard_deviation),
            margin=self.question.margin,
            higher_is_better=higher_is_better(self.question.metric),
        )
        return statistics.Verdict(OPEN) if result.word in ("helps", "hurts") and self.is_doubted else result

    @property
    def is_doubted(self) -> bool:
        """Return True if the sign-flip test over seeds does not exclude zero."""
        p_value = self.difference.p_value
        return p_value is not None and p_value > 1 - LEVEL

    @property
    def is_warned(self) -> bool:
        """Return True if one of the two arms has warnings, which no number of seeds removes."""
        return bool(self.arms.arm.record.warnings or self.arms.baseline.record.warnings)


# --- new rows -------------------------------------------------------------------


def _about_new_rows(asked: _Asked, anew: NewRowsInterval) -> Verdict:
    here, result = asked.judged(asked.difference), asked.judged(anew)
    if "no difference that matters" in (here.word, result.word) and (reason := _margin_takes_all(asked)):
        return Verdict(word=OPEN, sentence=reason)
    these = _on_these_rows(asked, here, anew)
    if _is_carried_by_few(asked, anew):
        few = f"{_carried_by_few(asked, anew)} {these}"
        return Verdict(word=OPEN, sentence=few, about="new rows", these_rows=here.word)
    sentences = [f"{DRAWN[anew.drawn]}, {_why(asked, anew, result)}"]
    if asked.is_warned:
        sentences.append(WARNINGS_FIRST)
    elif result.word == OPEN:
        sentences.append(_what_would_settle(asked, anew))
    elif result.word == "no difference that matters":
        sentences.append(_unseen_failures(asked.difference.pairs))
    return Verdict(word=result.word, sentence=" ".join([*sentences, these]), about="new rows", these_rows=here.word)


def _why(asked: _Asked, interval: Interval, result: statistics.Verdict) -> str:
    """Return the difference with its interval, and how it lies to zero and to the margin."""
    mean, bounds = asked.written(interval)
    told = f"{asked.what} is {mean} {bounds}"
    match result.word:
        case "helps" | "hurts":
            better = "better" if result.word == "helps" else "worse"
            return f"{told}: {better}, and the mean lies outside the margin of ±{asked.limit}."
        case "no difference that matters":
            return f"{told}, inside the margin of ±{asked.limit}."
    return f"{told}, and the margin is ±{asked.limit}."


def _on_these_rows(asked: _Asked, here: statistics.Verdict, anew: NewRowsInterval) -> str:
    """Return what holds for the rows that were measured."""
    rows = "these splits" if anew.drawn == "splits" else f"these {anew.count:,} {anew.drawn}"
    return f"On {rows}: {here.word} {asked.written(asked.difference)[1]}."


def _unseen_failures(pairs: int) -> str:
    """Return the share of seeds that could fail though none was seen to: the rule of three, exactly.

    >>> _unseen_failures(20)
    'Up to 14% of seeds could still fail: 20 pairs do not exclude it.'
    """
    return f"Up to {100 * (1 - 0.05 ** (1 / pairs)):.0f}% of seeds could still fail: {pairs} pairs do not exclude it."


def _is_carried_by_few(asked: _Asked, anew: NewRowsInterval) -> bool:
    """Return True for a loss or an error whose difference a few rows carry."""
    measured = quantity(asked.question.metric)
    few = anew.effective is not None and anew.effective < min(FEWEST_EFFECTIVE, anew.count)
    if not few or measured == "accuracy":
        return False
    pairs = asked.difference.pairs
    parts = as_statistics(anew, _known(anew.mean), pairs).components
    return parts.share_of_rows(pairs, anew.count) >= MOSTLY_ROWS


def _carried_by_few(asked: _Asked, anew: NewRowsInterval) -> str:
    few = f"about {anew.effective:.0f} of {anew.count:,} {anew.drawn} carry the difference in {asked.question.metric}"
    cure = f"Use more held-out {anew.drawn}."
    return f"No verdict for new {anew.drawn}: {few}, so others like them may be missing. {cure}"


def _what_would_settle(asked: _Asked, anew: NewRowsInterval) -> str:
    """Return which is missing, seeds or rows, and about how many."""
    if asked.is_doubted and not _holds_zero(anew):
        return (
            f"The sign-flip test over seeds does not exclude zero (p {asked.difference.p_value:.2g}). Use more seeds."
        )
    if anew.drawn == "splits":
        return "More held-out rows or more data would settle it; more splits of these rows hardly would."
    found = needed(as_statistics(anew, _known(anew.mean), asked.difference.pairs), asked.question.margin, LEVEL)
    rows = f"about {_rounded(found.rows):,} held-out {anew.drawn}" if found.rows else ""
    seeds = f"about {_rounded(found.seeds):,} seeds" if found.seeds else ""
    if rows and seeds:
        return f"{rows.capitalize()}, or {seeds}, would settle it."
    if rows:
        return f"{rows.capitalize()} would settle it; more seeds would not."
    if seeds:
        return f"{seeds.capitalize()} would settle it; more {anew.drawn} would not."
    return f"More seeds and more held-out {anew.drawn} are needed; neither alone would settle it."


def _rounded(count: int) -> int:
    """Round a number up to its first two digits, as it is only an estimate.

    >>> _rounded(711), _rounded(23), _rounded(12345)
    (720, 23, 13000)
    """
    digit: int = 10 ** max(0, len(str(count)) - 2)
    return -(-count // digit) * digit


# --- these rows -----------------------------------------------------------------


def _about_these_rows(asked: _Asked) -> Verdict:
    """Return the verdict that an interval over seeds gives, and say what it is about."""
    result = asked.judged(asked.difference)
    if result.word == "no difference that matters" and (reason := _margin_takes_all(asked)):
        return Verdict(word=OPEN, sentence=reason)
    sentences = [f"On these rows, {_of_seeds(asked, result)}"]
    if asked.is_warned:
        sentences.append(WARNINGS_FIRST)
    elif result.word == OPEN and asked.is_doubted and not _holds_zero(asked.difference):
        sentences.append(_doubt(asked))
    elif result.word == OPEN and result.settled_by and asked.difference.standard_deviation:
        sentences.append(f"About {result.settled_by} pairs would settle it.")
    elif result.word == "no difference that matters":
        sentences.append(_unseen_failures(asked.difference.pairs))
    if asked.question.about == "new-rows":
        sentences.append("What each row measured is not kept, so nothing is said of new rows.")
    settled_by = None if asked.is_warned else result.settled_by
    return Verdict(
        word=result.word,
        settled_by=settled_by,
        sentence=" ".join(sentences),
        about="these rows",
        these_rows=result.word,
    )


def _of_seeds(asked: _Asked, result: statistics.Verdict) -> str:
    """Return the difference with its interval; pairs that are all equal have none."""
    difference = asked.difference
    if result.word != OPEN or difference.standard_deviation or abs(_known(difference.mean)) >= asked.question.margin:
        return _why(asked, difference, result)
    same = f"{asked.what} is {asked.written(difference)[0]} in all {difference.pairs} pairs"
    if asked.is_warned or not result.settled_by:
        return f"{same}."
    return f"{same}; it takes {result.settled_by} equal pairs to say that no difference matters."


def _doubt(asked: _Asked) -> str:
    """Return that the interval alone would tell a direction."""
    p_value = _known(asked.difference.p_value)
    return f"The sign-flip test over seeds does not exclude zero (p {p_value:.2g}). Use more seeds."


def _holds_zero(interval: Interval) -> bool:
    return _known(interval.low) <= 0 <= _known(interval.high)


def _known(value: float | None) -> float:
    return math.nan if value is None else value


# --- what withholds it ----------------------------------------------------------


def _margin_takes_all(asked: _Asked) -> str | None:
    """Return why a margin says nothing about a loss or an error: one as large as the baseline's whole mean."""
    arms, question = asked.arms, asked.question
    mean = statistics.of_finite(final_values(arms.base, question.metric, guessing_of(arms.baseline)))["mean"]
    if mean is None or not is_margin_of_all(question.metric, question.margin, mean):
        return None
    seen = f"the margin is {asked.limit} and the mean {question.metric} of {arms.baseline.name} is"
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
