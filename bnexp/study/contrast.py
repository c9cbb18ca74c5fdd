"""Results -> one number a seed for each hypothesis: reduced over a factor, averaged over cells, treated minus baseline.

Axes: S seeds, C cells, L levels of a factor.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from bnexp.config.study import Hypothesis, Over
from bnexp.history import Floats
from bnexp.metrics import higher_is_better
from bnexp.study.claims import matches
from bnexp.study.grid import Cell
from bnexp.study.result import Result

Results = Mapping[tuple[int, str], Result]
"""(cell, arm) -> what was measured there."""


@dataclass(frozen=True)
class Contrast:
    """Treated minus baseline for each seed, (S,): NaN where a diverged seed has no value.

    `never` counts, for treated and baseline, the trainings that did not reach the target of `epochs_to`.
    """

    difference_S: Floats
    never: tuple[int, int]


def contrast_of(claim: Hypothesis, cells: Sequence[Cell], results: Results) -> Contrast:
    """Give the contrast of a claim; with `minus` it is that of `at`, less the same one there."""
    here = [cell for cell in cells if matches(cell, claim.at)]
    difference_S = _difference(claim, here, results)
    there = [] if claim.minus is None else [cell for cell in cells if matches(cell, claim.minus)]
    if there:
        difference_S = difference_S - _difference(claim, there, results)
    sides = [_never(claim, arm, [*here, *there], results) for arm in (claim.treated, claim.baseline)]
    return Contrast(difference_S, (sides[0], sides[1]))


def cell_difference(claim: Hypothesis, cell: Cell, results: Results) -> Floats:
    """Give treated minus baseline in one cell, (S,), before any reduction."""
    treated, baseline = (results[cell.number, arm].values(claim.metric) for arm in (claim.treated, claim.baseline))
    return treated - baseline


def _difference(claim: Hypothesis, cells: Sequence[Cell], results: Results) -> Floats:
    treated_S, baseline_S = (_reduced(claim, arm, cells, results) for arm in (claim.treated, claim.baseline))
    return treated_S - baseline_S


def _reduced(claim: Hypothesis, arm: str, cells: Sequence[Cell], results: Results) -> Floats:
    """Give one arm's number for each seed, (S,): the mean over cells, or over groups of cells that `over` reduces."""
    values_CS = np.stack([results[cell.number, arm].values(claim.metric) for cell in cells])
    if claim.over is None:
        return _mean(values_CS)
    groups: dict[str, list[int]] = {}
    for row, cell in enumerate(cells):
        others = {name: level for name, level in cell.levels.items() if name != claim.over.factor}
        groups.setdefault(repr(others), []).append(row)
    better = higher_wins(claim)
    levels_C = [cell.level(claim.over.factor) for cell in cells]
    reduced = [
        over_levels(values_CS[rows], [levels_C[row] for row in rows], claim.over, better) for rows in groups.values()
    ]
    return _mean(np.stack(reduced))


def over_levels(values_LS: Floats, levels_L: Sequence[Any], over: Over, higher: bool) -> Floats:
    """Reduce a factor to one number for each seed, (S,): mean, best, or width in decades.

    >>> over_levels(np.array([[0.9], [0.895], [0.5]]), [0.1, 1.0, 10.0], Over(factor="x", take="width"), True)
    array([1.])
    """
    if over.take == "mean":
        return _mean(values_LS)
    sign = 1.0 if higher else -1.0
    best_S: Floats = np.max(sign * values_LS, axis=0)
    if over.take == "best":
        return np.multiply(sign, best_S)
    within_LS = sign * values_LS >= best_S - over.within
    logs_L = np.log10(np.asarray(levels_L, float))[:, None]
    high_S = np.max(np.where(within_LS, logs_L, -math.inf), axis=0)
    low_S = np.min(np.where(within_LS, logs_L, math.inf), axis=0)
    return np.where(np.isnan(best_S), math.nan, high_S - low_S)


def _mean(values_CS: Floats) -> Floats:
    mean_S: Floats = np.mean(values_CS, axis=0)
    return mean_S


def higher_wins(claim: Hypothesis) -> bool:
    """Tell whether the arm with the higher number is the better one."""
    endpoint = claim.metric
    return not endpoint.in_logs and endpoint.failures_below is None and higher_is_better(endpoint.metric)


def _never(claim: Hypothesis, arm: str, cells: Sequence[Cell], results: Results) -> int:
    return sum(int(results[cell.number, arm].censored(claim.metric).sum()) for cell in cells)
