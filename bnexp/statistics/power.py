"""The smallest difference that can be detected, computed before any measurement from known or assumed variances."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from bnexp.statistics.differences import LEVEL
from bnexp.statistics.held_out_rows import Components, expected_mean_squares, safe_unit, satterthwaite
from bnexp.statistics.quantiles import t_quantile

POWER = 0.8
"""The probability with which a comparison or a study finds a difference that counts as detectable."""


@dataclass(frozen=True)
class StandardError:
    """The standard error of a mean difference, and the degrees of freedom with which it will be estimated."""

    value: float
    degrees: float


def error_over_seeds(deviation: float, seeds: int) -> StandardError:
    """Return the standard error for other seeds on the same rows.

    `deviation` is the standard deviation of the pairs' differences.
    """
    return StandardError(deviation / math.sqrt(seeds), seeds - 1)


def error_over_splits(deviation: float, seeds: int, test_share: float) -> StandardError:
    """Return the standard error for other data, from overlapping splits of one set of rows.

    `deviation` is the standard deviation of the pairs' differences. `test_share` is the number of test rows divided by
    the number of training rows.
    Source: Nadeau and Bengio 2003, corrected resampled t test.
    """
    return StandardError(deviation * math.sqrt(1 / seeds + test_share), seeds - 1)


def error_over_rows(components: Components, seeds: int, rows: int) -> StandardError:
    """Return the standard error for new seeds and new rows, with Satterthwaite's degrees of freedom.

    The expected mean squares are rest + rows * seed, rest + seeds * row, and rest. The degrees of freedom are 0 for a
    single seed or row.
    Source: two-way random effects: Scheffé 1959, The Analysis of Variance, section 7.4; Satterthwaite 1946.

    >>> error_over_rows(Components(seed=0.0, row=0.2, rest=0.0), 20, 201)
    StandardError(value=0.03154..., degrees=200.0)
    """
    value = math.sqrt(components.variance(seeds, rows))
    if seeds < 2 or rows < 2:
        return StandardError(value, 0)
    parts = (components.seed, components.row, components.rest)
    seed, row, rest = (part / safe_unit(max(parts)) for part in parts)
    squares = expected_mean_squares(Components(seed, row, rest), seeds, rows)
    return StandardError(value, satterthwaite(*squares, seeds, rows)[1] if any(squares) else seeds - 1)


def detectable(error: StandardError, *, level: float = LEVEL, power: float = POWER) -> float:
    """Return the smallest mean difference whose interval of this level excludes 0 with the probability `power`.

    It is computed from the noncentral t. It is NaN without a degree of freedom, or if no difference of realistic size
    is large enough. The interval for new rows (`held_out_rows.new_rows`) is a few percent wider than assumed here,
    because it allows for rows like the farthest one.

    >>> round(detectable(StandardError(1.0, 1e6)), 3), round(detectable(error_over_seeds(1.0, 20)), 2)
    (2.802, 0.66)
    """
    if error.degrees < 1:
        return math.nan
    if error.value == 0:
        return 0.0
    from scipy import optimize, stats

    quantile = t_quantile(level, error.degrees)

    def lacking(size: float) -> float:
        """Return the power for a difference of `size` standard errors, minus the power that is wanted.

        Intervals on the wrong side of 0 are ignored, because they hardly add to the power.
        """
        return float(stats.nct.sf(quantile, error.degrees, size)) - power

    highest = next((float(size) for size in 2.0 ** np.arange(0, 10) if lacking(size) > 0), None)
    return math.nan if highest is None else error.value * float(optimize.brentq(lacking, 0.0, highest))
