"""The word and the sentence of a verdict: one rule for a comparison and for a study's hypothesis.

The rule itself is in `statistics.verdicts`. This file applies it to new rows and to the measured rows ("these rows").
It estimates what would settle an open question. The caller decides how a difference is written (`Wording`).
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

from bnexp import statistics
from bnexp.comparison.failures import failures_in_words
from bnexp.comparison.judged_difference import JudgedDifference, Lacking
from bnexp.comparison.metric_rules import in_brackets, rows_to_show_small
from bnexp.comparison.new_rows import NewRowsEstimate
from bnexp.comparison.wording import Wording
from bnexp.metrics import p_text
from bnexp.statistics import LEVEL, Estimate, Interval, Shown
from bnexp.statistics.estimate import deviation
from bnexp.statistics.held_out_rows import FEWEST_EFFECTIVE
from bnexp.store.comparison_document import Verdict

DRAWN = {
    "rows": "For new rows of this kind",
    "groups": "For new groups of this kind",
    "splits": "For other splits and {units} of this kind",
}

CHANCE = f"there is about a {statistics.CHANCE:.0%} chance to settle it"
WARNED = "It rests on trainings that have warnings; read them first."
FIX_WARNINGS = "Fix the warnings first."
WARNINGS_FIRST = f"{FIX_WARNINGS} More seeds will not remove them."
"""The advice of an open verdict whose trainings must be repeated in another way: their spread settles nothing."""
MORE_DATA = " It takes more {0}; how many is not estimated, as more {0} would also train other networks."


def is_open_to_seeds(difference: JudgedDifference, wording: Wording) -> bool:
    """Return True if more seeds could settle an open question for at least one mean inside the present interval."""
    if difference.is_carried_by_few:
        return False
    if any(found.is_void for found in _both(difference, wording)):
        return False
    here, least = difference.here.interval(difference.levels.sign), difference.error_beyond_seeds
    return statistics.within_reach(
        here, least, margin=difference.margin, levels=difference.levels, can_be_small=difference.lacking is None
    )


def answer(difference: JudgedDifference, wording: Wording) -> Verdict:
    """Return the verdict: about new rows of the same kind if there is an estimate for them, else about these rows."""
    here, decides = _both(difference, wording)
    if decides.is_void or here.is_void:
        return Verdict(word=wording.open, sentence=f"No verdict: {wording.margin_of_all()}", is_withheld=True)
    return (
        _about_these_rows(difference, wording, here)
        if difference.new_rows is None
        else _about_new_rows(difference, wording, decides, here)
    )


@dataclass(frozen=True)
class _Found:
    """An estimate with the verdict's word that it gives, and the level of the interval that the word rests on."""

    estimate: Estimate
    word: str
    rests_on_margin: bool
    """Whether the word rests on a small difference: its interval is inside the margin. It may exclude 0, too."""
    level: float
    is_void: bool
    """Whether the word rests on a margin that is at least as large as the baseline's whole loss or error."""
    doubt: str | None
    """The sign-flip p-value in words, if the interval alone would settle the question; else None."""

    @classmethod
    def of(cls, difference: JudgedDifference, estimate: Estimate, shown: Shown, wording: Wording) -> _Found:
        """Return the word of an estimate, with what the word rests on."""
        word = wording.word(shown)
        is_of_sign = difference.is_claim and shown.sign < 0
        rests_on_margin = word != wording.open and shown.is_small and not is_of_sign
        level = difference.levels.margin if rests_on_margin else difference.levels.sign
        is_void = difference.is_margin_of_all and rests_on_margin
        return cls(estimate, word, rests_on_margin, level, is_void, _doubt(difference, estimate, shown, wording))

    @property
    def interval(self) -> Interval:
        """Return the interval that the word rests on."""
        return self.estimate.interval(self.level)

    def shared_level(self, difference: JudgedDifference) -> str | None:
        """Return a note on the interval's level if several arms, hypotheses or looks share the error; else None."""
        if self.level == LEVEL:
            return None
        looks, several = difference.looks, "hypotheses" if difference.is_claim else "arms"
        of_a_look = 1 - statistics.share_of_each(looks) if looks else LEVEL
        sharing = [several] * (self.level != of_a_look) + ["looks"] * bool(looks)
        shared = f"because several {' and '.join(sharing)} share the {1 - LEVEL:.0%} risk of an error"
        return f"This is a {100 * self.level:.4g}% interval, {shared}."


def _both(difference: JudgedDifference, wording: Wording) -> tuple[_Found, _Found]:
    """Return the word for these rows, and the word that decides: for new rows if there is an estimate for them."""
    here = _Found.of(difference, difference.here, difference.shown_here, wording)
    if difference.new_rows is None:
        return here, here
    return here, _Found.of(difference, difference.decides, difference.shown, wording)


def _doubt(difference: JudgedDifference, estimate: Estimate, found: Shown, wording: Wording) -> str | None:
    """Return the sign-flip p-value in words if only the sign-flip test leaves the question open; else None."""
    if not difference.is_doubted(estimate):
        return None
    by_interval = replace(found, sign=1 if estimate.mean > 0 else -1)
    if wording.word(found) != wording.open or wording.word(by_interval) == wording.open:
        return None
    return f"p {p_text(difference.sign_flip_p)}, above {100 * (1 - difference.levels.sign):.3g}%"


def _about_new_rows(difference: JudgedDifference, wording: Wording, found: _Found, here: _Found) -> Verdict:
    new_rows = difference.new_rows
    assert new_rows is not None
    rows = "these splits" if new_rows.drawn == "splits" else f"these {new_rows.count:,} {new_rows.drawn}"
    these = f"For {rows} alone: {here.word} {wording.bounds(here.interval)}"
    rest, settled_by = ("", None) if difference.is_carried_by_few else _what_follows(difference, found, wording)
    if here.doubt is not None and here.doubt not in rest:
        these += f", as the sign-flip test does not exclude zero ({here.doubt})"
    elif here.word == wording.open and difference.shown_here.sign and not difference.is_claim:
        these += ", a difference that may be smaller than the margin"
    elif here.rests_on_margin and _is_at_the_edge(here.interval, difference.margin):
        these += f", just inside {'the smallest effect of interest' if difference.is_claim else 'the margin'}"
    these += "."
    failures = failures_in_words(difference.pairs, difference.failed)
    if here.rests_on_margin and failures not in rest:
        these += f" {failures}"
    if difference.is_carried_by_few:
        few = f"{_carried_by_few(difference, new_rows, wording)} {these}"
        return Verdict(word=wording.open, sentence=few, about="new rows", these_rows=here.word, is_withheld=True)
    drawn = DRAWN[new_rows.drawn].format(units=new_rows.units)
    says = f"{drawn}, {wording.says(found.interval, found.word)}"
    if difference.is_unknown_for_new_rows:
        alike = f"the arms measure the same on all {new_rows.count:,} held-out {new_rows.drawn}"
        says = f"{drawn}, nothing is known yet: {alike}."
    level, heed = found.shared_level(difference), _heed(difference, is_open=found.word == wording.open)
    text = " ".join(one for one in (says, level, heed, rest, these) if one)
    return Verdict(word=found.word, settled_by=settled_by, sentence=text, about="new rows", these_rows=here.word)


def _is_at_the_edge(interval: Interval, margin: float) -> bool:
    """Return True if a bound of an interval inside the margin may look equal to the margin once it is rounded."""
    return max(-interval.low, interval.high) > 0.99 * margin


def _about_these_rows(difference: JudgedDifference, wording: Wording, here: _Found) -> Verdict:
    rest, settled_by = _what_follows(difference, here, wording)
    says = f"On {difference.measured_on}, {wording.says(here.interval, here.word)}"
    level, heed = here.shared_level(difference), _heed(difference, is_open=here.word == wording.open)
    text = " ".join(one for one in (says, level, heed, rest, wording.why_these_rows_only()) if one)
    about = difference.measured_on
    return Verdict(word=here.word, settled_by=settled_by, sentence=text, about=about, these_rows=here.word)


def _what_follows(difference: JudgedDifference, found: _Found, wording: Wording) -> tuple[str, int | None]:
    """Return the sentences after the difference, and the number of seeds that they name to settle an open question."""
    if found.word != wording.open:
        return _unseen(difference) if found.rests_on_margin else "", None
    lacking, rows = difference.lacking_alone, difference.new_rows
    unseen = "" if lacking is None or rows is None else _unseen_rows(lacking, rows.drawn, wording)
    if unseen and not difference.is_claim:
        return f"{unseen} {WARNINGS_FIRST if difference.needs_other_trainings else 'More seeds do not help.'}", None
    if difference.needs_other_trainings:
        return WARNINGS_FIRST, None
    cure = wording.own_cure()
    if found.doubt is not None:
        return f"The sign-flip test over seeds does not exclude zero ({found.doubt}). {cure or 'Use more seeds.'}", None
    if cure is not None:
        return cure, None
    if rows is None:
        count = _pairs_that_settle(difference)
        return _seeds(difference, wording, count), count
    settles, count = _rows_or_seeds(difference, wording, rows)
    return f"{unseen} {settles}".lstrip(), count  # more seeds may still refute a claim by its sign


def _heed(difference: JudgedDifference, *, is_open: bool) -> str:
    """Return a sentence that points at the warnings; "" if there are none, or if an open verdict says more."""
    says_more = is_open and difference.needs_other_trainings
    return WARNED if difference.is_warned and not says_more else ""


def _unseen(difference: JudgedDifference) -> str:
    """Return which seeds may fail unseen and, if the arms agree on all held-out rows, on how many they may differ."""
    failures, anew = failures_in_words(difference.pairs, difference.failed), difference.new_rows
    if anew is None or not anew.strata or anew.estimate.error > 0:
        return failures
    worst = min(anew.strata, key=lambda one: one.rows)
    share, whose = f"{100 * statistics.unseen_share(worst.rows):.2g}%", "" if worst.of == "all" else f" of {worst.of}"
    new = f"{share} of new {anew.drawn}{whose}"
    return f"The arms agree on all these {anew.count:,} {anew.drawn}. They may still differ on up to {new}. {failures}"


def _unseen_rows(lacking: Lacking, drawn: str, wording: Wording) -> str:
    """Return why the held-out rows or groups are too few to call a difference small, and how many are needed."""
    count, of = lacking.stratum.rows, lacking.stratum.of
    share = f"{100 * statistics.unseen_share(count):.2g}%"
    who, whole, each = {
        "all": (f"These {count:,} {drawn}", f"new {drawn}", ""),
        "the rarest class": (f"The {count:,} held-out {drawn} of the rarest class", "this class", " of each class"),
        "one data set": (f"The {count:,} held-out {drawn} of one data set", "its rows", " of each data set"),
    }[of]
    miss = f"{who} may miss a kind of {drawn} that makes up as much as {share} of {whole}"
    how = wording.how_to_hold_out(lacking.factor)
    return f"{miss}. {rows_to_show_small(lacking.needed, drawn, each, how)}"


# --- what would settle it -----------------------------------------------------------


def _pairs_that_settle(difference: JudgedDifference, least: float = 0.0) -> int | None:
    """Estimate how many pairs of seeds would settle a question; None if no number would.

    `least` is the standard error that remains with very many seeds: 0 for a question about these rows.
    """
    if spread := deviation(difference.difference_S):
        return statistics.pairs_to_settle(
            difference.question, pairs=difference.pairs, deviation=spread, least_error=least
        )
    return max(statistics.draws_to_exclude(difference.rare), statistics.fewest_pairs(difference.levels.sign))


def _seeds(difference: JudgedDifference, wording: Wording, count: int | None) -> str:
    if not deviation(difference.difference_S):
        return (
            f"All {difference.pairs:,} pairs are equal; it takes {count:,} equal pairs to say that no difference "
            "matters."
        )
    if not count:
        return "More seeds alone would not settle it."
    return f"With about {count:,} pairs of seeds ({wording.how_to_add(count)}) {CHANCE}."


def _rows_or_seeds(difference: JudgedDifference, wording: Wording, new_rows: NewRowsEstimate) -> tuple[str, int | None]:
    """Return a sentence on about how many seeds, or how many held-out rows, would settle the question.

    The second result is the number of seeds that the sentence names; None if seeds alone would not settle it.
    """
    if not deviation(difference.difference_S) and new_rows.estimate.error == 0:  # neither seeds nor rows vary
        if difference.lacking is not None:
            equal = f"It also takes at least {_pairs_that_settle(difference):,} pairs of seeds that are all equal."
            return f"{_unseen_rows(difference.lacking, new_rows.drawn, wording)} {equal}", None
        count = _pairs_that_settle(difference)
        return _seeds(difference, wording, count), count
    if new_rows.components is None:
        count = _pairs_that_settle(difference, difference.error_beyond_seeds)
        return _seeds(difference, wording, count) + ("" if count else MORE_DATA.format(new_rows.units)), count
    found = statistics.needed(difference.question, new_rows.components, seeds=difference.pairs, rows=new_rows.count)
    rows = _rows_in_words(found.rows, new_rows, wording) if found.rows else ""
    count = statistics.rounded_up(found.seeds or 0) or None
    seeds = f"about {count:,} seeds ({wording.how_to_add(count)})" if count else ""
    if rows and seeds:
        return f"With {rows}, or with {seeds}, {CHANCE}.", count
    if rows:
        return f"With {rows} {CHANCE}. More seeds alone would not settle it.", None
    if seeds:
        return f"With {seeds} {CHANCE}. More {new_rows.drawn} alone would not settle it.", count
    if found.both is None:
        return f"More seeds and more held-out {new_rows.drawn} are needed; neither alone would settle it.", None
    count, rows = found.both[0], _rows_in_words(found.both[1], new_rows, wording)
    both = f"about {count:,} seeds ({wording.how_to_add(count)}) and {rows} together"
    return f"With {both} {CHANCE}. Neither alone would settle it.", count


def _rows_in_words(count: int, new_rows: NewRowsEstimate, wording: Wording) -> str:
    """Return a number of held-out rows in words, with how to get them and how many of them have the rarest class."""
    rounded = statistics.rounded_up(count)
    rarest = [one.rows for one in new_rows.strata if one.of == "the rarest class"]
    share = f"about {math.ceil(rounded * min(rarest) / new_rows.count):,} of the rarest class" if rarest else ""
    how = wording.how_to_hold_out(rounded / new_rows.count)
    return f"about {rounded:,} held-out {new_rows.drawn} instead of {new_rows.count:,}{in_brackets(share, how)}"


def _carried_by_few(difference: JudgedDifference, new_rows: NewRowsEstimate, wording: Wording) -> str:
    carrying = f"about {new_rows.effective_rows:.0f} of {new_rows.count:,} {new_rows.drawn}"
    few = f"{carrying} carry the {'ratio of' if difference.is_ratio else 'difference in'} {difference.metric}"
    enough = 2 * FEWEST_EFFECTIVE * new_rows.count / new_rows.effective_rows  # 2: a safety factor
    more = _rows_in_words(math.ceil(enough), new_rows, wording)
    cure = f"{more[0].upper()}{more[1:]} may be enough."
    return f"No verdict for new {new_rows.drawn}: {few}, so others like them may be missing. {cure}"
