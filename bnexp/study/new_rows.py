"""What a study's contrast says of new rows of the same kind: over seeds and held-out rows of all its cells, or splits.

Cells with the same held-out rows are averaged row by row. Cells with others are strata: each has rows of its own.

Axes: S seeds, R held-out rows.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from bnexp.comparison.new_rows import NOT_HELD_OUT, MeasuredRows, NewRowsEstimate, over_rows, row_by_row
from bnexp.comparison.scale import Scale
from bnexp.config.study import Hypothesis
from bnexp.held_out import HeldOut
from bnexp.metrics import HELD_OUT_PARTS, part_of
from bnexp.statistics.arrays import Floats
from bnexp.study.grid import Cell
from bnexp.study.result import Result

ReadRows = Callable[[tuple[int, str]], HeldOut | None]
"""(cell, arm) -> what each held-out row measured in that trial; None if it is not kept."""


def no_rows(key: tuple[int, str]) -> HeldOut | None:
    """Return None: no rows are kept."""
    return None


def why_not(claim: Hypothesis) -> str | None:
    """Return why a claim can say nothing of new rows whatever is kept; None if it can."""
    endpoint = claim.metric
    if part_of(endpoint.metric) not in HELD_OUT_PARTS:
        return NOT_HELD_OUT
    what = "epochs to a value are" if endpoint.epochs_to is not None else None
    what = "failures are" if endpoint.failures_below is not None else what
    what = "wins are" if claim.wins else what
    what = "a width is" if claim.over is not None and claim.over.take == "width" else what
    return None if what is None else f"Nothing is said of new rows: {what} not measured row by row."


def over_cells(
    claim: Hypothesis,
    weighted: Sequence[tuple[Cell, float]],
    contrast_S: Floats,
    results: Mapping[tuple[int, str], Result],
    rows: ReadRows,
) -> NewRowsEstimate | None:
    """Return the estimate of a contrast for new rows; None where a trial has no rows, or its arms have others.

    `weighted` has each cell with its weight in the contrast, `contrast_S` the contrast of each seed, (S,).
    """
    part, strata = part_of(claim.metric.metric), dict[bytes, _Stratum]()
    for cell, weight in weighted:
        treated, base = (
            _measured(claim, results[cell.number, arm], rows((cell.number, arm)), part)
            for arm in (claim.treated, claim.baseline)
        )
        if treated is None or base is None:
            return None
        scale: Scale = "ratio" if claim.metric.ratio else "difference"
        difference_SR = row_by_row(treated, base, claim.metric.metric, scale)
        if difference_SR is None:
            return None
        stratum = strata.setdefault(treated.rows.rows_SR[0].tobytes(), _Stratum(treated.rows.groups_SR))
        stratum.terms.append(weight * difference_SR)
    return _joined(list(strata.values()), contrast_S)


def _measured(claim: Hypothesis, result: Result, held_out: HeldOut | None, part: str) -> MeasuredRows | None:
    """Return what the seeds of a result measured on the rows of a part; None where they do not share its rows."""
    if held_out is None or part not in held_out.parts or not set(result.seeds) <= set(held_out.seeds):
        return None
    rows = held_out.of(tuple(result.seeds)).parts[part]
    final_S = np.array(result.final[claim.metric.metric], float)
    diverged_S = [str(seed) in result.diverged for seed in result.seeds]
    return MeasuredRows(rows, final_S, diverged_S) if rows.is_shared else None


@dataclass
class _Stratum:
    """Cells that are measured on the same rows, each with its weight applied."""

    groups_SR: np.ndarray | None
    terms: list[Floats] = field(default_factory=list)


def _joined(strata: Sequence[_Stratum], contrast_S: Floats) -> NewRowsEstimate:
    """Return the estimate over the rows of all strata.

    The contrast is the sum of the strata's means. So each row enters with its distance from its stratum's mean, times
    (all rows / rows of the stratum).
    """
    sums = [np.sum(stratum.terms, axis=0) for stratum in strata]
    total = sum(sum_SR.shape[1] for sum_SR in sums)
    moved = [
        (sum_SR - sum_SR.mean(axis=1, keepdims=True)) * (total / sum_SR.shape[1]) + contrast_S[:, None]
        for sum_SR in sums
    ]
    return over_rows(np.concatenate(moved, axis=1), _groups(strata, [sum_SR.shape[1] for sum_SR in sums]))


def _groups(strata: Sequence[_Stratum], counts: Sequence[int]) -> np.ndarray | None:
    """Return the group of each row, (R,); no two strata share one. None if no stratum has groups."""
    if all(stratum.groups_SR is None for stratum in strata):
        return None
    labels, start = [], 0
    for stratum, count in zip(strata, counts, strict=True):
        own_R = (
            np.arange(count) if stratum.groups_SR is None else np.unique(stratum.groups_SR[0], return_inverse=True)[1]
        )
        labels.append(own_R + start)
        start += int(own_R.max()) + 1
    return np.concatenate(labels)
