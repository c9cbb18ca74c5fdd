"""The scale on which a metric is judged: a difference, or the log of a ratio.

A loss or an error has no upper bound, and a few seeds with large values dominate its mean. The interval of a mean of
skewed values misses the true mean too often. So losses and errors are judged by the mean difference of their logs.
It is the log of the ratio of geometric means.

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

    If each seed has its own split, it is the difference. Over those splits the corrected interval of the ratio covers
    the true value too seldom. The interval of the difference does not (docs/statistics.md; `benchmarks/coverage.py`).

    >>> scale_of("val_loss", np.array([0.5, 0.25])), scale_of("val_loss", np.zeros(2)), scale_of("r2", np.ones(2))
    ('ratio', 'difference', 'difference')
    """
    if own_splits:
        return "difference"
    is_positive = all(bool((values_S[np.isfinite(values_S)] > 0).all()) for values_S in values)
    return "ratio" if is_positive and traits(metric).margin is None else "difference"


def difference_on_scale(treated_S: Floats, baseline_S: Floats, scale: Scale) -> Floats:
    """Return treated minus baseline, (S,), in values or in their logs; not finite if one of the two has no value.

    >>> np.exp(difference_on_scale(np.array([2.0]), np.array([4.0]), "ratio"))
    array([0.5])
    """
    if scale == "ratio":
        treated_S, baseline_S = (np.log(values_S) for values_S in (treated_S, baseline_S))
    return statistics.subtracted(treated_S, baseline_S, in_logs=scale == "ratio")


def rows_on_scale(values_SR: Floats, final_S: Floats, scale: Scale) -> Floats:
    """Return what each row adds to the seeds' final values on a scale, (S, R), up to a constant for each seed.

    The log of a final value is linearized at that value: a row adds its own value divided by the final value.
    """
    return values_SR if scale == "difference" else values_SR / final_S[:, None]


def margin_on_scale(margin: float, baseline_mean: float, scale: Scale) -> float:
    """Return a margin in the metric's unit, converted to a scale. On the ratio scale it is a log.

    >>> round(math.exp(margin_on_scale(0.02, 0.4, "ratio")), 3)
    1.05
    """
    return margin if scale == "difference" else math.log1p(margin / baseline_mean)


def ratio_limits(log_margin: float) -> str:
    """Return the range of ratios that do not matter, as text. The margin is a log.

    >>> ratio_limits(math.log(1.05)), ratio_limits(math.log(1.00089)), ratio_limits(900.0)
    ('between 0.952 and 1.05', 'between 0.99911 and 1.00089', 'between 0 and inf')
    """
    decimals = max(2, 1 - math.floor(math.log10(log_margin))) if log_margin > 0 else 2
    low, high = (math.exp(log) if log < 700 else math.inf for log in (-log_margin, log_margin))
    if log_margin > 0.1:
        return f"between {low:.3g} and {high:.3g}"
    return f"between {round(low, decimals):g} and {round(high, decimals):g}"


def ratio_text(log: float) -> str:
    """Return the ratio of a log as text; "inf" if it is too large for a number, "nan" if there is none.

    >>> ratio_text(0.0), ratio_text(-0.105), ratio_text(900.0), ratio_text(math.nan)
    ('1.00', '0.900', 'inf', 'nan')
    """
    return "inf" if log >= 700 else f"{math.exp(log):#.3g}"
