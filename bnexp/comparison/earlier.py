"""A stored comparison of the same data, whose variances predict what another comparison can detect."""

from __future__ import annotations

import math
from dataclasses import dataclass

from bnexp.statistics.quantiles import t_quantile
from bnexp.store.comparison_document import ComparisonDocument, Judged, MetricDifference

FEW_PAIRS = 6
"""With fewer pairs, the variances are so uncertain that the sentence says so. No verdict rests on fewer."""


@dataclass(frozen=True)
class Earlier:
    """A stored comparison of the same data."""

    run: str
    document: ComparisonDocument
    is_of_these: bool = True
    """Whether it compared the same experiments. Other experiments have other variances."""

    def difference(self, metric: str) -> MetricDifference | None:
        """Return the metric's difference in the first contrast where it varies; None if it varies in no contrast."""
        found = (contrast.metrics.get(metric) for contrast in self.document.contrasts)
        return next((one for one in found if one is not None and _has_spread(one)), None)

    def differed_alike(self, metric: str) -> bool:
        """Return True if a metric was measured by enough pairs, and varied neither over pairs nor over rows."""
        found = [contrast.metrics[metric] for contrast in self.document.contrasts if metric in contrast.metrics]
        measured = [one for one in found if one.pairs >= FEW_PAIRS and _is_measured(one)]
        return bool(found) and len(measured) == len(found) and not any(map(_has_spread, found))

    def fitness(self, metric: str) -> tuple[bool, bool, bool]:
        """Return a key by which the most fitting of several comparisons is the largest.

        Whether anything is known of the metric's spread counts most, then whether the arms are the same, then whether
        there are enough pairs to estimate it.
        """
        found = self.difference(metric)
        is_known = found is not None or self.differed_alike(metric)
        return is_known, self.is_of_these, found is not None and found.pairs >= FEW_PAIRS

    def baseline_mean(self, metric: str) -> float | None:
        """Return the mean of the baseline's final values; None if it is not known."""
        means = (arm.metrics.get(metric) for arm in self.document.arms if arm.name == self.document.baseline)
        return next((one.mean for one in means if one is not None), None)

    def log_ratio(self, metric: str) -> MetricDifference | None:
        """Return the difference between the logs of a metric; None if it has no logs.

        If another metric was judged, the spread of the logs is about the spread of the values divided by their mean.
        """
        found, mean = self.difference(metric), self.baseline_mean(metric)
        judged = next((one.judged for one in self.document.contrasts if one.judged is not None), None)
        if judged is not None and judged.scale == "ratio" and self.document.primary.metric == metric and found:
            return _of_judged(judged, found.pairs)
        if found is None or mean is None or mean <= 0:
            return None
        return _divided(found, mean)


def _of_judged(judged: Judged, pairs: int) -> MetricDifference | None:
    """Return a judged difference as one with a standard deviation over pairs, which follows from its interval."""
    if judged.low is None or judged.high is None or pairs < 2:
        return None
    error = (judged.high - judged.low) / 2 / t_quantile(judged.level, pairs - 1)
    return MetricDifference(
        mean=judged.mean,
        low=judged.low,
        high=judged.high,
        standard_deviation=error * math.sqrt(pairs),
        pairs=pairs,
        new_rows=judged.new_rows,
    )


def _divided(found: MetricDifference, mean: float) -> MetricDifference:
    """Return a difference, with its variances, in units of a mean."""
    rows, deviation = found.new_rows, found.standard_deviation
    if rows is not None:
        names = ("seed_variance", "row_variance", "rest_variance")
        known = {name: value for name in names if (value := getattr(rows, name)) is not None}
        rows = rows.model_copy(update={name: value / mean**2 for name, value in known.items()})
    spread = None if deviation is None else deviation / mean
    return found.model_copy(update={"standard_deviation": spread, "new_rows": rows})


def _is_measured(found: MetricDifference) -> bool:
    """Return True if the variances over held-out rows are stored."""
    return found.new_rows is not None and found.new_rows.row_variance is not None


def _has_spread(found: MetricDifference) -> bool:
    """Return True if a difference varies, over pairs or over rows."""
    rows = found.new_rows
    parts = (None, None) if rows is None else (rows.row_variance, rows.rest_variance)
    return any(part is not None and part > 0 for part in (found.standard_deviation, *parts))
