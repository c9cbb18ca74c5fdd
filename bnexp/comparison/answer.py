"""A verdict's word and sentence: one rule for a comparison and for a study's hypothesis.

The rule itself is in `statistics.verdicts`. This file applies it to new rows and to these rows. For an open question it
finds what would settle it. The caller decides how a difference is written (`Telling`).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Protocol

from bnexp import statistics
from bnexp.comparison.metric_rules import WARNINGS_FIRST
from bnexp.comparison.new_rows import Anew
from bnexp.metrics import quantity
from bnexp.statistics import LEVEL, RARE, Estimate, Floats, Goal, Interval, Levels, Shown
from bnexp.statistics.estimate import deviation
from bnexp.statistics.held_out_rows import FEWEST_EFFECTIVE, MOSTLY_ROWS, needed
from bnexp.store.comparison_document import Verdict

DRAWN = {
    "rows": "For new rows of this kind",
    "groups": "For new groups of this kind",
    "splits": "For other splits and rows of this kind",
}


@dataclass(frozen=True)
class Grounds:
    """What a verdict rests on: a difference as estimated for these rows and, where that is known, for new rows."""

    metric: str
    difference_S: Floats
    """The pairs' differences, (S,), all finite, on the scale that is judged."""
    margin: float
    levels: Levels = field(default_factory=Levels)
    anew: Anew | None = None
    is_claim: bool = False
    """Whether a study's hypothesis is judged. Any difference below 0 refutes it."""
    is_warned: bool = False
    """Some of the trainings have warnings, which no number of seeds removes."""
    rare: float = RARE
    looks: Sequence[int] = ()
    """The numbers of seeds of all looks that share the error, if several are planned."""

    @cached_property
    def here(self) -> Estimate:
        """Return the mean difference as estimated for these rows."""
        return statistics.over_seeds(self.difference_S)

    @property
    def decides(self) -> Estimate:
        """Return the estimate that gives the word: for new rows, where there is one."""
        return self.here if self.anew is None else self.anew.estimate

    @property
    def pairs(self) -> int:
        """Count the pairs."""
        return len(self.difference_S)

    @cached_property
    def sign_flip_p(self) -> float:
        """Return the p-value of the sign-flip test over seeds."""
        return statistics.sign_flip_p_value(self.difference_S)

    @property
    def p_value(self) -> float:
        """Return the p-value that decides: the larger one of the t test and the sign-flip test, if t is below 5%."""
        of_t = self.decides.p_value
        return max(of_t, self.sign_flip_p) if of_t <= 1 - LEVEL else of_t

    @property
    def error_beyond_seeds(self) -> float:
        """Return the standard error that very many seeds would leave: the part of the held-out rows."""
        if self.anew is None:
            return 0.0
        if self.anew.rows is None:
            return math.sqrt(max(0.0, self.anew.estimate.error**2 - self.here.error**2))
        return math.sqrt(self.anew.rows.components.row / self.anew.rows.rows)

    @property
    def goals(self) -> list[Goal]:
        """Return how narrow the interval must get."""
        return statistics.goals(self.here.mean, self.margin, self.levels, is_claim=self.is_claim)

    def shown(self, estimate: Estimate) -> Shown:
        """Return what an estimate of the difference shows."""
        return statistics.shown(
            estimate,
            margin=self.margin,
            pairs=self.pairs,
            sign_flip_p=lambda: self.sign_flip_p,
            levels=self.levels,
            rare=self.rare,
        )

    def is_doubted(self, estimate: Estimate) -> bool:
        """Return True if the interval tells a sign, and the sign-flip test over seeds does not agree."""
        interval = estimate.interval(self.levels.sign)
        return (interval.low > 0 or interval.high < 0) and self.sign_flip_p > 1 - self.levels.sign


class Telling(Protocol):
    """How a comparison, or a study, words its verdict."""

    @property
    def open(self) -> str:
        """Return the word for a question that is not settled."""

    def word(self, found: Shown) -> str:
        """Return the word for what was found."""

    def says(self, interval: Interval, word: str) -> str:
        """Return the difference with its interval, and where it lies relative to zero and to the margin."""

    def bounds(self, interval: Interval) -> str:
        """Write the bounds of an interval."""

    def refusal(self, word: str) -> str | None:
        """Return why a word that follows from the interval is withheld; None if it is not."""

    def own_cure(self) -> str | None:
        """Return what would settle it, if that is neither seeds nor rows."""

    def why_these_rows_only(self) -> str | None:
        """Return why nothing is said of new rows; None if that was not asked."""


def word_of(grounds: Grounds, telling: Telling) -> str:
    """Return the word of the verdict alone."""
    if grounds.anew is not None and is_carried_by_few(grounds, grounds.anew):
        return telling.open
    word = telling.word(grounds.shown(grounds.decides))
    return word if telling.refusal(word) is None else telling.open


def is_open_to_seeds(grounds: Grounds, telling: Telling) -> bool:
    """Return True if more seeds could settle an open question, for some mean that these seeds do not exclude."""
    if grounds.anew is not None and is_carried_by_few(grounds, grounds.anew):
        return False
    if any(telling.refusal(telling.word(grounds.shown(one))) for one in (grounds.decides, grounds.here)):
        return False
    here, least = grounds.here.interval(grounds.levels.sign), grounds.error_beyond_seeds
    return statistics.within_reach(here, least, margin=grounds.margin, levels=grounds.levels)


def answer(grounds: Grounds, telling: Telling) -> Verdict:
    """Return the verdict: about new rows of the same kind where they are estimated, else about these rows."""
    anew = grounds.anew
    here = _Found.of(grounds, grounds.here, telling)
    decides = here if anew is None else _Found.of(grounds, grounds.decides, telling)
    if reason := telling.refusal(decides.word) or telling.refusal(here.word):
        return Verdict(word=telling.open, sentence=reason)
    return (
        _about_these_rows(grounds, telling, here) if anew is None else _about_new_rows(grounds, telling, decides, here)
    )


@dataclass(frozen=True)
class _Found:
    """What an estimate shows: the word, and the interval that gives it, with its level."""

    estimate: Estimate
    shown: Shown
    word: str
    level: float

    @classmethod
    def of(cls, grounds: Grounds, estimate: Estimate, telling: Telling) -> _Found:
        """Judge an estimate."""
        shown = grounds.shown(estimate)
        level = grounds.levels.margin if shown.is_small and not shown.sign else grounds.levels.sign
        return cls(estimate, shown, telling.word(shown), level)

    @property
    def interval(self) -> Interval:
        """Return the interval that gives the word."""
        return self.estimate.interval(self.level)

    def shared_level(self, looks: Sequence[int]) -> str | None:
        """Return a note on the level of the interval, if several questions or looks share the error."""
        if self.level == LEVEL:
            return None
        of_a_look = 1 - statistics.share_of_each(looks) if looks else LEVEL
        sharing = ["questions"] * (self.level != of_a_look) + ["looks"] * bool(looks)
        return f"The interval is one of {100 * self.level:.4g}%, as several {' and '.join(sharing)} share the error."


def _about_new_rows(grounds: Grounds, telling: Telling, found: _Found, here: _Found) -> Verdict:
    anew = grounds.anew
    assert anew is not None
    rows = "these splits" if anew.drawn == "splits" else f"these {anew.count:,} {anew.drawn}"
    these = f"On {rows}: {here.word} {telling.bounds(here.interval)}."
    if is_carried_by_few(grounds, anew):
        few = f"{_carried_by_few(grounds, anew)} {these}"
        return Verdict(word=telling.open, sentence=few, about="new rows", these_rows=here.word)
    rest = _what_follows(grounds, found, telling)
    rest = _rows_or_seeds(grounds, anew) if rest is None else rest
    says = f"{DRAWN[anew.drawn]}, {telling.says(found.interval, found.word)}"
    text = " ".join(one for one in (says, found.shared_level(grounds.looks), rest, these) if one)
    return Verdict(word=found.word, sentence=text, about="new rows", these_rows=here.word)


def _about_these_rows(grounds: Grounds, telling: Telling, here: _Found) -> Verdict:
    rest, settled_by = _what_follows(grounds, here, telling), None
    if rest is None:
        settled_by = _pairs_that_settle(grounds)
        rest = _seeds(grounds, settled_by)
    says = f"On these rows, {telling.says(here.interval, here.word)}"
    text = " ".join(one for one in (says, here.shared_level(grounds.looks), rest, telling.why_these_rows_only()) if one)
    return Verdict(word=here.word, settled_by=settled_by, sentence=text, about="these rows", these_rows=here.word)


def _what_follows(grounds: Grounds, found: _Found, telling: Telling) -> str | None:
    """Return what stands behind the difference; None if the question is open for lack of seeds or rows."""
    if grounds.is_warned:
        return WARNINGS_FIRST
    if found.word != telling.open:
        return _unseen_failures(grounds.pairs) if found.shown.is_small and not found.shown.sign else ""
    if (cure := telling.own_cure()) is not None:
        return cure
    if grounds.is_doubted(found.estimate):
        return f"The sign-flip test over seeds does not exclude zero (p {grounds.sign_flip_p:.2g}). Use more seeds."
    return None


def _unseen_failures(pairs: int) -> str:
    """Return the share of seeds that could fail though none was seen to.

    >>> _unseen_failures(20)
    'Up to 14% of seeds could still fail: 20 pairs do not exclude it.'
    """
    share = 100 * statistics.unseen_share(pairs)
    return f"Up to {share:.0f}% of seeds could still fail: {pairs} pairs do not exclude it."


# --- what would settle it -----------------------------------------------------------


def _pairs_that_settle(grounds: Grounds) -> int | None:
    """Return about how many pairs of seeds would settle a question about these rows."""
    if spread := deviation(grounds.difference_S):
        return statistics.pairs_to_settle(grounds.goals, pairs=grounds.pairs, standard_deviation=spread)
    return max(statistics.pairs_to_exclude(grounds.rare), statistics.fewest_pairs(grounds.levels.sign))


def _seeds(grounds: Grounds, count: int | None) -> str:
    if not deviation(grounds.difference_S):
        return f"All {grounds.pairs} pairs are equal; it takes {count} equal pairs to say that no difference matters."
    return f"About {count} pairs of seeds would settle it." if count else "More seeds alone would not settle it."


def _rows_or_seeds(grounds: Grounds, anew: Anew) -> str:
    """Return which is missing, seeds or rows, and about how many."""
    if anew.rows is None:
        return "More held-out rows or more data would settle it; more splits of these rows hardly would."
    found = needed(anew.rows, grounds.goals)
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


# --- few rows that matter -----------------------------------------------------------


def is_carried_by_few(grounds: Grounds, anew: Anew) -> bool:
    """Return True for a loss or an error whose difference a few rows carry."""
    rows = anew.rows
    if rows is None or quantity(grounds.metric) == "accuracy":
        return False
    few = rows.effective_rows < min(FEWEST_EFFECTIVE, anew.count)
    return few and rows.components.share_of_rows(rows.seeds, rows.rows) >= MOSTLY_ROWS


def _carried_by_few(grounds: Grounds, anew: Anew) -> str:
    effective = 0.0 if anew.rows is None else anew.rows.effective_rows
    few = f"about {effective:.0f} of {anew.count:,} {anew.drawn} carry the difference in {grounds.metric}"
    cure = f"Use more held-out {anew.drawn}."
    return f"No verdict for new {anew.drawn}: {few}, so others like them may be missing. {cure}"
