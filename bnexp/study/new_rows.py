"""Estimates a study's contrast for new rows of the same kind, or for other splits.

The estimate covers the seeds and the held-out rows of all cells. Each held-out row counts once, with all that it adds
in the cells that have it (`same_rows`).

Axes: S seeds, R held-out rows.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from bnexp.comparison.drawn_anew import SplitRows, are_grouped, drawn_anew
from bnexp.comparison.new_rows import (
    TOO_FEW_PAIRS,
    MeasuredRows,
    NewRowsEstimate,
    Stratum,
    over_own_splits,
    over_rows,
    row_by_row,
    stratum,
)
from bnexp.config.study import Hypothesis
from bnexp.held_out import HeldOut
from bnexp.metrics import part_of
from bnexp.statistics.arrays import Floats
from bnexp.study.grid import Cell
from bnexp.study.result import Result
from bnexp.study.same_rows import DataKey, data_key, why_unknown

ROWS_NOT_KEPT = (
    "What each row measured is not kept, so nothing is said of new rows. "
    "To have it, run the study with training.keep_rows: true, in another directory of runs."
)
TOO_MANY_ROWS = (
    "What each row measured is too much to keep: more than 512 MiB for trials that are trained together. So nothing is "
    "said of new rows. Use fewer seeds, or a smaller dataset.limit or test part."
)
OTHER_ROWS = "Nothing is said of new rows: the two arms of a cell are measured on different rows."
NO_ROW_VALUES = "Nothing is said of new rows: what a row adds to the metric is not kept, or is not finite."

ReadRows = Callable[[tuple[int, str]], HeldOut | None]
"""(cell number, arm) -> the values of each held-out row of that trial; None if they are not stored."""


def no_rows(key: tuple[int, str]) -> HeldOut | None:
    """Return None, because no rows are stored."""
    return None


def not_row_by_row(claim: Hypothesis) -> str | None:
    """Return why a claim is not a mean over rows, even if all rows are stored; None if it is one."""
    endpoint = claim.metric
    what = "epochs to a value are" if endpoint.epochs_to is not None else None
    what = "failures are" if endpoint.failures_below is not None else what
    what = "wins are" if claim.wins else what
    what = "a width is" if claim.over is not None and claim.over.take == "width" else what
    return None if what is None else f"Nothing is said of new rows: {what} not measured row by row."


def for_new_rows(
    claim: Hypothesis,
    effect_S: Floats,
    weighted: Sequence[tuple[Cell, float]],
    results: Mapping[tuple[int, str], Result],
    rows: ReadRows,
) -> NewRowsEstimate | str | None:
    """Return the estimate of an effect for new rows or for other splits, or the reason why there is none.

    It is None if the claim is about these rows alone. `weighted` has each cell with its weight in the effect.
    `effect_S` has the effect of each seed, (S,).
    """
    if claim.about == "these-rows":
        return None
    read = [results[cell.number, arm] for cell, _ in weighted for arm in (claim.treated, claim.baseline)]
    anew = drawn_anew(claim.metric.metric, [SplitRows(one.resample, one.rows) for one in read])
    if anew.what is None:
        return anew.why_not
    if len(effect_S) < 2 or not np.isfinite(effect_S).all():
        return TOO_FEW_PAIRS
    if anew.what == "splits":
        tried = [one for cell, _ in weighted for one in cell.candidates.get(claim.treated, ())]
        grouped = any(are_grouped(one.experiment.dataset) for one in tried)
        return over_own_splits(effect_S, anew, grouped=grouped)
    return not_row_by_row(claim) or over_cells(claim, weighted, effect_S, results, rows)


def over_cells(
    claim: Hypothesis,
    weighted: Sequence[tuple[Cell, float]],
    contrast_S: Floats,
    results: Mapping[tuple[int, str], Result],
    rows: ReadRows,
) -> NewRowsEstimate | str:
    """Return the estimate of a contrast over seeds and the distinct rows of all its cells, or why there is none."""
    part, found = part_of(claim.metric.metric), list[_CellRows]()
    for cell, weight in weighted:
        arms = [(arm, results[cell.number, arm]) for arm in (claim.treated, claim.baseline)]
        keys = [data_key(cell, arm, result) for arm, result in arms]
        treated, base = (_measured(claim, result, rows((cell.number, arm)), part) for arm, result in arms)
        if treated is None or base is None:
            return TOO_MANY_ROWS if any(result.too_many_rows for _, result in arms) else ROWS_NOT_KEPT
        if keys[0] != keys[1] or not np.array_equal(treated.rows.rows_SR, base.rows.rows_SR):
            return OTHER_ROWS
        difference_SR = row_by_row(treated, base, claim.metric.metric, "ratio" if claim.metric.ratio else "difference")
        if difference_SR is None or not np.isfinite(difference_SR).all():
            return NO_ROW_VALUES
        groups_SR = treated.rows.groups_SR
        groups_R = None if groups_SR is None else groups_SR[0]
        counted = stratum(treated.rows, claim.metric.metric, abs(weight))
        found.append(_CellRows(keys[0], treated.rows.rows_SR[0], groups_R, weight * difference_SR, counted))
    return why_unknown(one.key for one in found) or _over_distinct_rows(found, contrast_S)


def _measured(claim: Hypothesis, result: Result, held_out: HeldOut | None, part: str) -> MeasuredRows | None:
    """Return a result's values on a part's rows; None if they are missing, or if the seeds have different rows."""
    if held_out is None or part not in held_out.parts or not set(result.seeds) <= set(held_out.seeds):
        return None
    rows = held_out.of(tuple(result.seeds)).parts[part]
    final_S = np.array(result.final[claim.metric.metric], float)
    diverged_S = [str(seed) in result.diverged for seed in result.seeds]
    return MeasuredRows(rows, final_S, diverged_S) if rows.is_shared else None


@dataclass(frozen=True)
class _CellRows:
    """The held-out rows of a cell, and what each row adds to the contrast."""

    key: DataKey
    rows_R: np.ndarray
    """The numbers of the rows in the data. Each row has a different number."""
    groups_R: np.ndarray | None
    weighted_SR: Floats
    """The difference of the arms, times the cell's weight, up to a constant for each seed."""
    stratum: Stratum | None
    """The rows that the metric counts in this cell, with the cell's weight."""


def _over_distinct_rows(cells: Sequence[_CellRows], contrast_S: Floats) -> NewRowsEstimate | str:
    """Return the estimate over the rows of all cells, in which each row counts once, or why there is none.

    The contrast is a sum of the cells' means. In a cell with r rows, a row adds its distance from the cell's mean,
    divided by r. All that a row adds is its sum over the cells that have it. Different data have different rows: they
    are strata, whose variances add up. Each row's sum is multiplied by the number of all rows, because the mean over
    rows is taken afterwards.
    """
    by_data: dict[DataKey, list[_CellRows]] = {}
    for cell in cells:
        by_data.setdefault(cell.key, []).append(cell)
    sums = [_sums(several) for several in by_data.values()]
    added_SR = np.concatenate([sum_SR for sum_SR, _ in sums], axis=1)
    table_SR = added_SR * added_SR.shape[1] + contrast_S[:, None]
    groups_R = _joined_groups([groups_R for _, groups_R in sums], [one.shape[1] for one, _ in sums])
    estimate = over_rows(table_SR, groups_R)
    return estimate if isinstance(estimate, str) else replace(estimate, strata=_strata([*by_data.values()]))


def _strata(by_data: Sequence[Sequence[_CellRows]]) -> list[Stratum]:
    """Return a stratum for each data set. Its weight is the sum of the weights of its cells."""
    found = []
    for cells in by_data:
        strata = [cell.stratum for cell in cells if cell.stratum is not None]
        if strata:
            fewest = min(strata, key=lambda one: one.rows)
            of = "one data set" if len(by_data) > 1 and fewest.of == "all" else fewest.of
            found.append(Stratum(fewest.rows, sum(one.weight for one in strata), of))
    return found


def _sums(cells: Sequence[_CellRows]) -> tuple[Floats, np.ndarray | None]:
    """Return what each distinct row of one data set adds to the contrast, (S, R), and the group of each row, (R,)."""
    rows_R = np.unique(np.concatenate([cell.rows_R for cell in cells]))
    sum_SR = np.zeros((len(cells[0].weighted_SR), len(rows_R)))
    groups_R = None if any(cell.groups_R is None for cell in cells) else np.zeros(len(rows_R), "int64")
    for cell in cells:
        at_R = np.searchsorted(rows_R, cell.rows_R)
        centred_SR = cell.weighted_SR - cell.weighted_SR.mean(axis=1, keepdims=True)
        sum_SR[:, at_R] += centred_SR / len(at_R)
        if groups_R is not None:
            groups_R[at_R] = cell.groups_R
    return sum_SR, groups_R


def _joined_groups(several: Sequence[np.ndarray | None], counts: Sequence[int]) -> np.ndarray | None:
    """Return the group of each row, (R,); None if no data set has groups. Data sets never share a group."""
    if all(groups_R is None for groups_R in several):
        return None
    labels, start = [], 0
    for groups_R, count in zip(several, counts, strict=True):
        own_R = np.arange(count) if groups_R is None else np.unique(groups_R, return_inverse=True)[1]
        labels.append(own_R + start)
        start += int(own_R.max()) + 1
    return np.concatenate(labels)
