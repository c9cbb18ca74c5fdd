"""One arm by itself: each seed's final value, its epochs to a target, and the arm's entry in comparison.json.

Axis: S seeds.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from bnexp import statistics
from bnexp.comparison.pairing import Arm
from bnexp.comparison.question import ResolvedQuestion
from bnexp.config import Experiment
from bnexp.history import History
from bnexp.metrics import higher_is_better, is_computed, quantity
from bnexp.statistics import strict_values
from bnexp.statistics.arrays import Floats
from bnexp.store.comparison_document import ArmFacts, ArmMean
from bnexp.store.reach import Reach


def arm_facts(arm: Arm, history: History, question: ResolvedQuestion) -> ArmFacts:
    """Return the arm's entry of `arms` in comparison.json."""
    finals = {name: final_values(history, name, guessing_of(arm)) for name in history.metrics}
    return ArmFacts(
        name=arm.name,
        run=arm.run,
        parameters=arm.record.parameters,
        seeds=len(history.seeds),
        overrides=arm.record.overrides,
        warnings=arm.record.warnings,
        weighted_by=_weighted_by(arm.experiment),
        diverged={str(seed): epoch for seed, epoch in history.diverged_at.items()},
        metrics={name: ArmMean(**statistics.of_finite(values_S)) for name, values_S in finals.items()},
        to_target=None if question.target is None else _reach(arm, epochs_to_target(history, question)),
        network=arm.record.network,
        one_by_one=None if arm.record.trainer is None else arm.record.trainer.reason,
    )


def _weighted_by(experiment: Experiment) -> list[str]:
    """List the keys that give the training rows different weights in the loss."""
    of_row = getattr(experiment.dataset, "weight_column", None)
    set_to = {"training.class_weight": experiment.training.class_weight, "dataset.weight_column": of_row}
    return [key for key, value in set_to.items() if value is not None]


def final_values(history: History, metric: str, guessing: Mapping[str, float]) -> Floats:
    """Return each seed's final value, (S,). `History.as_judged` decides the value of a diverged seed."""
    return history.as_judged(metric, history.final(metric), guessing)


def epochs_to(history: History, metric: str, target: float) -> Floats:
    """Return each seed's first epoch at the target, (S,); NaN if it never reached the target, or diverged."""
    epochs_S = statistics.epochs_to_target(history.metrics[metric], target, higher_is_better(metric))
    return np.where([seed in history.diverged_at for seed in history.seeds], np.nan, epochs_S)


def guessing_of(arm: Arm) -> Mapping[str, float]:
    """Return each part's accuracy of guessing. Older runs have none, so their diverged seeds have no value."""
    return arm.record.dataset.guessing


def guesses_of(arm: Arm, metric: str) -> Mapping[str, float]:
    """Return what guessing scores on each part: in the metric if it is computed from predictions, else in accuracy.

    Older runs did not record the best single answer. For them it is the score of the training part's commonest class.
    """
    if is_computed(metric):
        return {} if arm.held_out is None else arm.held_out.of_guess(quantity(metric))
    scores = arm.record.dataset.one_class
    return guessing_of(arm) if scores is None else scores


def epochs_to_target(history: History, question: ResolvedQuestion) -> Floats:
    """Return each seed's first epoch at the question's target, (S,); NaN if never reached, or without a target."""
    if question.target is None:
        return np.full(len(history.seeds), np.nan)
    return epochs_to(history, question.target_metric, question.target)


def _reach(arm: Arm, epochs_S: Floats) -> Reach:
    """Return how soon the target was reached; a censored seed (target never reached) counts with the whole budget.

    A censored seed that stopped early counts with the whole budget, too. Counted with the epochs that it ran, an arm
    that stops early would look fast.
    """
    budget, share = arm.experiment.training.epochs, arm.record.seed_epoch_seconds
    reach = statistics.reach(epochs_S, budget)
    return Reach(
        reached=reach.reached,
        seeds=reach.seeds,
        budget_epochs=budget,
        mean_epochs=reach.restricted_mean,
        mean_seconds=None if share is None else reach.restricted_mean * share,
        epochs=strict_values(epochs_S),
    )
