"""Means and paired differences over seeds: intervals, tests, and what so many pairs can detect.

Axes: S seeds (pairs of seeds, where two arms are compared), M sign patterns.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import special

Floats = NDArray[np.float64]

EXACT_PAIRS = 20
"""Up to so many differences all 2**pairs sign patterns are counted; above, this many are drawn:"""
DRAWN_PATTERNS = 100_000
FEWEST_FOR_BOOTSTRAP = 10
"""With fewer pairs the BCa interval of 95% covers the true mean far less often (science: 82% at 5, 90% at 10)."""
DRAWN_SUBSETS = 10_000
"""Choices of fewer seeds, from which the chance of the other sign is estimated."""
PIECE = 2**24
"""Random numbers that are drawn at a time."""
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
    draws, extreme = np.random.default_rng(0), 0
    for patterns in _pieces(DRAWN_PATTERNS, len(nonzero_S)):
        signs_MS = draws.integers(0, 2, (patterns, len(nonzero_S)), dtype=np.int8) * 2 - 1
        extreme += int((np.abs(signs_MS @ nonzero_S) >= observed).sum())
    return (extreme + 1) / (DRAWN_PATTERNS + 1)


def _pieces(rows: int, width: int) -> list[int]:
    """Cut so many rows of this width into pieces that fit in memory; give how many rows each has.

    >>> _pieces(5, PIECE // 2)
    [2, 2, 1]
    """
    most = max(1, PIECE // width)
    return [min(most, rows - start) for start in range(0, rows, most)]


def _all_signed_sums(values_S: Floats) -> Floats:
    """Give the sum of the values under each of the 2**S patterns of signs, (M,)."""
    sums_M = np.zeros(1)
    for value in values_S:
        sums_M = np.concatenate([sums_M + value, sums_M - value])
    return sums_M


def failure_difference(treated_failed_S: NDArray[np.bool_], baseline_failed_S: NDArray[np.bool_]) -> float:
    """Give the exact two-sided p-value of McNemar's test that both arms fail equally often, pair by pair."""
    only_treated = int((treated_failed_S & ~baseline_failed_S).sum())
    only_baseline = int((baseline_failed_S & ~treated_failed_S).sum())
    discordant = only_treated + only_baseline
    if not discordant:
        return 1.0
    tail = float(special.bdtr(min(only_treated, only_baseline), discordant, 0.5))
    return min(1.0, 2 * tail)


def t_test_p_value(difference_S: Floats) -> float:
    """Give the two-sided p-value of the paired t test, (S,) finite differences; it agrees with `mean_interval`.

    Pairs without any spread have p 1 if all are 0, else that of the sign-flip test; a single pair has 1.
    """
    least = 2.0 ** (1 - len(difference_S)) if np.ptp(difference_S) == 0 else 0.0
    return min(1.0, max(least, 2 * min(_one_sided(difference_S), _one_sided(-difference_S))))


def equivalence_p_value(difference_S: Floats, margin: float) -> float:
    """Give the p-value of two one-sided t tests that the mean lies within +-margin.

    It is below 0.05 exactly where the 90% interval lies inside. Source: Schuirmann 1987.
    """
    return max(_one_sided(difference_S + margin), _one_sided(margin - difference_S))


def _one_sided(difference_S: Floats) -> float:
    """Give the p-value of the one-sided t test that the mean is above 0."""
    count, mean = len(difference_S), float(np.mean(difference_S))
    if count < 2:
        return 1.0
    error = float(np.std(difference_S, ddof=1)) / math.sqrt(count)
    if error == 0:
        return float(mean <= 0)
    return float(special.stdtr(count - 1, -mean / error))


def bootstrap_interval(difference_S: Floats, level: float) -> Interval | None:
    """Give the bias-corrected and accelerated bootstrap interval of the mean, as a check on the t interval.

    None with fewer than FEWEST_FOR_BOOTSTRAP pairs, or if all are equal.
    Source: Efron 1987; `scipy.stats.bootstrap` with 9,999 draws.
    """
    if len(difference_S) < FEWEST_FOR_BOOTSTRAP or np.ptp(difference_S) == 0:
        return None
    from scipy import stats

    drawn = stats.bootstrap(
        (difference_S,), np.mean, confidence_level=level, method="BCa", n_resamples=9999, rng=np.random.default_rng(0)
    )
    low, high = drawn.confidence_interval
    return Interval(float(np.mean(difference_S)), float(low), float(high))


def probability_of_improvement(difference_S: Floats, level: float) -> Interval:
    """Give how probable it is that one pair is above 0, a tie counting half, with Wilson's interval.

    Source: Bouthillier et al. 2021; the bounds treat each half of a tie as half a success.

    >>> probability_of_improvement(np.array([1.0, 2.0, 0.0, -1.0]), 0.95).mean
    0.625
    """
    count = len(difference_S)
    share = float(np.mean((difference_S > 0) + 0.5 * (difference_S == 0)))
    z = float(special.ndtri((1 + level) / 2))
    middle = (share + z**2 / (2 * count)) / (1 + z**2 / count)
    half = z / (1 + z**2 / count) * math.sqrt(share * (1 - share) / count + z**2 / (4 * count**2))
    return Interval(share, max(0.0, middle - half), min(1.0, middle + half))


def detectable_difference(pairs: int, *, level: float = 0.95, power: float = 0.8) -> float:
    """Give the smallest mean difference, in standard deviations of the differences, that so many pairs detect.

    With it, the interval of this level excludes 0 with this power. NaN for a single pair,
    and where no size that is ever met would do. From the noncentral t.

    >>> round(detectable_difference(20), 2)
    0.66
    """
    if pairs < 2:
        return math.nan
    from scipy import optimize, stats

    degrees, quantile = pairs - 1, t_quantile(level, pairs - 1)

    def lacking(size: float) -> float:
        """Of the interval that excludes 0 on the wrong side there is next to nothing, at this power."""
        return float(stats.nct.sf(quantile, degrees, size * math.sqrt(pairs))) - power

    highest = next((float(size) for size in 2.0 ** np.arange(-5, 10) if lacking(size) > 0), None)
    return math.nan if highest is None else float(optimize.brentq(lacking, 0.0, highest))


def holm(p_values: Sequence[float]) -> list[float]:
    """Give Holm's adjusted p-values, in the order given.

    Source: Holm 1979.

    >>> holm([0.01, 0.04, 0.03])
    [0.03, 0.06, 0.06]
    """
    order = sorted(range(len(p_values)), key=lambda i: p_values[i])
    adjusted, highest = [0.0] * len(p_values), 0.0
    for rank, i in enumerate(order):
        highest = max(highest, min(1.0, (len(order) - rank) * p_values[i]))
        adjusted[i] = highest
    return adjusted


def holm_levels(p_values: Sequence[float], level: float = 0.95) -> list[float]:
    """Give the level of each contrast's interval, so that it excludes 0 exactly where Holm's test rejects.

    `p_values` are those of the tests that agree with the intervals.

    >>> holm_levels([0.01, 0.5])
    [0.975, 0.95]
    """
    alpha = 1 - level
    order = sorted(range(len(p_values)), key=lambda i: p_values[i])
    levels, still = [0.0] * len(p_values), True
    share = alpha
    for rank, i in enumerate(order):
        share = alpha / (len(order) - rank) if still else share
        still = still and p_values[i] <= share
        levels[i] = 1 - share
    return levels


def chances_of_other_sign(difference_S: Floats) -> list[tuple[int, float]]:
    """Estimate how often fewer seeds would show the other sign: (count, share) for counts up to half of the seeds.

    A share is of means of so many differences, drawn without replacement,
    whose sign is not that of the mean of all; a mean of zero counts half.
    It is empty where the mean of all is zero. Compare Picard, 2021, "torch.manual_seed(3407) is all you need".
    """
    found: list[tuple[int, float]] = []
    seeds, sign = len(difference_S), np.sign(np.mean(difference_S)) if len(difference_S) else 0
    draws = np.random.default_rng(0)
    for count in [count for count in (1, 2, 3, 5, 10, 20, 50, 100) if 2 * count <= seeds and sign]:
        means_D = [
            difference_S[np.argsort(draws.random((subsets, seeds)), axis=1)[:, :count]].mean(axis=1)
            for subsets in _pieces(DRAWN_SUBSETS, seeds)
        ]
        signs_D = sign * np.sign(difference_S if count == 1 else np.concatenate(means_D))
        found.append((count, float(np.mean((1 - signs_D) / 2))))
    return found
