"""A mean with its standard error and degrees of freedom. Its interval and its test follow from Student's t.

The error may come from seeds alone, from seeds and splits that overlap, or from seeds and held-out rows
(`held_out_rows`). The rule of `verdicts` is the same for all of them.

Axis: S seeds (pairs of seeds, where two arms are compared).
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import numpy as np

from bnexp.statistics.arrays import Floats
from bnexp.statistics.quantiles import t_quantile
from bnexp.statistics.significance import t_tail, without_spread


@dataclass(frozen=True)
class Interval:
    """A mean and the bounds of its confidence interval; the bounds are NaN for a single value."""

    mean: float
    low: float
    high: float


@dataclass(frozen=True)
class Estimate:
    """A mean with its standard error, and the error's degrees of freedom; the error is NaN for a single value."""

    mean: float
    error: float
    degrees: float
    others: tuple[tuple[float, float], ...] = ()
    """Other errors of the mean with their degrees of freedom. The interval is as wide as the widest of all."""

    def interval(self, level: float) -> Interval:
        """Return the t interval of this level, in (0, 1)."""
        if math.isnan(self.error):
            return Interval(self.mean, math.nan, math.nan)
        half = max(t_quantile(level, degrees) * error if error else 0.0 for error, degrees in self._ways)
        return Interval(self.mean, self.mean - half, self.mean + half)

    @property
    def _ways(self) -> list[tuple[float, float]]:
        return [(self.error, self.degrees), *self.others]

    def __neg__(self) -> Estimate:
        """Return the estimate of baseline minus treated."""
        return replace(self, mean=-self.mean)

    @property
    def p_value(self) -> float:
        """Return the two-sided p-value of a mean of 0. It is below 1 - level exactly if that interval excludes 0.

        >>> round(Estimate(1.0, 0.5, 10.0).p_value, 3), Estimate(1.0, math.nan, 0.0).p_value
        (0.073, 1.0)
        """
        if math.isnan(self.error):
            return 1.0
        ways = [(error, degrees) for error, degrees in self._ways if error]
        if not ways:
            return float(not self.mean)
        return min(1.0, max(2 * t_tail(abs(self.mean) / error, degrees) for error, degrees in ways))


def over_seeds(values_S: Floats) -> Estimate:
    """Estimate the mean for other seeds on the same rows, from finite values, (S,)."""
    return over_splits(values_S, 0.0)


def over_splits(values_S: Floats, test_share: float) -> Estimate:
    """Estimate the mean for other splits and rows of the same kind, from overlapping splits of one set of rows.

    `test_share` is the number of test rows divided by the number of training rows. The variance of the mean is
    (1 / S + test_share) times the variance of the values; for other seeds on the same rows it would be 1 / S.
    Source: Nadeau and Bengio 2003, corrected resampled t test.

    >>> narrow, wide = over_seeds(np.arange(4.0)), over_splits(np.arange(4.0), 0.75)
    >>> round(wide.error / narrow.error, 6)
    2.0
    """
    mean, count = float(np.mean(values_S)), len(values_S)
    if count < 2:
        return Estimate(mean, math.nan, 0.0)
    return Estimate(mean, deviation(values_S) * math.sqrt(1 / count + test_share), count - 1.0)


def deviation(values_S: Floats) -> float:
    """Return the standard deviation; 0 if values differ only by rounding."""
    return 0.0 if without_spread(values_S) else float(np.std(values_S, ddof=1))


def mean_interval(values_S: Floats, level: float) -> Interval:
    """Return the mean of (S,) finite values with its t interval; `level` is in (0, 1)."""
    return over_seeds(values_S).interval(level)
