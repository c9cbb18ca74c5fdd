"""Do several cells share one effect? Cochran's Q, the deviation between cells (tau), and the range for another cell.

Textbook formulas assume that the errors of the cells are independent. But the cells of a study share seeds, and often
held-out rows, so their errors are correlated. The shared part of the errors does not make cells differ. If it is
ignored, Q and tau are too small, and the prediction interval is too narrow. With 6 or 12 cells that differ by little,
at a correlation of 0.5, it contained 72% to 87% of new cells instead of 95%.
So the shared part is removed. Its size is estimated from the error of the cells' mean.

Axis: C cells.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from bnexp.statistics.arrays import Floats
from bnexp.statistics.differences import LEVEL
from bnexp.statistics.estimate import Estimate, Interval
from bnexp.statistics.quantiles import t_quantile

MOST_CORRELATED = 0.99
"""Limit of the correlation. Estimated from few seeds it can reach 1, and then no error is left to compare cells."""


@dataclass(frozen=True)
class Heterogeneity:
    """How much the effects of cells differ, beyond the noise of each."""

    q: float
    """Cochran's Q: about C - 1 where all cells share one effect."""
    p_value: float
    """The p-value of Q."""
    tau: float
    """The standard deviation of effects between cells."""
    correlation: float
    """The mean correlation of the cells' errors."""
    prediction: Interval | None
    """The interval for the effect of another cell of this kind; None for two cells."""


def heterogeneity(cells: Sequence[Estimate], mean: Estimate | None = None) -> Heterogeneity | None:
    """Return how much the effects of cells differ; None for fewer than two cells, or if one has no error above 0.

    `mean` is the estimate of the plain mean over the cells. Its error shows how strongly the cells' errors are
    correlated. With it, the prediction interval is around the plain mean, by which a hypothesis is judged. Without it,
    all is as in textbooks: the errors count as independent, and the interval is around the weighted mean. Two things
    are assumed: all cells have the same correlation, and the cells are a random sample of all cells of their kind. The
    second is only roughly true for the levels of a grid.

    In simulations (`benchmarks/cells.py`: 3 to 12 cells of unequal noise, 6 to 20 seeds, correlations up to 0.8, noise
    that grows with the effect) the 5% test of Q rejects in 1% to 10% of studies whose cells are alike. The prediction
    interval contains 92% or more of new cells.

    Source: Cochran 1954 (Q). Welch 1951 (its p-value, for errors that are estimated). DerSimonian and Laird 1986, and
    Hedges and Olkin 1985 (tau). Higgins, Thompson and Spiegelhalter 2009, section 2.4 (prediction interval, t with
    C - 2 degrees of freedom).
    """
    means_C, errors_C, degrees_C = np.array([(one.mean, one.error, one.degrees) for one in cells]).T
    if len(cells) < 2 or not (np.isfinite(means_C) & np.isfinite(errors_C) & (errors_C > 0)).all():
        return None
    correlation = 0.0 if mean is None else _correlation(errors_C, mean.error)
    own_C = np.square(errors_C) * (1 - correlation)
    weights_C = 1 / own_C
    q = float(weights_C @ np.square(means_C - np.average(means_C, weights=weights_C)))
    scale = weights_C.sum() - np.square(weights_C).sum() / weights_C.sum()
    weighted = (q - (len(cells) - 1)) / float(scale)
    plain = 0.0 if mean is None else _plain_variance(means_C, errors_C, mean.error)
    tau = math.sqrt(max(0.0, weighted, plain))
    p_value = _p_value(q, weights_C, degrees_C * (1 - correlation**2))
    prediction = _textbook_prediction(means_C, own_C, tau) if mean is None else _prediction(means_C, tau, mean)
    return Heterogeneity(q, p_value, tau, correlation, prediction)


def _plain_variance(means_C: Floats, errors_C: Floats, mean_error: float) -> float:
    """Return the variance between cells that all count the same: the variance of their means, minus their own noise.

    DerSimonian and Laird weight the cells by their precision. If the cells with large effects have much noise, as
    unstable trainings have, their estimate is far too small: 1.5 instead of 3 in a simulation (`benchmarks/cells.py`).
    """
    count, variances_C = len(means_C), np.square(errors_C)
    covariance = ((count * mean_error) ** 2 - variances_C.sum()) / (count * (count - 1))  # of two errors, on average
    return float(means_C.var(ddof=1) - variances_C.mean() + min(max(0.0, covariance), float(variances_C.mean())))


def _correlation(errors_C: Floats, mean_error: float) -> float:
    """Return the mean correlation of the cells' errors, estimated from the error of their mean; 0 if it is negative.

    (C mean_error)**2 is the sum of the errors' variances and covariances.

    >>> alike_C = np.array([1.0, 1.0])
    >>> round(_correlation(alike_C, math.sqrt(0.75)), 3), _correlation(alike_C, math.sqrt(0.5))
    (0.5, 0.0)
    """
    own = float(np.square(errors_C).sum())
    together = (len(errors_C) * mean_error) ** 2
    found = (together - own) / (float(errors_C.sum()) ** 2 - own)
    return min(max(found, 0.0), MOST_CORRELATED) if found > 1e-12 else 0.0


def _p_value(q: float, weights_C: Floats, degrees_C: Floats) -> float:
    """Return the p-value of Q: from chi-square if the errors are known, from Welch's F if they are estimated.

    Chi-square rejects too often with few seeds: in 30% of studies with 12 equal cells and 6 seeds. If errors are
    correlated, the correlation is an estimate, too. To allow for this, the caller multiplies the degrees of freedom by
    1 - correlation**2. This factor keeps the test's level in the simulations of `heterogeneity`.
    """
    from scipy import special

    count = len(weights_C)
    spare = float((np.square(1 - weights_C / weights_C.sum()) / degrees_C).sum())
    if not spare:
        return float(special.chdtrc(count - 1, q))
    ratio = q / (count - 1) / (1 + 2 * (count - 2) / (count**2 - 1) * spare)
    return float(special.fdtrc(count - 1, (count**2 - 1) / 3 / spare, ratio))


def _textbook_prediction(means_C: Floats, own_C: Floats, tau: float) -> Interval | None:
    """Return the interval for another cell, around the weighted mean; None for two cells."""
    if len(means_C) < 3:
        return None
    weights_C = 1 / (own_C + tau**2)
    center = float(np.average(means_C, weights=weights_C))
    half = t_quantile(LEVEL, len(means_C) - 2) * math.sqrt(tau**2 + 1 / weights_C.sum())
    return Interval(center, center - half, center + half)


def _prediction(means_C: Floats, tau: float, mean: Estimate) -> Interval | None:
    """Return the interval for another cell, around the plain mean; None for two cells.

    It contains the mean's interval of the same level.

    The weighted mean gives most weight to the cells with the least noise. So it can be far from the plain mean over
    cells, by which a hypothesis is judged. An interval around the weighted mean could contradict the plain mean.
    """
    count, center = len(means_C), float(np.mean(means_C))
    if count < 3:
        return None
    of_cells = t_quantile(LEVEL, count - 2)
    of_mean = max(of_cells, t_quantile(LEVEL, mean.degrees))
    half = math.hypot(of_cells * tau * math.sqrt(1 + 1 / count), of_mean * mean.error)
    return Interval(center, center - half, center + half)
