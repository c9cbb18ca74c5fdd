"""What an estimate draws anew besides seeds: held-out rows, splits, or neither. One rule for a comparison and a study.

Row counts and `dataset.resample` decide. An estimate for other splits does not need the measures of single rows.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from bnexp.comparison.metric_rules import holds_out_own_rows
from bnexp.config.dataset import Dataset
from bnexp.config.section import Resample
from bnexp.metrics import HELD_OUT_PARTS, part_of, quantity
from bnexp.statistics.classification import METRICS
from bnexp.store.comparison_document import NewRowsInterval
from bnexp.store.comparison_question import MeasuredOn
from bnexp.store.run_record import DataFacts

NOT_HELD_OUT = "Nothing is said of new rows: the metric is not measured on held-out rows."
MOST_HELD_OUT = "Nothing is said of new rows: each seed holds out rows of its own, and most rows are held out."
SPLIT_IN_DIFFERENT_WAYS = "Nothing is said of new rows: the arms or cells are split in different ways."
BIASED = (
    "Nothing is said of new rows: {} is too large on few rows, by more for a well calibrated net. Its interval would "
    "miss too often."
)
NOT_COUNTED = (
    "Nothing is said of other splits: the numbers of training rows and held-out rows are not recorded. Train again."
)


@dataclass(frozen=True)
class SplitRows:
    """How the seeds of one experiment split its rows."""

    resample: Resample
    rows: Mapping[str, int | None]
    """Part of the data (`train`, `val`, `test`) -> its number of rows; None if that was not recorded."""


def split_rows(resample: Resample, facts: DataFacts) -> SplitRows:
    """Return how the seeds of an experiment with these data split its rows."""
    return SplitRows(resample, {"train": facts.training_rows, "val": facts.validation_rows, "test": facts.test_rows})


@dataclass(frozen=True)
class DrawnAnew:
    """What an estimate draws anew besides seeds. If that is nothing, `what` is None and `why_not` is the reason."""

    what: Literal["rows", "splits"] | None
    why_not: str = ""
    count: int = 0
    """Number of held-out rows in a split: the largest of all experiments."""
    test_share: float = 0.0
    """Held-out rows of a split divided by its training rows: the largest ratio of all experiments."""


def drawn_anew(metric: str, several: Sequence[SplitRows]) -> DrawnAnew:
    """Return what is drawn anew besides seeds if a metric measures these experiments.

    If each seed has its own split, the training rows of different splits overlap. Nadeau and Bengio's estimate allows
    for the overlap. It is not meant for splits with more held-out rows than training rows.

    >>> drawn_anew("val_loss", [SplitRows(True, {"train": 80, "val": 20})]).test_share
    0.25
    >>> drawn_anew("test_loss", [SplitRows("validation", {})]).what, drawn_anew("loss", [SplitRows(True, {})]).what
    ('rows', None)
    """
    part = part_of(metric)
    if part not in HELD_OUT_PARTS:
        return DrawnAnew(None, NOT_HELD_OUT)
    own_splits = {holds_out_own_rows(metric, one.resample) for one in several}
    if own_splits == {False}:
        computed = METRICS.get(quantity(metric))
        is_biased = computed is not None and computed.is_biased
        return DrawnAnew(None, BIASED.format(metric)) if is_biased else DrawnAnew("rows")
    if len(own_splits) > 1:
        return DrawnAnew(None, SPLIT_IN_DIFFERENT_WAYS)
    sizes = [(one.rows.get(part) or 0, one.rows.get("train") or 0) for one in several]
    if not all(held_out and trained for held_out, trained in sizes):
        return DrawnAnew(None, NOT_COUNTED)
    share = max(held_out / trained for held_out, trained in sizes)
    if share > 1:
        return DrawnAnew(None, MOST_HELD_OUT)
    return DrawnAnew("splits", count=max(held_out for held_out, _ in sizes), test_share=share)


def are_grouped(dataset: Dataset) -> bool:
    """Return True if the rows of a data set are split and drawn in groups (`dataset.group`)."""
    return getattr(dataset, "group", None) not in (None, "none")


def anew_in_words(found: NewRowsInterval) -> str:
    """Return what an interval for new rows, for new groups or for other splits is about."""
    if found.drawn == "splits":
        return f"other splits and {'groups' if found.are_grouped else 'rows'}"
    return f"new {found.drawn}"


def has_own_rows(metric: str, resample: Resample) -> bool:
    """Return True if each seed measures the metric on its own rows, held out or trained on.

    For held-out rows it is `metric_rules.holds_out_own_rows`.

    >>> [has_own_rows(metric, "validation") for metric in ("val_loss", "test_loss", "loss")]
    [True, False, True]
    """
    return resample is True or (resample == "validation" and part_of(metric) != "test")


def measured_on(metric: str, resamples: Iterable[Resample]) -> MeasuredOn:
    """Return what an interval over seeds alone is about.

    >>> measured_on("val_loss", [True]), measured_on("val_loss", [False]), measured_on("val_loss", [False, True])
    ('these splits', 'these rows', 'these rows and splits')
    """
    found = {has_own_rows(metric, one) for one in resamples}
    if len(found) > 1:
        return "these rows and splits"
    return "these splits" if True in found else "these rows"
