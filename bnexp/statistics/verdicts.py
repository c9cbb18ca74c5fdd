"""Words for a difference: the four of a comparison, the three of a study's hypothesis. By interval and margin alone."""

from __future__ import annotations

import math
from dataclasses import dataclass
from statistics import NormalDist
from typing import Literal

import numpy as np

from bnexp.statistics.arrays import Floats
from bnexp.statistics.differences import LEVEL, Interval, mean_interval
from bnexp.statistics.quantiles import t_quantile
from bnexp.statistics.significance import at_least, without_spread

Word = Literal["helps", "hurts", "no difference that matters", "cannot tell yet"]
Conclusive = Literal["supported", "refuted", "inconclusive"]

FEWEST_PAIRS = 6
"""With fewer, even pairs that all agree leave the sign-flip test above 0.05, and coarse metrics often tie by luck."""
ERROR = 0.05
"""How often all hypotheses of a study together may be refuted by equivalence though they are true."""
RARE = 0.2
"""Pairs that are all equal refute a claim, if there are enough to exclude that this share of pairs differs."""
MOST_PAIRS = 100_000
"""If a question needs more pairs than this, no number is advised."""


@dataclass(frozen=True)
class Verdict:
    """One of four words, and, where it is open, about how many pairs would settle it."""

    word: Word
    settled_by: int | None = None


@dataclass(frozen=True)
class Conclusion:
    """What a contrast says of a claim, and, where it is open, about how many pairs would settle it."""

    word: Conclusive
    settled_by: int | None = None


def verdict(
    *,
    low: float,
    high: float,
    mean: float,
    margin: float,
    higher_is_better: bool,
    pairs: int,
    standard_deviation: float,
) -> Verdict:
    """Judge a paired difference, treated minus baseline, by its interval [low, high] and the margin that matters.

    The interval inside (-margin, margin): no difference that matters. The
    interval on one side of 0 and the mean at the margin or beyond: helps or
    hurts. Anything else, or fewer than FEWEST_PAIRS pairs: cannot tell
    yet, with an estimate of the pairs that would settle it. Pairs that are all equal have no spread. They show that no
    difference matters, if there are enough to exclude that many pairs differ, as in `conclusion`.

    The one interval that is shown decides: at 95% it is stricter about the
    margin than two one-sided tests, whose interval is one of 90%.
    """
    if pairs < FEWEST_PAIRS:
        return Verdict("cannot tell yet", FEWEST_PAIRS)
    if not at_least(-low, margin) and not at_least(high, margin):
        needed = 0 if standard_deviation > 0 else pairs_to_exclude(RARE)
        return Verdict("cannot tell yet", needed) if pairs < needed else Verdict("no difference that matters")
    if (low > 0 or high < 0) and at_least(abs(mean), margin):
        return Verdict("helps" if (mean > 0) == higher_is_better else "hurts")
    return Verdict("cannot tell yet", _pairs_to_settle(mean, margin, pairs, standard_deviation))


def _pairs_to_settle(mean: float, margin: float, pairs: int, standard_deviation: float) -> int | None:
    """Estimate how many pairs make the interval narrow enough for a word, if mean and spread stay as they are."""
    goal = abs(mean) if at_least(abs(mean), margin) else margin - abs(mean)
    return _pairs_to_narrow(goal, LEVEL, pairs, standard_deviation)


def _pairs_to_narrow(goal: float, level: float, pairs: int, standard_deviation: float) -> int | None:
    """Estimate how many pairs, more than there are, give an interval of this level whose half is below the goal."""
    quantile = NormalDist().inv_cdf((1 + level) / 2)
    if not goal > 0 or not quantile * standard_deviation / goal < math.sqrt(MOST_PAIRS):
        return None
    count = max(pairs + 1, math.ceil((quantile * standard_deviation / goal) ** 2))
    while t_quantile(level, count - 1) * standard_deviation / math.sqrt(count) >= goal:
        count = math.ceil(count * 1.02) + 1
    return count if count <= MOST_PAIRS else None


def beats(values_S: Floats, score: float) -> bool:
    """Return True if the 95% t interval of the mean of these values, (S,), lies above a score.

    A single value has no interval and beats nothing. Values without spread beat any score below them.

    >>> beats(np.array([0.9, 0.92]), 0.5), beats(np.array([0.5, 0.5]), 0.5), beats(np.array([0.9]), 0.5)
    (True, False, False)
    """
    finite_S = values_S[np.isfinite(values_S)]
    return len(finite_S) > 1 and mean_interval(finite_S, LEVEL).low > score


def fewest_pairs(level: float) -> int:
    """Return the fewest pairs that a claim may rest on at this level: fewer would all agree by chance too often.

    >>> fewest_pairs(0.95), fewest_pairs(0.99)
    (6, 8)
    """
    return math.ceil(1 - math.log2(1 - level))


def conclusion(
    difference_S: Floats, *, smallest: float, level: float = 0.95, contrasts: int = 1, rare: float = RARE
) -> Conclusion:
    """Judge a claim that the mean of the differences, (S,), is above 0 by the smallest effect of interest or more.

    supported: the t interval of this level lies above 0 and the mean is
    `smallest` or more. refuted: it lies below 0, or the equivalence interval
    lies inside (-smallest, smallest). inconclusive: anything else, and
    anything that rests on fewer than `fewest_pairs`.

    `level` may be Holm's. Equivalence does not use it. Holm's levels come from tests against 0, and are laxest for the
    effect nearest to 0.
    """
    count = len(difference_S)
    if count < fewest_pairs(level):
        return Conclusion("inconclusive", fewest_pairs(level))
    found, narrow = mean_interval(difference_S, level), equivalence_interval(difference_S, contrasts)
    if found.low > 0 and at_least(found.mean, smallest):
        return Conclusion("supported")
    if found.high < 0:
        return Conclusion("refuted")
    if not at_least(-narrow.low, smallest) and not at_least(narrow.high, smallest):
        needed = pairs_to_exclude(rare) if without_spread(difference_S) else 0
        return Conclusion("inconclusive", needed) if count < needed else Conclusion("refuted")
    deviation = float(np.std(difference_S, ddof=1))
    return Conclusion("inconclusive", _pairs_for_a_word(found.mean, smallest, count, deviation, level, contrasts))


def _pairs_for_a_word(
    mean: float, smallest: float, pairs: int, deviation: float, level: float, contrasts: int
) -> int | None:
    """Estimate the fewest pairs that would support or refute a claim, if mean and spread stay as they are.

    A mean below 0 refutes it in two ways: the interval lies below 0, or inside the smallest effect of interest.
    """
    goals = {"beyond": (abs(mean), level), "inside": (smallest - abs(mean), equivalence_level(contrasts))}
    if mean >= 0:
        del goals["inside" if at_least(mean, smallest) else "beyond"]
    counts = [_pairs_to_narrow(goal, at, pairs, deviation) for goal, at in goals.values()]
    return min((count for count in counts if count is not None), default=None)


def equivalence_level(contrasts: int = 1) -> float:
    """Return the level of the interval that is compared with the smallest effect of one of several claims.

    >>> equivalence_level(), equivalence_level(2)
    (0.9, 0.95)
    """
    return 1 - 2 * ERROR / contrasts


def equivalence_interval(difference_S: Floats, contrasts: int = 1) -> Interval:
    """Return the interval that lies inside a margin where two one-sided tests, each at ERROR / contrasts, say so.

    Source: Schuirmann 1987; of several claims each has its share of the error (Bonferroni).
    """
    return mean_interval(difference_S, equivalence_level(contrasts))


def pairs_to_exclude(share: float) -> int:
    """Return how many pairs without a difference exclude, at 95%, that this share of all pairs differs.

    The rule of three, exactly: (1 - share)**pairs is below 0.05.

    >>> pairs_to_exclude(0.2), pairs_to_exclude(0.01)
    (14, 299)
    """
    return math.ceil(math.log(0.05) / math.log1p(-share)) if share < 1 else 1
