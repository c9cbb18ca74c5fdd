"""Paired differences over seeds and held-out rows: what they say of new rows of the same kind.

Seeds and rows are crossed: every seed is measured on every row. Both are drawn from many, so that the mean
difference varies with either. The model of a difference is the true mean, plus an effect of the seed, plus an effect
of the row, plus the rest (their interaction, and noise).

Axes: S seeds (pairs of seeds), R held-out rows, G groups of rows.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from bnexp.statistics.differences import Interval
from bnexp.statistics.quantiles import t_quantile
from bnexp.statistics.significance import Floats


@dataclass(frozen=True)
class Components:
    """The variances of one paired difference: between seeds, between rows, and the rest; none is negative.

    `seeds` and `rows` count what they were estimated from. The variance of the mean
    difference over s seeds and r rows is seed / s + row / r + rest / (s * r).
    """

    seed: float
    row: float
    rest: float
    seeds: int
    rows: int


@dataclass(frozen=True)
class MeanSquares:
    """The mean squares of a crossed table without replication, (S, R), and its mean."""

    mean: float
    seeds: float
    rows: float
    rest: float
    shape: tuple[int, int]


def mean_squares(difference_SR: Floats) -> MeanSquares:
    """Return the mean squares of seeds, of rows and of the rest; each axis has two or more.

    Source: Scheffé 1959, The Analysis of Variance, section 7.4; Brennan 2001, Generalizability Theory, chapter 3.
    """
    seeds, rows = difference_SR.shape
    mean = float(difference_SR.mean())
    by_seed_S, by_row_R = difference_SR.mean(axis=1) - mean, difference_SR.mean(axis=0) - mean
    total = float(np.square(difference_SR - mean).sum())
    of_seeds, of_rows = rows * float(by_seed_S @ by_seed_S), seeds * float(by_row_R @ by_row_R)
    rest = max(0.0, total - of_seeds - of_rows)
    return MeanSquares(
        mean, of_seeds / (seeds - 1), of_rows / (rows - 1), rest / ((seeds - 1) * (rows - 1)), (seeds, rows)
    )


def components(difference_SR: Floats) -> Components:
    """Return the variance components; an estimate below zero becomes zero."""
    found = mean_squares(difference_SR)
    seeds, rows = found.shape
    return Components(
        max(0.0, (found.seeds - found.rest) / rows),
        max(0.0, (found.rows - found.rest) / seeds),
        found.rest,
        seeds,
        rows,
    )


def new_rows_interval(difference_SR: Floats, level: float) -> Interval:
    """Return the mean difference with its interval for new seeds and new rows of the same kind, (S, R) finite values.

    The variance of the mean is (seeds + rows - rest) / (S * R) in mean squares, and never less than that over seeds
    alone or over rows alone. The t quantile has Satterthwaite's degrees of freedom.
    The bounds are NaN for a single seed or row.
    Source: two-way random effects; Satterthwaite 1946; compare Owen 2007, "The pigeonhole bootstrap".
    """
    seeds, rows = difference_SR.shape
    if seeds < 2 or rows < 2:
        return Interval(float(difference_SR.mean()), math.nan, math.nan)
    found = mean_squares(difference_SR)
    both = found.seeds + found.rows - found.rest
    most, degrees = max((both, _satterthwaite(found)), (found.seeds, seeds - 1.0), (found.rows, rows - 1.0))
    half = t_quantile(level, degrees) * math.sqrt(most / (seeds * rows)) if most > 0 else 0.0
    return Interval(found.mean, found.mean - half, found.mean + half)


def _satterthwaite(found: MeanSquares) -> float:
    """Return the degrees of freedom of the sum of the mean squares of seeds and rows less that of the rest."""
    seeds, rows = found.shape
    both = found.seeds + found.rows - found.rest
    squares = found.seeds**2 / (seeds - 1) + found.rows**2 / (rows - 1) + found.rest**2 / ((seeds - 1) * (rows - 1))
    return max(1.0, both**2 / squares) if squares > 0 else 1.0


def by_group(difference_SR: Floats, groups_R: NDArray[np.int64]) -> Floats:
    """Return differences of groups of rows, (S, G), whose mean over groups is that over rows.

    Rows of one group (a patient, a speaker) are alike, so that the group is what is drawn anew. A group counts with
    its rows: the value is that of the ratio of sums, linearized at its mean.
    Source: Cochran 1977, Sampling Techniques, section 6.4.

    >>> by_group(np.array([[1.0, 3.0, 5.0, 7.0]]), np.array([0, 0, 1, 1]))
    array([[2., 6.]])
    """
    _, which_R, sizes_G = np.unique(groups_R, return_inverse=True, return_counts=True)
    mean, count = difference_SR.mean(), len(sizes_G)
    sums_SG = np.stack([np.bincount(which_R, weights=row_R, minlength=count) for row_R in difference_SR - mean])
    linear_SG: Floats = mean + sums_SG * (count / len(groups_R))
    return linear_SG
