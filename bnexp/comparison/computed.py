"""Metrics of the final weights that no epoch measures, such as AUC: computed from what is kept of each held-out row."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace

from bnexp.comparison.metric_rules import of_one_class
from bnexp.comparison.pairing import Arm
from bnexp.config import Experiment
from bnexp.config.section import Task
from bnexp.errors import ComparisonError
from bnexp.held_out import HeldOut
from bnexp.history import History
from bnexp.metrics import computed_names, is_computed
from bnexp.store import DataFacts

NEEDS_PREDICTIONS = "is computed from what a net predicts for each held-out row"


def computed_by(task: Task, experiment: Experiment) -> list[str]:
    """List the metrics that are computed of an experiment's final weights: none where no rows are kept."""
    return computed_names(task, experiment.evaluated_parts()) if experiment.training.keep_rows else []


def with_computed(history: History, held_out: HeldOut | None, metric: str) -> History | None:
    """Return a history with a computed metric of its seeds' final weights; None where no predictions are kept."""
    known = held_out is not None and set(history.seeds) <= set(held_out.seeds)
    values_SR = held_out.of(history.seeds).values(metric) if known and held_out is not None else None
    return None if values_SR is None else history.with_final(metric, values_SR.mean(axis=1))


def refuse_one_class(metric: str | None, data: Iterable[DataFacts]) -> None:
    """Raise ComparisonError if AUC is asked for on a part that has but one class, so that it has no value there."""
    for facts in data:
        if metric is not None and (why := of_one_class(metric, facts.one_class or {})):
            raise ComparisonError(f"--metric is {metric!r}; {why}")


def answering(arms: Sequence[Arm], metric: str | None) -> list[Arm]:
    """Return arms whose histories have a metric that was asked for, if it is a computed one.

    Raises:
        ComparisonError: if an arm keeps no predictions, or has but one class where AUC is asked for.
    """
    if metric is None or not is_computed(metric):
        return list(arms)
    refuse_one_class(metric, [arm.record.dataset for arm in arms])
    histories = [with_computed(arm.history, arm.held_out, metric) for arm in arms]
    if lost := [f"{arm.name} ({arm.run})" for arm, history in zip(arms, histories, strict=True) if history is None]:
        raise ComparisonError(
            f"--metric is {metric!r}; it {NEEDS_PREDICTIONS}, and {' and '.join(lost)} kept none. "
            "Train again with training.keep_rows: true, or read another metric."
        )
    return [replace(arm, history=history) for arm, history in zip(arms, histories, strict=True) if history is not None]
