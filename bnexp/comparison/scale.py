"""On which scale a metric is judged: a difference, or the log of a ratio.

A loss or an error has no upper end, and a few seeds with large values decide its mean. The interval of a mean of
skewed values misses too often. So losses and errors are judged by their ratio: by the mean of the difference in logs,
which is the ratio of geometric means.

Axes: S seeds, R held-out rows.
"""

from __future__ import annotations

import math
from typing import Literal

import numpy as np

from bnexp import statistics
from bnexp.metrics import traits
from bnexp.statistics.arrays import Floats

Scale = Literal["difference", "ratio"]


def scale_of(metric: str, *values: Floats, own_splits: bool = False) -> Scale:
    """Return the scale on which arms with these final values, (S,) each, are judged.

    Where each seed has a split of its own, it is the difference. There the corrected interval of the ratio covers too
    seldom, and the difference's does not (docs/statistics.md; `benchmarks/coverage.py`).

    >>> scale_of("val_loss", np.array([0.5, 0.25])), scale_of("val_loss", np.zeros(2)), scale_of("r2", np.ones(2))
    ('ratio', 'difference', 'difference')
    """
    if own_splits:
        return "difference"
    is_positive = all(bool((values_S[np.isfinite(values_S)] > 0).all()) for values_S in values)
    return "ratio" if is_positive and traits(metric).margin is None else "difference"


def difference_on_scale(treated_S: Floats, baseline_S: Floats, scale: Scale) -> Floats:
    """Return treated minus baseline, (S,), of the values or of their logs; not finite where one has no value.

    >>> np.exp(difference_on_scale(np.array([2.0]), np.array([4.0]), "ratio"))
    array([0.5])
    """
    if scale == "ratio":
        treated_S, baseline_S = (np.log(values_S) for values_S in (treated_S, baseline_S))
    return statistics.subtracted(treated_S, baseline_S, in_logs=scale == "ratio")


def rows_on_scale(values_SR: Floats, final_S: Floats, scale: Scale) -> Floats:
    """Return what each row adds to the seeds' final values on a scale, (S, R), up to a constant for each seed.

    The log of a final value is linearized at that value: a row adds its own in units of it.
    """
    return values_SR if scale == "difference" else values_SR / final_S[:, None]


def margin_on_scale(margin: float, baseline_mean: float, scale: Scale) -> float:
    """Return a margin, given in the metric's unit, on a scale. On the scale of ratios it is a log.

    >>> round(math.exp(margin_on_scale(0.02, 0.4, "ratio")), 3)
    1.05
    """
    return margin if scale == "difference" else math.log1p(margin / baseline_mean)


def ratio_limits(log_margin: float) -> str:
    """Write between which ratios no difference matters, by the log that is the margin.

    >>> ratio_limits(math.log(1.05)), ratio_limits(math.log(1.00089)), ratio_limits(900.0)
    ('between 0.952 and 1.05', 'between 0.99911 and 1.00089', 'between 0 and inf')
    """
    decimals = max(2, 1 - math.floor(math.log10(log_margin))) if log_margin > 0 else 2
    low, high = (math.exp(log) if log < 700 else math.inf for log in (-log_margin, log_margin))
    if log_margin > 0.1:
        return f"between {low:.3g} and {high:.3g}"
    return f"between {round(low, decimals):g} and {round(high, decimals):g}"


def ratio_text(log: float) -> str:
    """Write the ratio of a log; a bound that no number can hold has a sign in its place.

    >>> ratio_text(0.0), ratio_text(-0.105), ratio_text(900.0), ratio_text(math.nan)
    ('1.00', '0.900', 'inf', 'nan')
    """
    return "inf" if log >= 700 else f"{math.exp(log):#.3g}"
