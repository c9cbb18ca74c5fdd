"""Tests of paired differences, and levels for several of them. Intervals are in `differences`.

Axes: S seeds (pairs of seeds), M sign patterns.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bnexp.statistics.arrays import Floats

EXACT_PAIRS = 20
"""Up to this number of differences, all 2**pairs sign patterns are counted."""
DRAWN_PATTERNS = 100_000
"""Number of sign patterns that are drawn if there are more differences."""
PIECE = 2**24
"""Number of random numbers that are drawn at a time."""
ROUNDING = 1e-9
"""Sums count as equal if they differ by less than this share of the largest possible sum."""

TIE = 1e-12
"""Values count as equal if they differ by this share of the larger one or less. Logs may differ by this number."""


def sign_flip_p_value(difference_S: Floats) -> float:
    """Return the two-sided p-value of the sign-flip (permutation) test of a zero mean.

    The test has one assumption: if the arms do not differ, each difference is as likely as its negative. It is exact up
    to EXACT_PAIRS pairs that are not ties (the sign of a tie changes nothing). With more pairs, DRAWN_PATTERNS patterns
    are drawn. The observed pattern counts as one of them, so p is never 0.
    Source: Fisher 1935, The Design of Experiments, section 21.

    >>> sign_flip_p_value(np.array([1.0, 2.0, 3.0]))
    0.25
    """
    nonzero_S = difference_S[difference_S != 0]
    if not len(nonzero_S):
        return 1.0
    observed = abs(nonzero_S.sum()) - ROUNDING * np.abs(nonzero_S).sum()
    if len(nonzero_S) <= EXACT_PAIRS:
        return float(np.mean(np.abs(_signed_sums(nonzero_S)) >= observed))
    draws, extreme = np.random.default_rng(0), 0
    for patterns in pieces(DRAWN_PATTERNS, len(nonzero_S)):
        signs_MS = draws.integers(0, 2, (patterns, len(nonzero_S)), dtype=np.int8) * 2 - 1
        extreme += int((np.abs(signs_MS @ nonzero_S) >= observed).sum())
    return (extreme + 1) / (DRAWN_PATTERNS + 1)


def subtracted(treated_S: Floats, baseline_S: Floats, *, in_logs: bool = False) -> Floats:
    """Return treated minus baseline, (S,): 0 if the two differ only by rounding, NaN if one has no value.

    Rounding errors are a share of the values. Logs are near 0 for values near 1, so their limit is absolute.

    >>> treated_S, baseline_S = np.array([(0.1 + 0.7) / 2, 0.5]), np.array([(0.3 + 0.5) / 2, 0.25])
    >>> treated_S - baseline_S == 0, subtracted(treated_S, baseline_S)
    (array([False, False]), array([0.  , 0.25]))
    >>> subtracted(np.array([1e-13]), np.array([2e-13])), subtracted(np.array([1e-13]), np.array([0.0]), in_logs=True)
    (array([-1.e-13]), array([0.]))
    """
    difference_S = treated_S - baseline_S
    size_S = 1.0 if in_logs else np.maximum(np.abs(treated_S), np.abs(baseline_S))
    return np.where(np.abs(difference_S) <= TIE * size_S, 0.0, difference_S)


def at_least(values: Any, bound: float) -> Any:
    """Return True for each value that is at a bound or above it, or below it only by rounding.

    >>> 0.57 - 0.56 >= 0.01, at_least(0.57 - 0.56, 0.01), at_least(0.0099, 0.01)
    (False, True, False)
    """
    return values >= bound - ROUNDING * abs(bound)


def pieces(rows: int, width: int) -> list[int]:
    """Return the number of rows of each piece, if rows of this width are cut into pieces that fit in memory.

    >>> pieces(5, PIECE // 2)
    [2, 2, 1]
    """
    most = max(1, PIECE // width)
    return [min(most, rows - start) for start in range(0, rows, most)]


def _signed_sums(values_S: Floats) -> Floats:
    """Return the sum of the values, (M,), under each sign pattern that starts with +. The others mirror these."""
    sums_M = np.empty(2 ** (len(values_S) - 1))
    sums_M[0] = values_S[0]
    for known, value in zip(2 ** np.arange(len(values_S) - 1), values_S[1:], strict=True):
        np.subtract(sums_M[:known], value, out=sums_M[known : 2 * known])
        sums_M[:known] += value
    return sums_M


def failure_difference(treated_failed_S: NDArray[np.bool_], baseline_failed_S: NDArray[np.bool_]) -> float:
    """Return the exact two-sided p-value of McNemar's test that both arms fail equally often, pair by pair."""
    only_treated = int((treated_failed_S & ~baseline_failed_S).sum())
    only_baseline = int((baseline_failed_S & ~treated_failed_S).sum())
    discordant = only_treated + only_baseline
    if not discordant:
        return 1.0
    from scipy import special

    tail = float(special.bdtr(min(only_treated, only_baseline), discordant, 0.5))
    return min(1.0, 2 * tail)


def t_tail(ratio: float, degrees: float) -> float:
    """Return the probability that Student's t with these degrees of freedom is above a ratio."""
    from scipy import special

    return float(special.stdtr(degrees, -ratio))


def without_spread(values_S: Floats) -> bool:
    """Return True if values differ only by rounding. Then their intervals mean nothing."""
    return bool(np.ptp(values_S) <= ROUNDING * np.abs(values_S).max())


def holm_levels(
    p_values: Sequence[float], level: float = 0.95, *, of_a_look: Callable[[float], float] | None = None
) -> list[float]:
    """Return the level of each contrast's interval, so that the interval excludes 0 exactly if Holm's test rejects.

    `p_values` come from the tests that agree with the intervals. If several looks share the error of a contrast,
    `of_a_look` returns the share of one look.

    >>> holm_levels([0.01, 0.5])
    [0.975, 0.95]
    """
    alpha = 1 - level
    order = sorted(range(len(p_values)), key=lambda i: p_values[i])
    levels, still = [0.0] * len(p_values), True
    share = alpha
    for rank, i in enumerate(order):
        if still:
            share = alpha / (len(order) - rank)
            share = share if of_a_look is None else of_a_look(share)
        still = still and p_values[i] <= share
        levels[i] = 1 - share
    return levels
