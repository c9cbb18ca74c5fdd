"""Metrics of the final weights, such as AUC, that are computed from the stored predictions for held-out rows."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace

from bnexp.comparison.metric_names import Predictions
from bnexp.comparison.metric_rules import of_one_class
from bnexp.comparison.pairing import Arm
from bnexp.config import Experiment
from bnexp.config.section import Task
from bnexp.errors import ComparisonError
from bnexp.held_out import FEWER, MOST_MEASURED, HeldOut, measured_bytes, outputs_of, too_large
from bnexp.history import History
from bnexp.metrics import HELD_OUT_PARTS, is_computed, quantity
from bnexp.statistics.classification import METRICS
from bnexp.store import DataFacts
from bnexp.store.run_record import MEASURES_NOT_KEPT, PREDICTIONS_NOT_KEPT
from bnexp.system.spelling import spelt

NEEDS_PREDICTIONS = "is computed from the predictions for held-out rows"
FEWEST_CLASSES: dict[Task, int] = {"binary": 2, "multiclass": 3, "regression": 0}
"""Task -> the number of classes to assume if the data do not name them."""


def computed_by(task: Task, data: DataFacts, experiment: Experiment) -> list[str]:
    """Return the metrics that are computed from an experiment's final weights; none if it keeps no rows.

    Metrics that are computed at each epoch, too, are included.
    """
    if not experiment.training.keep_rows:
        return []
    classes = _number_of_classes(task, data)
    fitting = [name for name, metric in METRICS.items() if metric.fits(classes)]
    return [f"{part}_{name}" for part in experiment.evaluated_parts() if part in HELD_OUT_PARTS for name in fitting]


def predictions_of(several: Iterable[tuple[Task, DataFacts, Experiment]]) -> Predictions:
    """Return what is known of the predictions of these experiments, each given with the task and facts of its data."""
    known = list(several)
    classes = frozenset(_number_of_classes(task, data) for task, data, _ in known)
    return Predictions(classes, all(one.training.keep_rows for _, _, one in known))


def _number_of_classes(task: Task, data: DataFacts) -> int:
    return len(data.classes or ()) or FEWEST_CLASSES[task]


def with_computed(history: History, held_out: HeldOut | None, metric: str) -> History | None:
    """Return the history with the values of a computed metric for the final weights; None if they are not known.

    They are computed from the stored predictions. Without predictions they are known only if each epoch computed them.
    """
    known = held_out is not None and set(history.seeds) <= set(held_out.seeds)
    values_SR = held_out.of(history.seeds).values(metric) if known and held_out is not None else None
    if values_SR is None:
        return history if metric in history.metrics else None
    return history.with_final(metric, values_SR.mean(axis=1))


def refuse_one_class(metric: str | None, data: Iterable[DataFacts]) -> None:
    """Raise ComparisonError if the requested metric compares classes, and its part has only one class."""
    for facts in data:
        if metric is not None and (why := of_one_class(metric, facts)):
            raise ComparisonError(f"{spelt('metric')} is {metric!r}; {why}")


def refuse_too_large(metric: str | None, name: str, experiment: Experiment, facts: DataFacts) -> None:
    """Raise ComparisonError if an arm will keep no predictions for the requested metric, as they are too large."""
    if metric is None or not is_computed(metric) or quantity(metric) in experiment.training.metrics:
        return
    seeds, rows = experiment.training.seeds, (facts.validation_rows or 0) + (facts.test_rows or 0)
    classes = len(facts.classes) if facts.classes else None
    if measured_bytes(seeds, rows, outputs_of(classes)) > MOST_MEASURED:
        seen = f"{name} would keep none: {too_large(seeds, rows)}"
        raise ComparisonError(
            f"{spelt('metric')} is {metric!r}; it {NEEDS_PREDICTIONS}, and {seen}. {FEWER} {_at_each_epoch(metric)}"
        )


def _at_each_epoch(metric: str) -> str:
    return f"Or set training.metrics: [{quantity(metric)}], which measures it at each epoch."


def answering(arms: Sequence[Arm], metric: str | None) -> list[Arm]:
    """Return the arms with the requested metric in their histories, if it is a computed metric.

    Raises:
        ComparisonError: if an arm keeps no predictions, or if the metric compares classes and there is only one class.
    """
    if metric is None or not is_computed(metric):
        return list(arms)
    refuse_one_class(metric, [arm.record.dataset for arm in arms])
    histories = [with_computed(arm.history, arm.held_out, metric) for arm in arms]
    lost = [arm for arm, history in zip(arms, histories, strict=True) if history is None]
    if lost:
        names = " and ".join(f"{arm.name} ({arm.run})" for arm in lost)
        notes = [note for arm in lost if (note := why_too_large(arm))]
        cure = "Train again with training.keep_rows: true, or read another metric."
        cure = f"{notes[0]} {_at_each_epoch(metric)}" if notes else cure
        raise ComparisonError(f"{spelt('metric')} is {metric!r}; it {NEEDS_PREDICTIONS}, and {names} kept none. {cure}")
    return [replace(arm, history=history) for arm, history in zip(arms, histories, strict=True) if history is not None]


def why_too_large(arm: Arm) -> str:
    """Return the run's note that the measures or predictions of rows were too large to keep; "" without a note."""
    begins = (MEASURES_NOT_KEPT, PREDICTIONS_NOT_KEPT)
    return next((text for text in arm.record.not_kept if text.startswith(begins)), "")
