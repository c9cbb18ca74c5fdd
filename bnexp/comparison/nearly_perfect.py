"""A caution for arms of a table that answer nearly every held-out row right: an input may give the answer away."""

from __future__ import annotations

from collections.abc import Iterator

from bnexp.comparison.arm_values import final_values, guessing_of
from bnexp.comparison.pairing import PairedArms
from bnexp.comparison.question import ResolvedQuestion
from bnexp.config.real import CsvDataset, OpenmlDataset, ParquetDataset
from bnexp.metrics import higher_is_better, number, traits, with_unit

NEARLY_ALL = 0.999
"""The least value of a metric whose best value is 1, such as accuracy or AUC, that is nearly perfect."""


def nearly_perfect(arms: PairedArms, question: ResolvedQuestion) -> Iterator[str]:
    """Yield a caution if both arms of a user's table are nearly perfect in the metric that decides."""
    metric = question.metric
    if not isinstance(arms.baseline.experiment.dataset, CsvDataset | ParquetDataset | OpenmlDataset):
        return
    if traits(metric).high != 1 or not higher_is_better(metric):
        return
    pairs = ((arms.treated, arms.arm), (arms.base, arms.baseline))
    if all((final_values(history, metric, guessing_of(arm)) >= NEARLY_ALL).all() for history, arm in pairs):
        yield (
            f"All seeds of both arms have {with_unit(metric)} of {number(metric, NEARLY_ALL)} or more. An input may "
            "give the answer away: a copy of the target, or a value that is known only afterwards. Look at the "
            "columns. If one does, leave it out (dataset.drop)."
        )
