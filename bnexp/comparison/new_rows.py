"""What a paired difference says of new rows: its interval over seeds and held-out rows, or over splits.

Axes: S seeds, R held-out rows, G groups of rows.
"""

from __future__ import annotations

import numpy as np

from bnexp import statistics
from bnexp.comparison.pairing import Arm, PairedArms
from bnexp.held_out import PARTS, PartRows
from bnexp.history import History
from bnexp.metrics import quantity
from bnexp.statistics.arrays import Floats
from bnexp.statistics.held_out_rows import Components, NewRows, by_group, new_rows
from bnexp.store.comparison_document import NewRowsInterval


def new_rows_interval(arms: PairedArms, metric: str, difference_S: Floats) -> NewRowsInterval | None:
    """Return the interval of a difference for new rows of the same kind.

    None for a metric of the training part, where rows were not kept, or where a pair has no value.
    `difference_S` is the difference of the final values, (S,).
    """
    part = metric.partition("_")[0]
    pair = [_rows(arm, history, part) for arm, history in ((arms.arm, arms.treated), (arms.baseline, arms.base))]
    treated, base = pair
    if treated is None or base is None or not np.isfinite(difference_S).all() or len(difference_S) < 2:
        return None
    if not treated.is_shared:
        return _over_splits(arms, treated, difference_S)
    if not np.array_equal(treated.rows_SR, base.rows_SR):
        return None
    difference_SR = _row_by_row(arms, treated, base, metric)
    return None if difference_SR is None or not np.isfinite(difference_SR).all() else _over_rows(treated, difference_SR)


def _rows(arm: Arm, history: History, part: str) -> PartRows | None:
    """Return the rows of an arm's part, of the seeds that are compared."""
    if part not in PARTS or arm.held_out is None or part not in arm.held_out.parts:
        return None
    known = set(arm.held_out.seeds)
    return arm.held_out.of(history.seeds).parts[part] if known.issuperset(history.seeds) else None


def _row_by_row(arms: PairedArms, treated: PartRows, base: PartRows, metric: str) -> Floats | None:
    """Return the difference of each seed and row, (S, R), whose mean is the metric's; None if it is not kept."""
    measured = quantity(metric)
    if measured == "r2":
        return _of_r2(treated, base)
    values = [_as_judged(rows, history, measured) for rows, history in ((treated, arms.treated), (base, arms.base))]
    return None if values[0] is None or values[1] is None else values[0] - values[1]


def _as_judged(rows: PartRows, history: History, measured: str) -> Floats | None:
    """Return what each row measured, (S, R); in accuracy, a diverged seed guesses the commonest class."""
    values_SR = rows.values(measured)
    if values_SR is None or measured != "accuracy" or rows.guessed_SR is None:
        return values_SR
    diverged_S = np.array([seed in history.diverged_at for seed in history.seeds])
    return np.where(diverged_S[:, None], rows.guessed_SR, values_SR)


def _of_r2(treated: PartRows, base: PartRows) -> Floats | None:
    """Return the part of each row in the difference of r2, (S, R): a ratio of means, linearized at its value.

    r2 is 1 less the squared errors over the squared distances of the targets from their mean.
    Source: Cochran 1977, Sampling Techniques, section 6.4.
    """
    errors = [rows.values("mse") for rows in (treated, base)]
    if errors[0] is None or errors[1] is None:
        return None
    gain_SR = errors[1] - errors[0]
    target_SR = treated.target_SR.astype("float64")
    spread_SR = np.square(target_SR - target_SR.mean(axis=1, keepdims=True))
    ratio = gain_SR.mean() / spread_SR.mean()
    linear_SR: Floats = ratio + (gain_SR - ratio * spread_SR) / spread_SR.mean()
    return linear_SR


def _over_rows(rows: PartRows, difference_SR: Floats) -> NewRowsInterval:
    if rows.groups_SR is not None:
        difference_SR = by_group(difference_SR, rows.groups_SR[0])
    found = new_rows(difference_SR, statistics.LEVEL)
    return NewRowsInterval(
        **statistics.strict(statistics.Interval(found.mean, found.low, found.high)),
        drawn="rows" if rows.groups_SR is None else "groups",
        count=found.rows,
        effective=found.effective_rows,
        seed_variance=found.components.seed,
        row_variance=found.components.row,
        rest_variance=found.components.rest,
    )


def _over_splits(arms: PairedArms, rows: PartRows, difference_S: Floats) -> NewRowsInterval | None:
    """Return Nadeau and Bengio's interval; None where most rows are held out, which it is not made for."""
    training_rows = arms.arm.record.dataset.training_rows
    if not training_rows or rows.rows_SR.shape[1] > training_rows:
        return None
    share = rows.rows_SR.shape[1] / training_rows
    found = statistics.other_data_interval(difference_S, statistics.LEVEL, share)
    return NewRowsInterval(**statistics.strict(found), drawn="splits", count=rows.rows_SR.shape[1])


def as_statistics(found: NewRowsInterval, mean: float, seeds: int) -> NewRows:
    """Return a stored interval as `statistics` takes it, to ask what would settle it."""
    parts = Components(found.seed_variance or 0.0, found.row_variance or 0.0, found.rest_variance or 0.0)
    low, high = (np.nan if bound is None else bound for bound in (found.low, found.high))
    return NewRows(mean, low, high, parts, found.effective or 0.0, seeds, found.count)
