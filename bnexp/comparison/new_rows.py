"""Estimates of a paired difference for new rows of the same kind: over seeds and held-out rows, or over splits.

Axes: S seeds, R held-out rows, G groups of rows.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np

from bnexp.comparison.arm_values import final_values, guessing_of
from bnexp.comparison.computed import why_too_large
from bnexp.comparison.drawn_anew import DrawnAnew, are_grouped, drawn_anew, split_rows
from bnexp.comparison.pairing import Arm, PairedArms
from bnexp.comparison.scale import Scale, difference_on_scale, rows_on_scale
from bnexp.held_out import PartRows
from bnexp.history import History
from bnexp.metrics import HELD_OUT_PARTS, part_of, quantity, traits
from bnexp.statistics import Estimate, over_seeds, over_splits, strict
from bnexp.statistics.arrays import Floats
from bnexp.statistics.held_out_rows import Components, by_group, new_rows
from bnexp.store.comparison_document import NewRowsInterval

NOT_KEPT = (
    "What each row measured is not kept, so nothing is said of new rows. Train again with training.keep_rows: true."
)
OTHER_ROWS = "Nothing is said of new rows: rows.npz of {} and of {} are of different rows. Train both again."
NOT_FINITE = "Nothing is said of new rows: what some row measured is not finite. Choose another metric."
TOO_FEW_PAIRS = "Nothing is said of new rows: that takes two pairs of seeds or more, and each needs a value."
TOO_FEW = "Nothing is said of new {drawn}: 1 {one} is held out, and that takes two or more. Hold out more {drawn}."


@dataclass(frozen=True)
class Stratum:
    """Held-out rows (or groups) that a metric counts together: all rows, the rarest class, or one data set."""

    rows: int
    weight: float
    """The difference if the arms differ on all of these rows."""
    of: Literal["all", "the rarest class", "one data set"] = "all"


def stratum(rows: PartRows, metric: str, weight: float = 1.0) -> Stratum | None:
    """Return the rows that a metric counts as right or wrong; None if it measures the size of errors instead.

    All seeds must have the same rows. `weight` is the weight of the metric in the difference.
    """
    known = traits(metric)
    if known.counts is None:
        return None
    weight *= known.high - known.low
    whose_R = rows.rows_SR[0] if rows.groups_SR is None else rows.groups_SR[0]
    if known.counts == "rows":
        return Stratum(len(np.unique(whose_R)), weight)
    target_R = rows.target_SR[0]
    rarest = min(len(np.unique(whose_R[target_R == label])) for label in np.unique(target_R))
    return Stratum(rarest, weight, "the rarest class")


@dataclass(frozen=True)
class NewRowsEstimate:
    """A mean difference for new rows of the same kind, and what is drawn anew besides seeds."""

    drawn: Literal["rows", "groups", "splits"]
    estimate: Estimate
    count: int
    """Number of held-out rows or groups."""
    components: Components | None = None
    """The variances that make up the error; None for splits."""
    effective_rows: float = math.inf
    """The number of equally important rows or groups that would have the same spread; infinite for splits."""
    strata: Sequence[Stratum] = ()
    """The rows that the metric counts as right or wrong; empty for splits and if it measures the size of errors."""
    are_grouped: bool = False
    """Whether splits hold out groups of rows."""
    test_share: float | None = None
    """Held-out rows of a split divided by its training rows; None for rows and groups."""

    @property
    def units(self) -> Literal["rows", "groups"]:
        """Return what a user adds to have more of what is drawn."""
        return "groups" if self.drawn == "groups" or self.are_grouped else "rows"

    def __neg__(self) -> NewRowsEstimate:
        """Return the difference of baseline minus treated."""
        return replace(self, estimate=-self.estimate)

    def recorded(self, level: float) -> NewRowsInterval:
        """Return the estimate as a document stores it, with its interval at this level."""
        bounds, parts = strict(self.estimate.interval(level)), self.components
        found = NewRowsInterval(**bounds, drawn=self.drawn, count=self.count, are_grouped=self.are_grouped)
        if parts is None:
            return found
        variances = {"seed_variance": parts.seed, "row_variance": parts.row, "rest_variance": parts.rest}
        variances["farthest"] = parts.farthest
        rarest = min((one.rows for one in self.strata if one.of == "the rarest class"), default=None)
        return found.model_copy(update={"effective": self.effective_rows, "rarest": rarest, **variances})


def over_own_splits(difference_S: Floats, anew: DrawnAnew, *, grouped: bool) -> NewRowsEstimate:
    """Estimate the mean of the differences of seeds, (S,), for other splits. Each seed has a split of its own."""
    estimate, share = over_splits(difference_S, anew.test_share), anew.test_share
    return NewRowsEstimate("splits", estimate, anew.count, are_grouped=grouped, test_share=share)


def over_rows(difference_SR: Floats, groups_R: np.ndarray | None) -> NewRowsEstimate | str:
    """Estimate the mean of the differences of seeds and rows, (S, R), or return why there is no estimate.

    Rows of one group are drawn together.
    """
    drawn: Literal["rows", "groups"] = "rows" if groups_R is None else "groups"
    if groups_R is not None:
        difference_SR = by_group(difference_SR, groups_R)
    if difference_SR.shape[1] < 2:
        return TOO_FEW.format(drawn=drawn, one=drawn.removesuffix("s"))
    found = new_rows(difference_SR)
    return NewRowsEstimate(drawn, found.estimate, difference_SR.shape[1], found.components, found.effective_rows)


def for_new_rows(arms: PairedArms, metric: str, scale: Scale = "difference") -> NewRowsEstimate | str:
    """Return the estimate of a difference for new rows of the same kind, or return why there is no estimate.

    If each seed has its own split, the numbers of rows are enough (`drawn_anew`). Measures of single rows are not used.
    """
    part, anew, finals = part_of(metric), _drawn(arms, metric), _finals(arms, metric)
    difference_S = difference_on_scale(*finals, scale)
    if anew.what is None:
        return anew.why_not
    if len(difference_S) < 2 or not np.isfinite(difference_S).all():
        return TOO_FEW_PAIRS
    if anew.what == "splits":
        grouped = are_grouped(arms.baseline.experiment.dataset)
        return over_own_splits(difference_S, anew, grouped=grouped)
    pair = [_rows(arm, history, part) for arm, history in ((arms.arm, arms.treated), (arms.baseline, arms.base))]
    treated, base = pair
    if treated is None or base is None or not (treated.is_shared and base.is_shared):
        return _why_not_kept(arms)
    if not np.array_equal(treated.rows_SR, base.rows_SR):
        return OTHER_ROWS.format(arms.arm.run, arms.baseline.run)
    one, other = (
        MeasuredRows(rows, final_S, [seed in history.diverged_at for seed in history.seeds])
        for rows, final_S, history in zip((treated, base), finals, (arms.treated, arms.base), strict=True)
    )
    difference_SR = row_by_row(one, other, metric, scale)
    if difference_SR is None:
        return _why_not_kept(arms)
    if not np.isfinite(difference_SR).all():
        return NOT_FINITE
    centred_SR = difference_SR - difference_SR.mean(axis=1, keepdims=True)
    found = over_rows(difference_S[:, None] + centred_SR, None if treated.groups_SR is None else treated.groups_SR[0])
    if isinstance(found, str):
        return found
    mean = over_seeds(difference_S).mean  # equal to the mean over rows, except for rounding
    counted = stratum(treated, metric)
    strata = () if counted is None else (counted,)
    return replace(found, estimate=replace(found.estimate, mean=mean), strata=strata)


def _finals(arms: PairedArms, metric: str) -> tuple[Floats, Floats]:
    treated_S = final_values(arms.treated, metric, guessing_of(arms.arm))
    return treated_S, final_values(arms.base, metric, guessing_of(arms.baseline))


def _drawn(arms: PairedArms, metric: str) -> DrawnAnew:
    """Return what is drawn anew besides seeds."""
    both = (arms.arm, arms.baseline)
    return drawn_anew(metric, [split_rows(arm.experiment.dataset.resample, arm.record.dataset) for arm in both])


def _why_not_kept(arms: PairedArms) -> str:
    """Return why a run has no measures of single rows: they are lost, would be too large, or were not requested."""
    both = (arms.arm, arms.baseline)
    lost = [
        f"{arm.run} has lost rows.npz, so nothing is said of new rows. Restore the file, or train {arm.name} again."
        for arm in both
        if arm.held_out is None and arm.record.rows_sha256 is not None
    ]
    return next(filter(None, [*lost, *map(why_too_large, both)]), NOT_KEPT)


def _rows(arm: Arm, history: History, part: str) -> PartRows | None:
    """Return the rows of one part for the seeds that are compared; None if they are not kept for all these seeds."""
    if part not in HELD_OUT_PARTS or arm.held_out is None or part not in arm.held_out.parts:
        return None
    known = set(arm.held_out.seeds)
    return arm.held_out.of(history.seeds).parts[part] if known.issuperset(history.seeds) else None


@dataclass(frozen=True)
class MeasuredRows:
    """What the seeds of an arm measured on the same held-out rows."""

    rows: PartRows
    final_S: Floats
    """Each seed's mean over the rows, (S,)."""
    diverged_S: Sequence[bool]

    def values(self, measured: str) -> Floats | None:
        """Return what each row measured, (S, R); None if it is not kept.

        In accuracy, a diverged seed counts as a net that guesses the commonest class.
        """
        values_SR = self.rows.values(measured)
        if values_SR is None or measured != "accuracy" or self.rows.guessed_SR is None:
            return values_SR
        return np.where(np.array(self.diverged_S)[:, None], self.rows.guessed_SR, values_SR)


def row_by_row(treated: MeasuredRows, base: MeasuredRows, metric: str, scale: Scale) -> Floats | None:
    """Return treated minus baseline for each seed and row, (S, R), up to a constant for each seed.

    The result is None if an arm does not keep its values. Both arms must have the same rows.
    """
    measured = quantity(metric)
    if measured == "r2":
        return of_r2(treated.rows, base.rows)
    pair = [(arm.values(measured), arm.final_S) for arm in (treated, base)]
    on_scale = [rows_on_scale(values_SR, final_S, scale) for values_SR, final_S in pair if values_SR is not None]
    return on_scale[0] - on_scale[1] if len(on_scale) == 2 else None


def of_r2(treated: PartRows, base: PartRows) -> Floats | None:
    """Return each row's contribution to the difference in r2, (S, R); None if an arm does not keep its predictions.

    r2 is 1 minus the ratio of the squared errors to the squared distances of the targets from their mean. So the
    difference is a ratio of means. It is linearized at its value.
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
