"""Pure functions on arrays: intervals, tests and verdicts over seeds. Nothing here knows of runs or files.

Axes: S seeds (pairs of seeds, where two arms are compared), E epochs, M sign patterns.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from scipy import special

Floats = NDArray[np.float64]
Word = Literal["helps", "hurts", "no difference that matters", "cannot tell yet"]

FEWEST_PAIRS = 6
"""With fewer, even pairs that all agree leave the sign-flip test above 0.05, and coarse metrics often tie by luck."""
MOST_PAIRS = 100_000
"""A question that would take more is not said to be settled by any number."""
EXACT_PAIRS = 20
"""Up to so many differences all 2**pairs sign patterns are counted; above, this many are drawn:"""
DRAWN_PATTERNS = 100_000
ROUNDING = 1e-9
"""Sums that differ by less than this share of the largest possible one count as equal."""


@dataclass(frozen=True)
class Interval:
    """A mean and the bounds of its confidence interval; the bounds are NaN for a single value."""

    mean: float
    low: float
    high: float


@dataclass(frozen=True)
class PairedDifference:
    """Treated minus baseline, pair by pair: mean, interval, spread, exact sign-flip test, and signs counted."""

    mean: float
    low: float
    high: float
    standard_deviation: float
    pairs: int
    p_value: float
    positive: int
    ties: int
    negative: int


@dataclass(frozen=True)
class Reach:
    """How many seeds reached a target, and the mean epochs to it; a seed that never did counts with the budget."""

    reached: int
    seeds: int
    restricted_mean: float


@dataclass(frozen=True)
class Verdict:
    """One of four words, and, where it is open, about how many pairs would settle it."""

    word: Word
    settled_by: int | None = None


def t_quantile(level: float, degrees: float) -> float:
    """Give the quantile of Student's t that a two-sided interval of this level needs.

    >>> round(t_quantile(0.95, 19), 3)
    2.093
    """
    return float(special.stdtrit(degrees, (1 + level) / 2))


def mean_interval(values_S: Floats, level: float) -> Interval:
    """Give the mean of (S,) finite values with its t interval; `level` is in (0, 1)."""
    mean, count = float(np.mean(values_S)), len(values_S)
    if count < 2:
        return Interval(mean, math.nan, math.nan)
    half = t_quantile(level, count - 1) * float(np.std(values_S, ddof=1)) / math.sqrt(count)
    return Interval(mean, mean - half, mean + half)


def paired_difference(treated_S: Floats, baseline_S: Floats, level: float) -> PairedDifference:
    """Compare two arms pair by pair: (S,) finite values each, in the same order of seeds."""
    difference_S = np.asarray(treated_S, float) - np.asarray(baseline_S, float)
    interval = mean_interval(difference_S, level)
    return PairedDifference(
        mean=interval.mean,
        low=interval.low,
        high=interval.high,
        standard_deviation=float(np.std(difference_S, ddof=1)) if len(difference_S) > 1 else math.nan,
        pairs=len(difference_S),
        p_value=sign_flip_p_value(difference_S),
        positive=int((difference_S > 0).sum()),
        ties=int((difference_S == 0).sum()),
        negative=int((difference_S < 0).sum()),
    )


def sign_flip_p_value(difference_S: Floats) -> float:
    """Give the two-sided p-value of the sign-flip (permutation) test of a zero mean.

    It assumes of the differences only that each is as likely as its
    negative if the arms do not differ. Exact up to EXACT_PAIRS pairs that are
    not ties (a tie's sign changes nothing); above, DRAWN_PATTERNS patterns are drawn
    and the observed one counts as one of them, so that p is never 0.
    Source: Fisher 1935, The Design of Experiments, section 21.

    >>> sign_flip_p_value(np.array([1.0, 2.0, 3.0]))
    0.25
    """
    nonzero_S = difference_S[difference_S != 0]
    if not len(nonzero_S):
        return 1.0
    observed = abs(nonzero_S.sum()) - ROUNDING * np.abs(nonzero_S).sum()
    if len(nonzero_S) <= EXACT_PAIRS:
        return float(np.mean(np.abs(_all_signed_sums(nonzero_S)) >= observed))
    signs_MS = np.random.default_rng(0).integers(0, 2, (DRAWN_PATTERNS, len(nonzero_S)), dtype=np.int8) * 2 - 1
    extreme = int((np.abs(signs_MS @ nonzero_S) >= observed).sum())
    return (extreme + 1) / (DRAWN_PATTERNS + 1)


def _all_signed_sums(values_S: Floats) -> Floats:
    """Give the sum of the values under each of the 2**S patterns of signs, (M,)."""
    sums_M = np.zeros(1)
    for value in values_S:
        sums_M = np.concatenate([sums_M + value, sums_M - value])
    return sums_M


def epochs_to_target(metric_SE: Floats, target: float, higher_is_better: bool) -> Floats:
    """Give each seed's first epoch (from 1) with the metric at the target or better, (S,); NaN if never."""
    reached_SE = metric_SE >= target if higher_is_better else metric_SE <= target
    return np.where(reached_SE.any(axis=1), reached_SE.argmax(axis=1) + 1.0, np.nan)


def reach(epochs_S: Floats, budget: int) -> Reach:
    """Sum up epochs to a target, NaN where it was never reached, against the budget of epochs.

    The mean is the restricted mean time: dropping the seeds that never
    arrive would flatter the arm that fails more often. Source: Royston and Parmar 2013.
    """
    reached_S = np.isfinite(epochs_S)
    return Reach(int(reached_S.sum()), len(epochs_S), float(np.where(reached_S, epochs_S, budget).mean()))


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
    yet, with an estimate of the pairs that would settle it.
    """
    if pairs < FEWEST_PAIRS:
        return Verdict("cannot tell yet", FEWEST_PAIRS)
    if -margin < low and high < margin:
        return Verdict("no difference that matters")
    if (low > 0 or high < 0) and abs(mean) >= margin:
        return Verdict("helps" if (mean > 0) == higher_is_better else "hurts")
    return Verdict("cannot tell yet", _pairs_to_settle(mean, margin, pairs, standard_deviation))


def _pairs_to_settle(mean: float, margin: float, pairs: int, standard_deviation: float) -> int | None:
    """Estimate how many pairs make the interval narrow enough for a word, if mean and spread stay as they are."""
    distance = margin - abs(mean)
    goal = distance if distance > 0 else abs(mean)
    if not goal > 0 or not 1.96 * standard_deviation / goal < math.sqrt(MOST_PAIRS):
        return None
    count = max(pairs + 1, math.ceil((1.96 * standard_deviation / goal) ** 2))
    while t_quantile(0.95, count - 1) * standard_deviation / math.sqrt(count) >= goal:
        count = math.ceil(count * 1.02) + 1
    return count


def failure_difference(treated_failed_S: NDArray[np.bool_], baseline_failed_S: NDArray[np.bool_]) -> float:
    """Give the exact two-sided p-value of McNemar's test that both arms fail equally often, pair by pair."""
    only_treated = int((treated_failed_S & ~baseline_failed_S).sum())
    only_baseline = int((baseline_failed_S & ~treated_failed_S).sum())
    discordant = only_treated + only_baseline
    if not discordant:
        return 1.0
    tail = float(special.bdtr(min(only_treated, only_baseline), discordant, 0.5))
    return min(1.0, 2 * tail)
