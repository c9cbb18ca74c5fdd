"""Estimate a mean difference for new rows of the same kind, from paired differences over seeds and held-out rows.

Seeds and rows are crossed: every seed is measured on every row. Both are random samples, so the mean difference varies
with both. A difference is the true mean, plus an effect of the seed, plus an effect of the row, plus the rest (their
interaction, and noise).

Axes: S seeds (pairs of seeds), R held-out rows, G groups of rows.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from bnexp.statistics.arrays import Floats
from bnexp.statistics.differences import LEVEL
from bnexp.statistics.estimate import Estimate
from bnexp.statistics.quantiles import t_quantile

EXTRA_ROWS = 2
"""Rows that the interval adds to the measured rows, one on each side, each as far from the mean as the farthest row.

New rows may contain a row as extreme as the farthest one. Without the extra rows the interval of a skewed loss covers
the true mean too seldom. With them it covers about as often as its level says (docs/statistics.md;
`benchmarks/coverage.py`). Compare the adjusted intervals of proportions by Agresti and Min 2005, and Bonett and Price
2012.
"""
FEWEST_EFFECTIVE = 5.0
"""If fewer rows carry a difference, there is no verdict for new rows, because the rows that matter may be missing.

This rule is for every metric except accuracy.
"""
MOSTLY_ROWS = 0.5
"""The rule of FEWEST_EFFECTIVE is used only if rows make up this share of the variance or more."""


@dataclass(frozen=True)
class Components:
    """The variances of a single difference: between seeds, between rows, and the rest; none is below 0.

    The variance of the mean over s seeds and r rows is seed / s + row / r + rest / (s * r).
    """

    seed: float
    row: float
    rest: float
    farthest: float = 0.0
    """The square of the largest effect of a row, divided by the variance of the rows' effects."""

    def variance(self, seeds: float, rows: float) -> float:
        """Return the variance of the mean difference over these numbers of seeds and rows."""
        return self.seed / seeds + self.row / rows + self.rest / (seeds * rows)

    def share_of_rows(self, seeds: float, rows: float) -> float:
        """Return the share of the mean's variance that depends on which rows are drawn; 0 if there is no variance."""
        whole = self.variance(seeds, rows)
        return 1 - self.seed / seeds / whole if whole > 0 else 0.0


@dataclass(frozen=True)
class NewRows:
    """A mean difference, estimated for new seeds and new rows.

    `effective_rows` is the number of equally important rows that would show the same spread. It is small if few rows
    carry the difference.
    """

    estimate: Estimate
    components: Components
    effective_rows: float


@dataclass(frozen=True)
class _MeanSquares:
    """The mean squares of a crossed table without replication: between seeds, between rows, and the rest."""

    seeds: float
    rows: float
    rest: float
    farthest: float
    """The square of the largest effect of a row."""


def new_rows(difference_SR: Floats) -> NewRows:
    """Estimate the mean of differences, (S, R) finite values, for new seeds and new rows of the same kind.

    There must be at least two seeds and two rows.

    The variance of the mean is (seeds + rows - rest) / (S * R) in mean squares. The t quantile has Satterthwaite's
    degrees of freedom. At each level, the interval is at least as wide as the interval over seeds alone and the
    interval over rows alone. The mean square of rows includes EXTRA_ROWS.
    Source: two-way random effects: Scheffé 1959, The Analysis of Variance, section 7.4; Brennan 2001, Generalizability
    Theory, chapter 3; Satterthwaite 1946. Compare Owen 2007, "The pigeonhole bootstrap", and Miller 2024, "Adding
    error bars to evals".
    """
    unit = safe_unit(float(np.abs(difference_SR).max(initial=0.0)))
    found = _new_rows(difference_SR / unit)
    parts, estimate = found.components, found.estimate
    scaled = replace(parts, seed=parts.seed * unit**2, row=parts.row * unit**2, rest=parts.rest * unit**2)
    others = tuple((error * unit, degrees) for error, degrees in estimate.others)
    estimate = replace(estimate, mean=estimate.mean * unit, error=estimate.error * unit, others=others)
    return replace(found, estimate=estimate, components=scaled)


def safe_unit(size: float) -> float:
    """Return a unit in which the fourth power of a size fits in float64: 1, or the next power of two if extreme.

    >>> safe_unit(5.0), safe_unit(0.0), 1e90 / safe_unit(1e90) > 0.5
    (1.0, 1.0, True)
    """
    return 1.0 if size == 0 or 1e-70 < size < 1e70 else math.ldexp(1.0, math.frexp(size)[1])


def _new_rows(difference_SR: Floats) -> NewRows:
    """Return the same as `new_rows`, for differences that are neither extremely large nor extremely small."""
    seeds, rows = difference_SR.shape
    mean = float(difference_SR.mean())
    found, effects_R = _mean_squares(difference_SR)
    of_seeds = max(0.0, (found.seeds - found.rest) / rows)
    of_rows = max(0.0, (found.rows - found.rest) / seeds)
    squares_R = np.square(effects_R)
    total = float(squares_R.sum())
    effective = total**2 / float(squares_R @ squares_R) if total > 0 else float(rows)
    farthest = seeds * found.farthest / found.rows if found.rows > 0 else 0.0
    parts = Components(of_seeds, of_rows, found.rest, farthest)
    return NewRows(_estimate(mean, found, seeds, rows), parts, effective)


def _mean_squares(difference_SR: Floats) -> tuple[_MeanSquares, Floats]:
    """Return the mean squares of seeds, rows and rest, and the effect of each row, (R,)."""
    seeds, rows = difference_SR.shape
    centred_SR = difference_SR - difference_SR.mean()
    by_seed_S, by_row_R = centred_SR.mean(axis=1), centred_SR.mean(axis=0)
    of_seeds, of_rows = rows * float(by_seed_S @ by_seed_S), seeds * float(by_row_R @ by_row_R)
    rest = max(0.0, float(np.square(centred_SR).sum()) - of_seeds - of_rows)
    farthest = float(np.square(by_row_R).max())
    squares = (of_seeds / (seeds - 1), of_rows / (rows - 1), rest / ((seeds - 1) * (rows - 1)))
    return _MeanSquares(*squares, farthest), np.asarray(by_row_R)


def _estimate(mean: float, found: _MeanSquares, seeds: int, rows: int) -> Estimate:
    """Return the estimate of the mean with its three errors: over seeds and rows, over seeds alone, over rows alone.

    The error with the widest 95% interval is the main one. The other two are in `others`.
    """
    of_rows = found.rows + EXTRA_ROWS * seeds * found.farthest / (rows - 1)
    both = satterthwaite(found.seeds, of_rows, found.rest, seeds, rows)
    ways = (both, (found.seeds, seeds - 1.0), (of_rows, rows - 1.0))
    errors = [(math.sqrt(max(0.0, variance) / (seeds * rows)), degrees) for variance, degrees in ways]
    (error, degrees), *others = sorted(errors, key=lambda way: -t_quantile(LEVEL, way[1]) * way[0])
    return Estimate(mean, error, degrees, tuple(others))


def satterthwaite(of_seeds: float, of_rows: float, rest: float, seeds: int, rows: int) -> tuple[float, float]:
    """Return seeds + rows - rest in mean squares, and its degrees of freedom, 1 or more.

    There must be at least two seeds and two rows.
    Source: Satterthwaite 1946.
    """
    both = of_seeds + of_rows - rest
    squares = of_seeds**2 / (seeds - 1) + of_rows**2 / (rows - 1) + rest**2 / ((seeds - 1) * (rows - 1))
    return both, max(1.0, both**2 / squares) if squares > 0 else 1.0


def expected_mean_squares(parts: Components, seeds: int, rows: int) -> tuple[float, float, float]:
    """Return the expected mean squares for these numbers of seeds and rows: between seeds, between rows, the rest."""
    return parts.rest + rows * parts.seed, parts.rest + seeds * parts.row, parts.rest


def expected_estimate(parts: Components, seeds: int, rows: int) -> Estimate:
    """Return the estimate, with mean 0, that is expected for these numbers of seeds and rows, two or more of each."""
    of_seeds, of_rows, rest = expected_mean_squares(parts, seeds, rows)
    return _estimate(0.0, _MeanSquares(of_seeds, of_rows, rest, parts.farthest * of_rows / seeds), seeds, rows)


def by_group(difference_SR: Floats, groups_R: NDArray[np.int64]) -> Floats:
    """Return differences of groups of rows, (S, G), whose mean over groups equals the mean over rows.

    Rows of one group (a patient, a speaker) are alike, so groups are drawn anew, and not single rows. A group counts in
    proportion to its rows: its value is a ratio of sums, linearized at the mean.
    Source: Cochran 1977, Sampling Techniques, section 6.4.

    >>> by_group(np.array([[1.0, 3.0, 5.0, 7.0]]), np.array([0, 0, 1, 1]))
    array([[2., 6.]])
    """
    _, which_R = np.unique(groups_R, return_inverse=True)
    mean, count = difference_SR.mean(), int(which_R.max()) + 1
    sums_SG = np.stack([np.bincount(which_R, weights=row_R, minlength=count) for row_R in difference_SR - mean])
    linear_SG: Floats = mean + sums_SG * (count / len(groups_R))
    return linear_SG
