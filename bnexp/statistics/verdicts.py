"""What an estimate shows about a difference, and the words for it: four for a comparison, three for a hypothesis.

One rule serves both. A difference has a sign if its interval excludes 0 and the sign-flip test over seeds agrees. It is
small if its interval lies inside the margin. It is large if its mean is at the margin or beyond.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Literal

import numpy as np

from bnexp.statistics.arrays import Floats
from bnexp.statistics.differences import LEVEL
from bnexp.statistics.estimate import Estimate, mean_interval
from bnexp.statistics.looks import share_of_each
from bnexp.statistics.significance import at_least, holm_levels

Word = Literal["helps", "hurts", "no difference that matters", "cannot tell yet"]
Conclusive = Literal["supported", "refuted", "inconclusive"]

RARE = 0.2
"""Pairs that are all equal show that no difference matters if they exclude that this share of all pairs differs."""
SMALLEST_SHARE = 1e-9
"""Smaller shares count as this share, which no realistic number of held-out rows excludes."""
ROUNDING_OF_P = 1e-12
"""The rounding error that 1 minus a level may have."""


@dataclass(frozen=True)
class Levels:
    """The level of the interval that is compared with 0, and of the interval that is compared with the margin.

    A single question has one interval for both. Several questions share the error. Holm's levels come from tests
    against 0, and are lowest for the effect nearest to 0. So they do not suit the margin: there each question has an
    equal share of the error.
    """

    sign: float = LEVEL
    margin: float = LEVEL


def shared_levels(p_values: Sequence[float], looks: Sequence[int] = ()) -> list[Levels]:
    """Return the levels of several questions with these p-values, so that the risk of any error is at most 5%.

    `looks` are the numbers of seeds of all looks that are planned, if there are several.
    Source: Holm 1979 for the sign; Bonferroni for the margin; for looks see `share_of_each`.

    >>> shared_levels([0.01, 0.5])
    [Levels(sign=0.975, margin=0.975), Levels(sign=0.95, margin=0.975)]
    """
    of_margin = (1 - LEVEL) / max(1, len(p_values))
    if not looks:
        return [Levels(level, 1 - of_margin) for level in holm_levels(p_values, LEVEL)]
    of_a_look = partial(share_of_each, looks)
    return [Levels(level, 1 - of_a_look(of_margin)) for level in holm_levels(p_values, LEVEL, of_a_look=of_a_look)]


@dataclass(frozen=True)
class Shown:
    """What an estimate shows about a difference."""

    sign: Literal[-1, 0, 1] = 0
    """1 if the difference is above 0, -1 if it is below 0, and 0 if that is not known."""
    is_large: bool = False
    is_small: bool = False


def shown(
    estimate: Estimate,
    *,
    margin: float,
    pairs: int,
    sign_flip_p: Callable[[], float],
    levels: Levels,
    rare: float = RARE,
) -> Shown:
    """Return what an estimate shows about a difference. `margin` is the smallest difference that matters.

    Pairs that are all equal have no spread. They show that a difference is small if there are enough of them to exclude
    that the share `rare` of all pairs differs. Fewer pairs than `fewest_pairs` show nothing. An estimate without an
    error shows nothing either, because its interval has no bounds. `sign_flip_p` is called only if the interval
    excludes 0.
    """
    if pairs < fewest_pairs(levels.sign) or not math.isfinite(estimate.error):
        return Shown()
    of_sign, of_margin = estimate.interval(levels.sign), estimate.interval(levels.margin)
    is_small = not at_least(-of_margin.low, margin) and not at_least(of_margin.high, margin)
    is_apart = (of_sign.low > 0 or of_sign.high < 0) and excludes_zero(sign_flip_p(), levels.sign)
    return Shown(
        (1 if estimate.mean > 0 else -1) if is_apart else 0,
        is_large=bool(at_least(abs(estimate.mean), margin)),
        is_small=is_small and (estimate.error > 0 or pairs >= draws_to_exclude(rare)),
    )


def excludes_zero(p_value: float, level: float) -> bool:
    """Return True if a test of a mean of 0 rejects it at the level of an interval.

    >>> excludes_zero(0.1, 0.9), excludes_zero(0.1000001, 0.9), 0.1 <= 1 - 0.9
    (True, False, False)
    """
    return p_value <= 1 - level + ROUNDING_OF_P


def comparison_word(found: Shown, *, higher_is_better: bool) -> Word:
    """Return the comparison's word for what is shown about a difference, treated minus baseline."""
    if found.is_small:
        return "no difference that matters"
    if found.sign and found.is_large:
        return "helps" if (found.sign > 0) == higher_is_better else "hurts"
    return "cannot tell yet"


def claim_word(found: Shown) -> Conclusive:
    """Return the word for a claim that a difference is above 0, by the margin or more.

    Any difference below 0 refutes the claim, however small it is.
    """
    if found.sign > 0 and found.is_large:
        return "supported"
    return "refuted" if found.sign < 0 or found.is_small else "inconclusive"


# --- how many it takes --------------------------------------------------------------


def fewest_pairs(level: float) -> int:
    """Return the smallest number of pairs for a verdict at this level. Fewer pairs all agree by chance too often.

    >>> fewest_pairs(0.95), fewest_pairs(0.99)
    (6, 8)
    """
    return math.ceil(1 - math.log2(1 - level))


def draws_to_exclude(share: float) -> int:
    """Return how many equal pairs (or rows) exclude, at 95%, that this share of all pairs (or rows) differs.

    This is the exact form of the rule of three: (1 - share)**draws is at most 0.05.

    >>> draws_to_exclude(0.2), draws_to_exclude(0.01)
    (14, 299)
    """
    return math.ceil(math.log(0.05) / math.log1p(-max(share, SMALLEST_SHARE))) if share < 1 else 1


def unseen_share(draws: int, seen: int = 0) -> float:
    """Return the largest share that a kind of seeds (or rows) can have, at 95%, if `seen` of these draws are of it.

    It is the upper bound of Clopper and Pearson (1934), one-sided.

    >>> round(unseen_share(20), 3), round(unseen_share(20, 2), 3), unseen_share(3, 3)
    (0.139, 0.283, 1.0)
    """
    if not seen:
        return float(1 - 0.05 ** (1 / draws))
    low, high = (seen / draws, 1.0)
    while high - low > 1e-9:
        share = (low + high) / 2
        few = sum(_binomial(count, draws, share) for count in range(seen + 1))
        low, high = (share, high) if few > 0.05 else (low, share)
    return high


def _binomial(count: int, draws: int, share: float) -> float:
    """Return the probability that `count` of these draws are of a kind that has this share, between 0 and 1."""
    ways = math.lgamma(draws + 1) - math.lgamma(count + 1) - math.lgamma(draws - count + 1)
    return math.exp(ways + count * math.log(share) + (draws - count) * math.log1p(-share))


def beats(values_S: Floats, score: float) -> bool:
    """Return True if the 95% t interval of the mean of these values, (S,), lies above a score.

    A single value has no interval and beats nothing. Values without spread beat any score below them.

    >>> beats(np.array([0.9, 0.92]), 0.5), beats(np.array([0.5, 0.5]), 0.5), beats(np.array([0.9]), 0.5)
    (True, False, False)
    """
    finite_S = values_S[np.isfinite(values_S)]
    return len(finite_S) > 1 and mean_interval(finite_S, LEVEL).low > score
